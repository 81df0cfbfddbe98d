"""Averaging over the mirror image: what goes in mirrored comes out mirrored."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facing.errors import ModelError
from facing.models.mirror import MirrorAverage
from plain_pose import settled_network

S = np.diag([-1.0, 1.0, 1.0])


def network(backbone, variant, head):
    return settled_network(backbone, variant, head, crops=crops(8))


# The compact backbone's stem is read both ways at once, every other network twice.
@pytest.fixture(
    scope="module",
    params=[
        ("compact", "nano", "rotation_6d"),
        ("compact", "nano", "rotation_9d"),
        ("shufflenet_v2", "0.5", "rotation_6d"),
    ],
    ids="-".join,
)
def networks(request):
    alone = network(*request.param)
    return alone, MirrorAverage(alone)


def crops(count=6, side=48):
    return torch.randint(
        0, 256, (count, side, side, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )


def test_a_mirrored_picture_gives_the_mirrored_pose(networks):
    alone, average = networks
    with torch.no_grad():
        here, there = average(crops()), average(crops().flip(2))
        single, single_there = alone(crops()), alone(crops().flip(2))
    assert S @ here["rotation"].numpy() @ S == pytest.approx(there["rotation"].numpy(), abs=1e-4)
    assert here["spread"].numpy() == pytest.approx(there["spread"].numpy(), abs=1e-5)
    # The network alone does not have this property, so the test can fail.
    assert np.abs(S @ single["rotation"].numpy() @ S - single_there["rotation"].numpy()).max() > 0.05


def test_crops_of_an_odd_side_are_read_as_well(networks):
    with torch.no_grad():
        here, there = networks[1](crops(side=49)), networks[1](crops(side=49).flip(2))
    assert S @ here["rotation"].numpy() @ S == pytest.approx(there["rotation"].numpy(), abs=1e-4)


def test_it_answers_the_mean_of_both_readings(networks):
    alone, average = networks
    with torch.no_grad():
        seen, mirrored = (
            alone.head.rotation(alone.features(pixels)) for pixels in (crops(), crops().flip(2))
        )
        # Numbers of a rotation are its columns (two of them, end to end) or its rows (all three).
        if seen.shape[1] == 6:
            back = torch.from_numpy(S @ mirrored.reshape(-1, 2, 3).mT.numpy() @ S[:2, :2]).mT.flatten(1)
        else:
            back = torch.from_numpy(S @ mirrored.reshape(-1, 3, 3).numpy() @ S).flatten(1)
        wanted = alone.head.rotation_from((seen + back.float()) / 2)
        logs = [torch.log(alone(pixels)["spread"]) for pixels in (crops(), crops().flip(2))]
        got = average(crops())
    np.testing.assert_allclose(got["rotation"], wanted, atol=1e-4)
    # The spread is the geometric mean where neither reading is at its bounds.
    free = torch.stack(logs).abs().amax(0) < 1
    assert free.any()
    np.testing.assert_allclose(torch.log(got["spread"])[free], (sum(logs) / 2)[free], atol=1e-4)


def test_a_network_without_a_rotation_is_refused():
    with pytest.raises(ModelError, match="averages rotations"):
        MirrorAverage(network("compact", "nano", "vector"))
