"""The direction a head faces, as an angle about the picture's upright axis over the full circle.

Unlike yaw, which the field measures in another order of turns, it does not depend on how a head nods or
leans; front, side and back are ranges of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

VERTICAL_DEG = 15.0
"""A face within this of straight up or down has no azimuth worth the name; its crown decides."""


def azimuth_deg(rotation: ArrayLike) -> NDArray[np.float64]:
    """Give the azimuth of where heads face.

    Within 15 degrees of straight up or down the crown decides: it points away from where a head that looks
    up would face, and towards where one that looks down would.

    Args:
        rotation: (..., 3, 3), head -> camera.

    Returns:
        (...,) degrees, -180 to 180.

    Convention: 0 faces the camera, > 0 turns towards the left edge of the picture, +-180 faces away.
    Source: our own rule; `HeadPose.facing` is read off it.
    """
    matrix = np.asarray(rotation, dtype=np.float64)
    x, y, z = np.moveaxis(matrix[..., :, 2], -1, 0)
    crown_x, _, crown_z = np.moveaxis(matrix[..., :, 1], -1, 0)
    vertical = np.hypot(x, z) < np.sin(np.radians(VERTICAL_DEG))
    x, z = np.where(vertical, -np.sign(y) * crown_x, x), np.where(vertical, -np.sign(y) * crown_z, z)
    return np.asarray(np.degrees(np.arctan2(-x, z)))
