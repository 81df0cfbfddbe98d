"""Averaging over the mirror image: what goes in mirrored comes out mirrored."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facing.models.heads.rotation_6d import Rotation6DSettings
from facing.models.mirror import MirrorAverage
from facing.models.network import PoseNetwork
from facing.models.settings import ModelSettings

S = np.diag([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    alone = PoseNetwork(
        ModelSettings(backbone="compact", variant="nano"),
        Rotation6DSettings(name="rotation_6d", landmarks=1.0),
    ).eval()
    torch.nn.init.normal_(alone.head.rotation.weight, std=0.5)
    torch.nn.init.normal_(alone.head.spread.weight, std=0.5)
    return alone, MirrorAverage(alone).eval()


def crops(count=6):
    return torch.randint(
        0, 256, (count, 48, 48, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )


def test_a_mirrored_picture_gives_the_mirrored_pose(networks):
    alone, average = networks
    with torch.no_grad():
        here, there = average(crops()), average(crops().flip(2))
        single, single_there = alone(crops()), alone(crops().flip(2))
    assert S @ here["rotation"].numpy() @ S == pytest.approx(there["rotation"].numpy(), abs=1e-5)
    assert here["spread"].numpy() == pytest.approx(there["spread"].numpy(), abs=1e-6)
    # The network alone does not have this property, so the test can fail.
    assert np.abs(S @ single["rotation"].numpy() @ S - single_there["rotation"].numpy()).max() > 0.05


def test_it_answers_between_both_readings(networks):
    alone, average = networks
    with torch.no_grad():
        mean = average(crops())["rotation"].numpy()
        first = alone(crops())["rotation"].numpy()
        second = S @ alone(crops().flip(2))["rotation"].numpy() @ S
    assert mean @ mean.transpose(0, 2, 1) == pytest.approx(np.tile(np.eye(3), (len(mean), 1, 1)), abs=1e-5)
    apart = np.einsum("nij,nij->n", first, second)
    assert (np.einsum("nij,nij->n", first, mean) >= apart - 1e-5).all()
