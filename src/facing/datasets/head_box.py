"""Head boxes from landmarks: the box of a bald head, crown to chin or nape, with ears and back of the skull.

In a level head the nape hangs 0.9 cm below the chin, in heads that look up much more; the boxes hold it.

The mean head of our renders (`head_points.npz`, see the text beside it) is laid over the landmarks and seen
in perspective: the crown and the back of the skull are further from the camera than the face and so look
smaller. The boxes are those that the labels of the renders state, so training and evaluation crop alike.
"""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from facing.errors import DataError
from facing.geometry.conventions import rotation_from_pose_para
from facing.geometry.rotation import nearest_rotation, rotation_from_euler

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

DISTANCE = 7.0
"""From the camera to the face, in heights of the head, where nothing tells it.

At the renders' own distances (2 to 13, half of them under 5.5) 5 or 6 meets their boxes best, photographs are
taken from 8 to 20. Between 5 and 12 the box grows by 3 % and its centre moves by 0.01 sides.
"""
ROUNDS = 4  # of finding the ray through the middle of the box; each leaves under a tenth of the error

BASEL_UNITS_PER_CM = 10_592.0
"""The Basel face model, which `Pose_Para` places, is in micrometres; its face is larger than our head's."""
BASEL_MIDDLE_CM = (0.0, -1.17, 8.41)
"""Where the mean of the neutral head's 68 landmarks lies in the Basel model, in cm of our head."""
BASEL_PITCH_DEG = -2.56
"""How the neutral head stands in the Basel model.

All three are from 160 AFLW2000 labels: the median over pictures of the 68 points with depth, taken back
through `Pose_Para`, and a similarity fit of the neutral head to them.
"""


class HeadPoints(NamedTuple):
    """Neutral head, cm about the mean of its landmarks; x to the subject's left, y up, z out of the face."""

    outline: NDArray[np.float64]
    """(P, 3), outermost points of the skin above the chin, ears included."""
    landmarks: NDArray[np.float64]
    """(68, 3), iBUG order, contour on the jaw edge."""


class _View(NamedTuple):
    """The neutral head as a camera sees it, cm at the depth of the landmarks' mean, y up."""

    box: NDArray[np.float64]
    """(2, 2), lowest and highest x and y of the outline."""
    landmarks: NDArray[np.float64]
    """(68, 2)."""
    ray: NDArray[np.float64]
    """(2,), where the optical axis passes: the middle of the box."""
    nearness: NDArray[np.float64]
    """(68,), how much larger than at the depth of their mean the landmarks look."""


@functools.cache
def head_points() -> HeadPoints:
    """Load the packaged head."""
    with files("facing.datasets").joinpath("head_points.npz").open("rb") as stream, np.load(stream) as arrays:
        return HeadPoints(*(arrays[name].astype(np.float64) for name in HeadPoints._fields))


def head_box_from_points(points: ArrayLike, *, distance: float = DISTANCE) -> NDArray[np.float64]:
    """Give the head box of 68 landmarks with depth, by a similarity fit.

    Args:
        points: (68, 3), iBUG order: x right and y down in pixels, z towards the viewer in the same
            unit (the layout of `pt3d_68` in AFLW2000).
        distance: from the camera to the face in heights of the head, above 1; infinity gives the parallel
            projection.

    Returns:
        xyxy, (4,), pixels; it may leave the frame.

    Raises:
        DataError: not 68 finite points, or all in one place.

    Source: Umeyama 1991, equations 40 to 42.
    """
    found = _checked(points, columns=3) * (1, -1, 1)
    model = head_points().landmarks
    covariance = (found - found.mean(0)).T @ model
    rotation = np.asarray(nearest_rotation(covariance), dtype=np.float64)
    scale = float((rotation * covariance).sum() / (model**2).sum())
    return _box(_view(rotation, distance=distance), scale=scale, middle=found.mean(0)[:2])


def head_box_from_flat_points(points: ArrayLike, *, distance: float = DISTANCE) -> NDArray[np.float64]:
    """Give the head box of 68 landmarks without depth.

    The affine camera of least squares is made a scaled rotation (its two rows orthogonal and of one
    length) by the polar decomposition. Its depths tell what perspective did to the points; that is taken
    back and the camera fitted again.

    Args:
        points: (68, 2), iBUG order: x right, y down, pixels.
        distance: as in `head_box_from_points`.

    Returns:
        xyxy, (4,), pixels; it may leave the frame.

    Raises:
        DataError: not 68 finite points, or all in one place.

    Source: DeMenthon and Davis 1995 (POSIT), at a given distance.
    """
    found = _checked(points, columns=2) * (1, -1)
    parallel = found
    for _ in range(ROUNDS):
        middle = parallel.mean(0)
        left, strength, right = np.linalg.svd(
            (_affine_from_points() @ (parallel - middle)).T, full_matrices=False
        )
        rows, scale = left @ right, float(strength.mean())
        view = _view(np.concatenate([rows, np.cross(rows[0], rows[1])[None]]), distance=distance)
        ray = scale * view.ray + middle
        parallel = ray + (found - ray) / view.nearness[:, None]
    return _box(view, scale=scale, middle=middle)


