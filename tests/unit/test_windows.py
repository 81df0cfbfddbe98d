"""Averaging over windows of a crop: each is what the network reads of that part of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facing.crop import CropSpec, crop_heads
from facing.errors import ModelError
from facing.models.windows import FURTHER, WINDOWS, PairedStem, WindowAverage, windowed_crop
from plain_pose import settled_network

SIDE = 64


def network(backbone="compact", variant="nano", head="rotation_6d"):
    return settled_network(backbone, variant, head, crops=crops(8))


def crops(count=3):
    coarse = torch.rand(count, 3, 9, 9, generator=torch.Generator().manual_seed(1)) * 255
    side = SIDE + FURTHER
    smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic").clamp(0, 255)
    return smooth.permute(0, 2, 3, 1).to(torch.uint8).contiguous()


@pytest.mark.parametrize("count", WINDOWS)
def test_it_answers_the_mean_of_what_the_network_reads_in_the_windows(count):
    alone = network()
    whole = crops()
    # Left and above, windows see the crop go on, where a crop of its own has padding: grey.
    first = [(2 * right + 1, 2 * down + 1) for right, down in WINDOWS[count]]
    for right, down in first:
        whole[:, down - 1], whole[:, :, right - 1] = 128, 128
    numbers = []
    with torch.no_grad():
        for right, down in first:
            part = whole[:, down : down + SIDE, right : right + SIDE]
            numbers.append(alone.head.numbers(alone.features(part)))
        wanted = alone.head.answer(torch.stack(numbers).mean(0))
        got = WindowAverage(alone, count=count)(whole)
        one = alone.head.answer(numbers[0])
    np.testing.assert_allclose(got["rotation"], wanted["rotation"], atol=0.02)
    np.testing.assert_allclose(got["spread"], wanted["spread"], rtol=0.01)
    assert (one["rotation"] - wanted["rotation"]).abs().max() > 0.3


@pytest.mark.parametrize("count", WINDOWS)
def test_windows_lie_about_the_middle_of_the_crop(count):
    assert len(WINDOWS[count]) == count
    middles = 2 * np.array(WINDOWS[count]) + 1 + SIDE / 2
    assert np.abs(middles.mean(0) - (SIDE + FURTHER) / 2).max() < 0.5
    assert (middles + SIDE / 2 < SIDE + FURTHER).all()


def test_weights_of_pairs_are_those_of_the_stem():
    backbone = network().backbone
    weight, _ = backbone.folded_stem()
    assert torch.equal(PairedStem.unpaired(PairedStem(backbone).weight), weight)


def test_the_crop_has_as_many_pixels_per_head_and_twelve_more():
    trained = CropSpec(side=128, scale=1.12)
    larger = windowed_crop(trained)
    assert larger.side == 140
    picture = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    box = [[100.0, 60.0, 150.0, 120.0]]
    inner = crop_heads(picture, box, larger).pixels[0, 6:-6, 6:-6].astype(int)
    assert np.abs(inner - crop_heads(picture, box, trained).pixels[0]).max() <= 1


def test_what_cannot_be_averaged_is_refused():
    with pytest.raises(ModelError, match=r"even side, not 97 pixels; use --mirror"):
        windowed_crop(CropSpec(side=97, scale=1.12))
    with pytest.raises(ModelError, match="averages rotations"):
        WindowAverage(network(head="vector"), count=2)
    with pytest.raises(ModelError, match=r"compact backbones, not shufflenet_v2; use --mirror"):
        WindowAverage(network("shufflenet_v2", "0.5"), count=2)
    with pytest.raises(ModelError, match="--windows 4 cannot be; give 2 or 3"):
        WindowAverage(network(), count=4)
