"""Pixel rays, and the turn between the camera of a crop and the camera of the picture.

A head away from the picture's centre is seen obliquely. The network reads its pose relative to the ray
through the head, as if a camera of its own looked along that ray. With a known focal length

    rotation_picture = picture_from_ray(centre_px, focal_px=..., principal_px=...) @ rotation_ray

gives the pose relative to the picture's camera. Pixels count from the top left corner of the picture, x
right and y down, pixel centres at .5. Camera axes: x right, y up, z to the viewer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facing.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

OPENCV_AXES = np.diag([1.0, -1.0, -1.0])
"""From our axes to OpenCV's (x right, y down, z away from the viewer), and back."""


def pixel_ray(pixel: ArrayLike, *, focal_px: float, principal_px: ArrayLike) -> NDArray[np.float64]:
    """Find the direction in which a pinhole camera sees points of the picture.

    Args:
        pixel: (..., 2) x, y.
        focal_px: focal length in pixels, > 0.
        principal_px: (2,), where the optical axis meets the picture; its centre where nothing else is known.

    Returns:
        (..., 3) unit vectors, away from the camera (z < 0).

    Raises:
        DataError: the focal length is not positive.
    """
    if not focal_px > 0:
        raise DataError(f"a focal length of {focal_px} pixels came; give one above 0")
    offset = (np.asarray(pixel, dtype=np.float64) - np.asarray(principal_px, dtype=np.float64)) / focal_px
    ray = np.stack([offset[..., 0], -offset[..., 1], np.full(offset.shape[:-1], -1.0)], axis=-1)
    return np.asarray(ray / np.linalg.norm(ray, axis=-1, keepdims=True))


def picture_from_ray(
    center_px: ArrayLike, *, focal_px: float, principal_px: ArrayLike
) -> NDArray[np.float64]:
    """Turn poses seen along the ray through a head into poses seen by the picture's camera.

    Of all turns that take the optical axis to the ray this is the shortest: it adds no roll about the ray.
    Its transpose goes from the picture to the ray.

    Args:
        center_px: (..., 2) centres of the heads.
        focal_px: focal length in pixels, > 0.
        principal_px: (2,), where the optical axis meets the picture.

    Returns:
        (..., 3, 3), to be multiplied from the left onto the rotation seen along the ray.

    Raises:
        DataError: the focal length is not positive.
    """
    x, y, z = -np.moveaxis(pixel_ray(center_px, focal_px=focal_px, principal_px=principal_px), -1, 0)
    # Rodrigues for the turn from (0, 0, 1) to (x, y, z); z > 0, so 1 + z never vanishes.
    rows = (
        (1 - x * x / (1 + z), -x * y / (1 + z), x),
        (-x * y / (1 + z), 1 - y * y / (1 + z), y),
        (-x, -y, z),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def focal_px_from_field_of_view(field_of_view_deg: float, *, side_px: float) -> float:
    """Find the focal length of a pinhole camera.

    Args:
        field_of_view_deg: angle across one side of the picture, above 0 and below 180.
        side_px: length of that side.

    Raises:
        DataError: the angle is out of range.
    """
    if not 0 < field_of_view_deg < 180:
        raise DataError(
            f"a field of view of {field_of_view_deg} degrees came; give one above 0 and below 180"
        )
    return float(side_px / 2 / np.tan(np.radians(field_of_view_deg) / 2))