def head_box_from_face_box(
    box: ArrayLike, *, rotation: ArrayLike, size: float, lower: float
) -> NDArray[np.float64]:
    """Give the head box of a face box, for sets that have no landmarks.

    The neutral head is turned to the labelled pose and placed so that the box of its 68 landmarks
    has `size` times the mean side (root of the area) of the face box and the same centre, moved down.

    Args:
        box: face box, xyxy, (4,), pixels.
        rotation: (3, 3), head -> camera, as far as the set states it.
        size: mean side of the landmark box in mean sides of the face box.
        lower: how far the centre of the landmark box lies below that of the face box, in face heights.

    Returns:
        xyxy, (4,), pixels; it may leave the frame.

    Raises:
        DataError: the face box has no area.
    """
    corners = np.asarray(box, dtype=np.float64).reshape(2, 2)
    face = corners[1] - corners[0]
    if not (np.isfinite(corners).all() and (face > 0).all()):
        raise DataError(f"face box {corners.ravel().tolist()} has no area; leave this picture out")
    view = _view(np.asarray(rotation, dtype=np.float64), distance=DISTANCE)
    low, high = view.landmarks.min(0), view.landmarks.max(0)
    scale = float(size * np.sqrt(face.prod() / (high - low).prod()))
    centre = (corners.mean(0) + np.array([0, lower * face[1]])) * (1, -1)
    return _box(view, scale=scale, middle=centre - scale * (low + high) / 2)


def head_box_from_pose_para(
    pose_para: ArrayLike, *, picture_height: float, distance: float = DISTANCE
) -> NDArray[np.float64]:
    """Give the head box of a `Pose_Para` alone, where the stored landmarks cannot be trusted.

    The neutral head stands in the Basel model by the constants above and is placed as 3DDFA places that
    model: scale times rotation plus translation, y counted from the foot of the picture.

    Args:
        pose_para: (7,) pitch, yaw, roll in radians, tx, ty, tz in pixels, scale.
        picture_height: pixels; 450 in 300W-LP and AFLW2000.
        distance: as in `head_box_from_points`.

    Returns:
        xyxy, (4,), pixels; it may leave the frame. Against `head_box_from_points` on 160 AFLW2000 pictures
        the overlap is 0.950 at the median: faces differ from the mean face.

    Raises:
        DataError: not 7 finite numbers, or a scale that is not above 0.
    """
    place = np.asarray(pose_para, dtype=np.float64).ravel()
    if place.shape != (7,) or not np.isfinite(place).all() or place[6] <= 0:
        raise DataError(f"Pose_Para {place.tolist()} places no head; leave this picture out")
    basel_from_head = rotation_from_euler(yaw=0.0, pitch=BASEL_PITCH_DEG, roll=0.0)
    rotation = rotation_from_pose_para(place[:3])
    scale = place[6] * BASEL_UNITS_PER_CM
    middle = scale * (rotation @ np.array(BASEL_MIDDLE_CM))[:2] + place[3:5]
    middle -= (0.0, picture_height + 1.0)  # MATLAB counts rows from 1; `_box` turns y down
    view = _view(np.asarray(rotation @ basel_from_head, dtype=np.float64), distance=distance)
    return _box(view, scale=float(scale), middle=middle)


def head_box_from_camera(
    camera_from_head: ArrayLike, *, place_mm: ArrayLike, point_cm: ArrayLike, intrinsics: ArrayLike
) -> NDArray[np.float64]:
    """Give the box of the neutral head, in its own size, as a calibrated camera sees it.

    Args:
        camera_from_head: (3, 3), from our head axes to x right, y down, z away from the camera.
        place_mm: (3,), where a point of the head is, in those camera axes.
        point_cm: (3,), that point in the neutral head.
        intrinsics: (3, 3), focal lengths and centre in pixels.

    Returns:
        xyxy, (4,), pixels; it may leave the frame.

    Raises:
        DataError: the head is not in front of the camera.
    """
    outline = head_points().outline - np.asarray(point_cm, dtype=np.float64)
    seen = 10 * outline @ np.asarray(camera_from_head, dtype=np.float64).T
    seen = seen + np.asarray(place_mm, dtype=np.float64)
    if not (np.isfinite(seen).all() and (seen[:, 2] > 0).all()):
        raise DataError(f"a head at {np.asarray(place_mm).tolist()} mm is not in front of the camera")
    pixels = (seen @ np.asarray(intrinsics, dtype=np.float64).T)[:, :2] / seen[:, 2:]
    return np.concatenate([pixels.min(0), pixels.max(0)])


@functools.cache
def _affine_from_points() -> NDArray[np.float64]:
    """(3, 68), gives the affine camera of least squares from 68 points about their mean."""
    return np.asarray(np.linalg.pinv(head_points().landmarks))


def _view(turn: NDArray[np.float64], *, distance: float) -> _View:
    """See the head from so many of its heights away, the optical axis through the middle of its box.

    Renders are labelled so: their rotation is the one against that ray.
    """
    head = head_points()
    outline, landmarks = head.outline @ turn.T, head.landmarks @ turn.T
    away = distance * np.ptp(head.outline[:, 1])
    skull, face = 1 / (1 - outline[:, 2:] / away), 1 / (1 - landmarks[:, 2:] / away)
    ray = (outline[:, :2].min(0) + outline[:, :2].max(0)) / 2
    for _ in range(ROUNDS):
        seen = ray + (outline[:, :2] - ray) * skull
        box = np.stack([seen.min(0), seen.max(0)])
        ray = box.mean(0)
    return _View(box, ray + (landmarks[:, :2] - ray) * face, ray, face[:, 0])


def _box(view: _View, *, scale: float, middle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Put a view into a picture: y down again, (4,)."""
    (left, low), (right, high) = scale * view.box + middle
    return np.array([left, -high, right, -low])


def _checked(points: ArrayLike, *, columns: int) -> NDArray[np.float64]:
    found = np.asarray(points, dtype=np.float64)
    if found.shape != (68, columns):
        raise DataError(f"landmarks have shape {found.shape}; a head box needs (68, {columns}) in iBUG order")
    if not np.isfinite(found).all() or np.ptp(found[:, :2], axis=0).max() <= 0:
        raise DataError("landmarks are not finite or all in one place; leave this picture out")
    return found
