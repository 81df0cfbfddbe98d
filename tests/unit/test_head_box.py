from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat
from scipy.spatial.transform import Rotation

from facing.datasets.head_box import (
    SHRINK,
    head_box_from_face_box,
    head_box_from_flat_points,
    head_box_from_points,
    head_points,
)
from facing.errors import DataError

SHARED = Path(__file__).parents[2].parent / "shared"
AFLW2000 = SHARED / "data" / "AFLW2000"

needs_aflw2000 = pytest.mark.skipif(
    not AFLW2000.is_dir(), reason="needs AFLW2000 pairs beside the repository"
)


def in_range_points():
    for path in sorted(AFLW2000.glob("*.mat")):
        label = loadmat(path)
        if np.abs(np.degrees(label["Pose_Para"][0, :3])).max() <= 99:
            yield label["pt3d_68"].T.astype(float)


def placed(points, *, turn, scale, shift):
    """Rotate, scale and move model points, then flip y: the layout of pt3d_68."""
    return (scale * points @ turn.T + shift) * [1, -1, 1]


def test_head_is_upright_symmetric_and_ends_at_the_chin():
    head = head_points()
    assert head.landmarks.shape == (68, 3)
    assert 300 < len(head.outline) < 1000
    assert head.outline[:, 1].min() == pytest.approx(head.landmarks[8, 1], abs=0.3)
    assert head.outline[:, 0].min() == pytest.approx(-head.outline[:, 0].max(), abs=0.05)
    # Inside the hull of the outline: no landmark but the chin lies further out than the outline's box.
    assert (head.landmarks.max(0) <= head.outline.max(0) + 0.05).all()


@pytest.mark.parametrize("seed", range(5))
def test_box_of_a_placed_head_is_the_box_of_its_placed_outline(seed):
    generator = np.random.default_rng(seed)
    turn = Rotation.random(random_state=seed).as_matrix()
    place = {"turn": turn, "scale": generator.uniform(3, 30), "shift": generator.uniform(-100, 300, 3)}
    head = head_points()
    outline = placed(head.outline, **place)[:, :2]
    points = placed(head.landmarks, **place)
    expected = np.concatenate([outline.min(0), outline.max(0)])
    np.testing.assert_allclose(head_box_from_points(points, shrink=1.0), expected, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(
        head_box_from_flat_points(points[:, :2], shrink=1.0), expected, rtol=1e-9, atol=1e-6
    )


def test_shrinking_keeps_the_centre():
    points = placed(head_points().landmarks, turn=np.eye(3), scale=10.0, shift=np.array([50.0, -60.0, 0.0]))
    plain, shrunk = head_box_from_points(points, shrink=1.0), head_box_from_points(points)
    np.testing.assert_allclose(shrunk[:2] + shrunk[2:], plain[:2] + plain[2:])
    np.testing.assert_allclose(shrunk[2:] - shrunk[:2], SHRINK * (plain[2:] - plain[:2]))


@needs_aflw2000
def test_fit_agrees_with_scipy_on_photographs():
    model = head_points().landmarks - head_points().landmarks.mean(0)
    outline = head_points().outline - head_points().landmarks.mean(0)
    for points in list(in_range_points())[::10]:
        target = points * [1, -1, 1]
        middle = target.mean(0)
        turn, _ = Rotation.align_vectors(target - middle, model)
        turned = turn.apply(model)
        scale = (turned * (target - middle)).sum() / (model**2).sum()
        projected = (scale * turn.apply(outline) + middle)[:, :2] * [1, -1]
        expected = np.concatenate([projected.min(0), projected.max(0)])
        np.testing.assert_allclose(head_box_from_points(points, shrink=1.0), expected, rtol=1e-6, atol=1e-3)


@needs_aflw2000
def test_size_and_place_against_the_landmark_box_of_160_photographs():
    sides, rises = [], []
    for points in in_range_points():
        box = head_box_from_points(points, shrink=1.0)
        low, high = points[:, :2].min(0), points[:, :2].max(0)
        side = (high - low).max()
        sides.append((box[2:] - box[:2]).max() / side)
        rises.append(((low + high)[1] - (box[1] + box[3])) / 2 / side)
    assert len(sides) == 160
    assert np.mean(sides) == pytest.approx(1.63, abs=0.01)
    assert np.mean(rises) == pytest.approx(0.33, abs=0.01)


def test_face_box_of_the_landmarks_themselves_gives_the_head_around_them():
    points = placed(head_points().landmarks, turn=np.eye(3), scale=10.0, shift=np.array([100.0, -200.0, 0.0]))
    face = np.concatenate([points[:, :2].min(0), points[:, :2].max(0)])
    box = head_box_from_face_box(face, rotation=np.eye(3), size=1.0, lower=0.0)
    np.testing.assert_allclose(box, head_box_from_points(points), rtol=1e-9)
    lower = head_box_from_face_box(face, rotation=np.eye(3), size=1.0, lower=0.5)
    np.testing.assert_allclose(lower - box, [0, 0.5 * (face[3] - face[1])] * 2)
    larger = head_box_from_face_box(face, rotation=np.eye(3), size=1.5, lower=0.0)
    np.testing.assert_allclose(larger[2:] - larger[:2], 1.5 * (box[2:] - box[:2]))


@pytest.mark.parametrize("points", [np.zeros((68, 3)), np.full((68, 3), np.nan), np.zeros((21, 3))])
def test_landmarks_without_a_head_are_refused(points):
    with pytest.raises(DataError):
        head_box_from_points(points)


def test_face_box_without_area_is_refused():
    with pytest.raises(DataError, match="no area"):
        head_box_from_face_box((5, 5, 5, 9), rotation=np.eye(3), size=1.0, lower=0.0)
