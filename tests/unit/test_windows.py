"""Averaging over four windows of a crop: each is what the network reads of that part of it, two mirrored."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facing.crop import CropSpec, crop_heads
from facing.errors import ModelError
from facing.models.windows import FURTHER, WINDOWS, WindowAverage, windowed_crop
from plain_pose import settled_network

S = np.diag([-1.0, 1.0, 1.0])
SIDE = 64


def network(backbone="compact", variant="nano", head="rotation_6d"):
    return settled_network(backbone, variant, head, crops=crops(8))


def crops(count=3):
    coarse = torch.rand(count, 3, 9, 9, generator=torch.Generator().manual_seed(1)) * 255
    side = SIDE + FURTHER
    smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic").clamp(0, 255)
    return smooth.permute(0, 2, 3, 1).to(torch.uint8).contiguous()


def test_it_answers_the_mean_of_what_the_network_reads_in_the_four_corners():
    alone = network()
    whole = crops()
    # At inner edges windows see the crop go on, where a crop of its own has padding: grey.
    edges = [FURTHER - 1, SIDE]
    whole[:, edges], whole[:, :, edges] = 128, 128
    numbers = []
    with torch.no_grad():
        for mirrored, right, down in WINDOWS:
            part = whole[:, down * FURTHER :, right * FURTHER :][:, :SIDE, :SIDE]
            read = alone.head.numbers(alone.features(part.flip(2) if mirrored else part))
            numbers.append(read * alone.head.mirrored if mirrored else read)
        wanted = alone.head.answer(torch.stack(numbers).mean(0))
        got = WindowAverage(alone)(whole)
        one = alone.head.answer(numbers[0])
    np.testing.assert_allclose(got["rotation"], wanted["rotation"], atol=0.02)
    np.testing.assert_allclose(got["spread"], wanted["spread"], rtol=0.01)
    assert (one["rotation"] - wanted["rotation"]).abs().max() > 0.3


def test_a_mirrored_crop_gives_the_mirrored_pose():
    average = WindowAverage(network())
    with torch.no_grad():
        here, there = (average(picture)["rotation"].numpy() for picture in (crops(), crops().flip(2)))
    assert S @ here @ S == pytest.approx(there, abs=1e-4)


def test_the_crop_has_as_many_pixels_per_head_and_ten_more():
    trained = CropSpec(side=128, scale=1.12)
    larger = windowed_crop(trained)
    assert larger.side == 138
    picture = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    box = [[100.0, 60.0, 150.0, 120.0]]
    inner = crop_heads(picture, box, larger).pixels[0, 5:-5, 5:-5].astype(int)
    assert np.abs(inner - crop_heads(picture, box, trained).pixels[0]).max() <= 1


def test_what_cannot_be_averaged_is_refused():
    with pytest.raises(ModelError, match="averages rotations"):
        WindowAverage(network(head="vector"))
    with pytest.raises(ModelError, match=r"compact backbones, not shufflenet_v2; use --mirror"):
        WindowAverage(network("shufflenet_v2", "0.5"))
