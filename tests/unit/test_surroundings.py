"""What is painted around faces: it leaves the face, changes the rest, and costs nothing where it is off."""

import numpy as np
import pytest
import torch

from facing.training.surroundings import paint_surroundings

SIDE = 112
TURNED_AWAY = np.diag([-1.0, 1.0, -1.0]).astype(np.float32)


def face(*, size=0.5, turn_deg=0.0):
    """68 landmarks of an upright oval face in crop coordinates, brows to chin `size` high."""
    across = np.linspace(-1, 1, 17)
    jaw = np.stack([0.42 * size * across, 0.75 * size * (1 - across**2) - 0.2 * size], axis=1)
    brows = np.stack([np.linspace(-0.32, 0.32, 10) * size, np.full(10, -0.45 * size)], axis=1)
    rest = np.random.default_rng(0).uniform((-0.25, -0.3), (0.25, 0.35), size=(41, 2)) * size
    points = np.concatenate([jaw, brows, rest])
    turn = np.deg2rad(turn_deg)
    return (points @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])).astype(
        np.float32
    )


def painted(landmarks, *, seeds, rotation=None, chance=1.0):
    rotation = np.eye(3, dtype=np.float32) if rotation is None else rotation
    given = torch.rand((2, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(1)) * 255
    changed = torch.zeros(SIDE, SIDE)
    for seed in range(seeds):
        x = given.clone()
        got = paint_surroundings(
            x,
            np.stack([landmarks, landmarks]),
            np.stack([rotation, rotation]),
            np.random.default_rng(seed),
            chance=chance,
        )
        assert got is x
        assert torch.isfinite(got).all()
        changed += ((got - given).abs().sum((0, 1)) > 1).float()
    return changed / seeds


@pytest.mark.parametrize("turn_deg", [0, 70, 180])
def test_the_face_stays_and_all_around_it_changes(turn_deg):
    changed = painted(face(turn_deg=turn_deg), seeds=60)
    middle = SIDE // 2
    assert changed[middle - 6 : middle + 6, middle - 6 : middle + 6].max() == 0
    corners = changed[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.min() > 0.05
    assert corners.max() < 0.95
    ring = changed[middle, [14, SIDE - 15]]
    assert ring.min() > 0.15


def test_the_middle_of_a_head_seen_from_behind_is_covered():
    changed = painted(face(), seeds=60, rotation=TURNED_AWAY)
    assert 0.4 < changed[SIDE // 2, SIDE // 2] <= 1


def test_faces_without_landmarks_and_too_narrow_ones_are_left():
    assert painted(np.zeros((68, 2), np.float32), seeds=5).max() == 0
    assert painted(face(size=0.1), seeds=5).max() == 0


def test_a_chance_of_nought_changes_nothing():
    assert painted(face(), seeds=5, chance=0.0).max() == 0
