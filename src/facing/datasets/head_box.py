"""Head boxes from landmarks: the box of a bald head, crown to chin, with ears and back of the skull.

A neutral head (`head_points.npz`, MIT, see the text beside it) is laid over the 68 landmarks and its
outline projected. On 160 AFLW2000 pictures the larger side of the result is, before shrinking, 1.63
times that of the landmark box, and its centre lies 0.33 landmark sides higher.
"""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from facing.errors import DataError
from facing.geometry import boxes
from facing.geometry.conventions import rotation_from_pose_para
from facing.geometry.rotation import nearest_rotation, rotation_from_euler

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

SHRINK = 0.92
"""Photographs are perspective, the fit is parallel: a real head box is smaller than the fitted one."""

BASEL_UNITS_PER_CM = 10_000.0
"""The Basel face model, which `Pose_Para` places, is in micrometres; the fit below gives 10,000.06."""
BASEL_MIDDLE_CM = (0.0, -1.24, 8.91)
"""Where the mean of the neutral head's 68 landmarks lies in the Basel model."""
BASEL_PITCH_DEG = -5.02
"""How the neutral head stands in the Basel model: its face 5 degrees lower than a label of 0.

All three are from 160 AFLW2000 labels: the median over pictures of the 68 points with depth, taken back
through `Pose_Para`, and a similarity fit of the neutral head to them.
"""


class HeadPoints(NamedTuple):
    """A neutral head, cm; x to the subject's left, y up, z out of the face."""

    outline: NDArray[np.float64]
    """(P, 3), outermost points of the skin above the chin, ears included."""
    landmarks: NDArray[np.float64]
    """(68, 3), iBUG order, contour on the jaw edge."""


@functools.cache
def head_points() -> HeadPoints:
    """Load the packaged head."""
    with files("facing.datasets").joinpath("head_points.npz").open("rb") as stream, np.load(stream) as arrays:
        return HeadPoints(*(arrays[name].astype(np.float64) for name in HeadPoints._fields))


def head_box_from_points(points: ArrayLike, *, shrink: float = SHRINK) -> NDArray[np.float64]:
    """Give the head box of 68 landmarks with depth, by a similarity fit.

    Args:
        points: (68, 3), iBUG order: x right and y down in pixels, z towards the viewer in the same
            unit (the layout of `pt3d_68` in AFLW2000).
        shrink: factor about the centre of the box; 1 gives the plain projection.

    Returns:
        xyxy, (4,), pixels; it may leave the frame.

    Raises:
        DataError: not 68 finite points, or all in one place.

    Source: Umeyama 1991, equations 40 to 42.
    """
    found = _checked(points, columns=3) * (1, -1, 1)
    head = head_points()
    model = head.landmarks - head.landmarks.mean(0)
    target = found - found.mean(0)
    covariance = target.T @ model
    rotation = np.asarray(nearest_rotation(covariance), dtype=np.float64)
    scale = float((rotation * covariance).sum() / (model**2).sum())
    return _projected(scale * rotation[:2], middle=found.mean(0)[:2], shrink=shrink)


def head_box_from_flat_points(points: ArrayLike, *, shrink: float = SHRINK) -> NDArray[np.float64]:
    """Give the head box of 68 landmarks without depth, by a scaled parallel projection.

    The affine camera of least squares is made a scaled rotation (its two rows orthogonal and of one
    length) by the polar decomposition.

    Args:
        points: (68, 2), iBUG order: x right, y down, pixels.
        shrink: as in `head_box_from_points`.

    Returns:
        xyxy, (4,), pixels; it may leave the frame.

    Raises:
        DataError: not 68 finite points, or all in one place.
    """
    found = _checked(points, columns=2) * (1, -1)
    head = head_points()
    model = head.landmarks - head.landmarks.mean(0)
    affine = np.linalg.lstsq(model, found - found.mean(0), rcond=None)[0].T
    left, strength, right = np.linalg.svd(affine, full_matrices=False)
    return _projected(strength.mean() * (left @ right), middle=found.mean(0), shrink=shrink)


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
    head = head_points()
    turn = np.asarray(rotation, dtype=np.float64)[:2]
    landmarks = (head.landmarks - head.landmarks.mean(0)) @ turn.T
    low, high = landmarks.min(0), landmarks.max(0)
    scale = size * np.sqrt(face.prod() / (high - low).prod())
    centre = (corners.mean(0) + np.array([0, lower * face[1]])) * (1, -1)
    return _projected(scale * turn, middle=centre - scale * (low + high) / 2, shrink=SHRINK)


def head_box_from_pose_para(
    pose_para: ArrayLike, *, picture_height: float, shrink: float = SHRINK
) -> NDArray[np.float64]:
    """Give the head box of a `Pose_Para` alone, where the stored landmarks cannot be trusted.

    The neutral head stands in the Basel model by the constants above and is placed as 3DDFA places that
    model: scale times rotation plus translation, y counted from the foot of the picture.

    Args:
        pose_para: (7,) pitch, yaw, roll in radians, tx, ty, tz in pixels, scale.
        picture_height: pixels; 450 in 300W-LP and AFLW2000.
        shrink: as in `head_box_from_points`.

    Returns:
        xyxy, (4,), pixels; it may leave the frame. Against `head_box_from_points` on 160 AFLW2000 pictures
        the overlap is 0.955 at the median, 0.86 at 5 % and 0.74 at worst: faces differ from the mean face.

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
    middle -= (0.0, picture_height + 1.0)  # MATLAB counts rows from 1; `_projected` turns y down
    turn = np.asarray(rotation @ basel_from_head, dtype=np.float64)
    return _projected(scale * turn[:2], middle=middle, shrink=shrink)


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
        xyxy, (4,), pixels; it may leave the frame. Perspective, so nothing is shrunk.

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


def _projected(
    picture_from_head: NDArray[np.float64], *, middle: NDArray[np.float64], shrink: float
) -> NDArray[np.float64]:
    head = head_points()
    outline = (head.outline - head.landmarks.mean(0)) @ picture_from_head.T + middle
    outline = outline * (1, -1)  # y down again
    box = np.concatenate([outline.min(0), outline.max(0)])
    return np.asarray(boxes.shrink(box[None], shrink)[0])


def _checked(points: ArrayLike, *, columns: int) -> NDArray[np.float64]:
    found = np.asarray(points, dtype=np.float64)
    if found.shape != (68, columns):
        raise DataError(f"landmarks have shape {found.shape}; a head box needs (68, {columns}) in iBUG order")
    if not np.isfinite(found).all() or np.ptp(found[:, :2], axis=0).max() <= 0:
        raise DataError("landmarks are not finite or all in one place; leave this picture out")
    return found
