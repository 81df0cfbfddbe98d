from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat
from scipy.spatial.transform import Rotation

from facing.datasets.head_box import (
    DISTANCE,
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
    assert 300 < len(head.outline) < 1500
    # Labelled boxes end under the jaw, a little below the chin landmark.
    assert 0 < head.landmarks[8, 1] - head.outline[:, 1].min() < 1.5
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
    np.testing.assert_allclose(head_box_from_points(points, distance=np.inf), expected, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(
        head_box_from_flat_points(points[:, :2], distance=np.inf), expected, rtol=1e-9, atol=1e-6
    )


@pytest.mark.parametrize("seed", range(8))
def test_box_of_a_head_before_a_camera_is_met(seed):
    """A pinhole camera by hand, its axis through the middle of the head's box: the rule finds that box."""
    generator = np.random.default_rng(seed)
    turn = Rotation.from_euler("yxz", generator.uniform([-100, -35, -20], [100, 35, 20]), degrees=True)
    head = head_points()
    away = DISTANCE * np.ptp(head.outline[:, 1])
    outline, landmarks = turn.apply(head.outline), turn.apply(head.landmarks)
    aim = np.zeros(2)
    for _ in range(30):
        flat = (outline[:, :2] - aim) / (away - outline[:, 2:])
        aim += away * (flat.min(0) + flat.max(0)) / 2
    focal, centre = 900.0, np.array([320.0, 240.0])
    expected = np.concatenate([[flat[:, 0].min(), -flat[:, 1].max()], [flat[:, 0].max(), -flat[:, 1].min()]])
    expected = focal * expected + np.tile(centre, 2)
    points = focal * (landmarks[:, :2] - aim) / (away - landmarks[:, 2:]) * (1, -1) + centre
    side = (expected[2:] - expected[:2]).max()
    np.testing.assert_allclose(head_box_from_flat_points(points), expected, atol=0.01 * side)


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
        np.testing.assert_allclose(
            head_box_from_points(points, distance=np.inf), expected, rtol=1e-6, atol=1e-3
        )


@needs_aflw2000
def test_size_and_place_against_the_landmark_box_of_160_photographs():
    sides, rises = [], []
    for points in in_range_points():
        box = head_box_from_points(points, distance=np.inf)
        low, high = points[:, :2].min(0), points[:, :2].max(0)
        side = (high - low).max()
        sides.append((box[2:] - box[:2]).max() / side)
        rises.append(((low + high)[1] - (box[1] + box[3])) / 2 / side)
    assert len(sides) == 160
    assert np.mean(sides) == pytest.approx(1.705, abs=0.01)
    assert np.mean(rises) == pytest.approx(0.306, abs=0.01)


def test_face_box_of_the_landmarks_themselves_gives_the_head_around_them():
    points = placed(head_points().landmarks, turn=np.eye(3), scale=10.0, shift=np.array([100.0, -200.0, 0.0]))
    face = np.concatenate([points[:, :2].min(0), points[:, :2].max(0)])
    box = head_box_from_face_box(face, rotation=np.eye(3), size=1.0, lower=0.0)
    # The face box is of parallel points, so perspective moves its landmark box a little.
    np.testing.assert_allclose(box, head_box_from_points(points), atol=0.015 * (box[2:] - box[:2]).max())
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
