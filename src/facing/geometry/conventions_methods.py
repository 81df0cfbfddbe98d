"""Rotations as published networks give or draw them, to ours and back; see conventions.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facing.geometry.conventions import opencv_turned
from facing.geometry.rotation import (
    Euler,
    euler_from_rotation,
    front_from_rotation,
    nearest_rotation,
    rotation_from_euler,
    rotation_from_front,
    rotation_from_rotvec_rad,
    rotvec_rad_from_rotation,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

WHENET_BIN_DEG = 3.0
WHENET_FIRST_DEG = {"yaw": -180.0, "pitch": -99.0, "roll": -99.0}
WHENET_BINS = {"yaw": 120, "pitch": 66, "roll": 66}


def rotation_from_hopenet(*, yaw: ArrayLike, pitch: ArrayLike, roll: ArrayLike) -> Array:
    """Read the degrees that Hopenet, FSA-Net and WHENet print; they are 300W-LP angles.

    Args:
        yaw: degrees, any batch shape.
        pitch: degrees.
        roll: degrees.

    Returns:
        (..., 3, 3).

    Sure: read in their code.
    """
    return np.asarray(rotation_from_euler(yaw=yaw, pitch=pitch, roll=roll), dtype=np.float64)


def hopenet_from_rotation(rotation: ArrayLike) -> Euler:
    """Write the degrees that Hopenet, FSA-Net and WHENet print, each (...), |yaw| <= 90."""
    return euler_from_rotation(rotation, yaw_within_90=True)


def draw_axis_from_rotation(rotation: ArrayLike) -> Array:
    """Project the head's axes the way Hopenet's `draw_axis` does.

    Args:
        rotation: (..., 3, 3).

    Returns:
        (..., 3, 2): the ends of the red, green and blue line from the head's centre for size 1; x to the
        right and y down in the picture. Red goes to the subject's left, green to the chin, blue out of
        the face.

    Sure: checked, equal to its formulas.
    """
    M = np.asarray(rotation, dtype=np.float64)
    ends = np.stack([M[..., 0], -M[..., 1], M[..., 2]], axis=-2)
    return np.asarray(ends[..., :2] * np.array([1.0, -1.0]))


def rotation_from_draw_axis(ends: ArrayLike) -> Array:
    """Read a rotation off the three lines of `draw_axis`, parallel projection.

    Args:
        ends: (..., 3, 2) red, green, blue, for size 1.

    Returns:
        (..., 3, 3), the rotation nearest to the lines.

    Sure: checked.
    """
    lines = np.asarray(ends, dtype=np.float64) * np.array([1.0, -1.0])
    rows = np.swapaxes(lines * np.array([[1.0], [-1.0], [1.0]]), -1, -2)
    third = np.cross(rows[..., 0, :], rows[..., 1, :])
    return np.asarray(nearest_rotation(np.concatenate([rows, third[..., None, :]], axis=-2)))


def rotation_from_sixdrepnet(matrix: ArrayLike) -> Array:
    """Read the matrix of 6DRepNet, `get_R` = Rz(roll) Ry(yaw) Rx(pitch), (..., 3, 3): ours transposed.

    Sure: checked, and read in its code.
    """
    return np.swapaxes(np.asarray(matrix, dtype=np.float64), -1, -2).copy()


def sixdrepnet_from_rotation(rotation: ArrayLike) -> Array:
    """Write the matrix that 6DRepNet trains on, (..., 3, 3)."""
    return np.swapaxes(np.asarray(rotation, dtype=np.float64), -1, -2).copy()


def rotation_from_compact_vector(vector: ArrayLike) -> Array:
    """Read the facing vector of the compact system.

    Args:
        vector: (..., 3) = (sin yaw, sin pitch cos yaw, cos pitch cos yaw): x to the left of the picture,
            y up, z to the viewer; any length.

    Returns:
        (..., 3, 3) with roll 0: the vector does not tell the roll.

    Raises:
        DataError: a vector has no length.

    Sure: checked.
    """
    front = np.asarray(vector, dtype=np.float64) * np.array([-1.0, 1.0, 1.0])
    return np.asarray(rotation_from_front(front))


def compact_vector_from_rotation(rotation: ArrayLike) -> Array:
    """Write the facing vector of the compact system, (..., 3); the roll is lost."""
    front = front_from_rotation(np.asarray(rotation, dtype=np.float64))
    return np.asarray(front * np.array([-1.0, 1.0, 1.0]))


def rotation_from_img2pose(rotvec_rad: ArrayLike) -> Array:
    """Read the rotation vector of img2pose.

    Args:
        rotvec_rad: (..., 3), the first three of its six numbers; OpenCV axes, model y down.

    Returns:
        (..., 3, 3) = D R D.

    Sure: checked; the xyz angles of its transpose are pitch, -yaw, -roll.
    """
    return opencv_turned(rotation_from_rotvec_rad(rotvec_rad))


def img2pose_from_rotation(rotation: ArrayLike) -> Array:
    """Write the rotation vector of img2pose, (..., 3) radians."""
    return np.asarray(rotvec_rad_from_rotation(opencv_turned(rotation)))


def rotation_from_synergynet(*, yaw: ArrayLike, pitch: ArrayLike, roll: ArrayLike) -> Array:
    """Read the angles of SynergyNet and 3DDFA_V2, which are taken in another order.

    Args:
        yaw: degrees, asin(M20).
        pitch: degrees, atan2(M21, M22); > 0 down where yaw and roll are 0.
        roll: degrees, atan2(M10, M00); > 0 anticlockwise where yaw and pitch are 0.

    Returns:
        (..., 3, 3) = Rz(roll) Ry(-yaw) Rx(pitch).

    Sure: checked. Their yaw differs from the 300W-LP label by 8.4 degrees on average, by up to 87.
    """
    transposed = rotation_from_euler(yaw=-np.asarray(yaw, dtype=np.float64), pitch=pitch, roll=roll)
    return np.swapaxes(transposed, -1, -2).astype(np.float64)


def synergynet_from_rotation(rotation: ArrayLike) -> Euler:
    """Write the angles of SynergyNet and 3DDFA_V2, degrees, each (...), |yaw| <= 90."""
    transposed = np.swapaxes(np.asarray(rotation, dtype=np.float64), -1, -2)
    yaw, pitch, roll = euler_from_rotation(transposed, yaw_within_90=True)
    return Euler(yaw=-yaw, pitch=pitch, roll=roll)


def rotation_from_whenet_bins(*, yaw: ArrayLike, pitch: ArrayLike, roll: ArrayLike) -> Array:
    """Decode the bin probabilities of WHENet.

    Args:
        yaw: (..., 120), bins of 3 degrees from -180.
        pitch: (..., 66), bins of 3 degrees from -99.
        roll: (..., 66), bins of 3 degrees from -99.

    Returns:
        (..., 3, 3). A bin stands for its lower edge, as in WHENet's code.

    Sure: read in its code.
    """
    given = {"yaw": yaw, "pitch": pitch, "roll": roll}
    angles = {
        name: np.asarray(shares, dtype=np.float64) @ (np.arange(WHENET_BINS[name]) * WHENET_BIN_DEG)
        + WHENET_FIRST_DEG[name]
        for name, shares in given.items()
    }
    return np.asarray(rotation_from_euler(**angles))


def whenet_bins_from_rotation(rotation: ArrayLike) -> tuple[Array, Array, Array]:
    """Write bin probabilities whose mean is the pose.

    Args:
        rotation: (..., 3, 3).

    Returns:
        Yaw (..., 120), pitch and roll (..., 66). The two bins about an angle share it. Angles beyond the
        lower edge of the last bin (177, 96) fall on it, and below -99 on the first.
    """
    euler = euler_from_rotation(np.asarray(rotation, dtype=np.float64))
    yaw, pitch, roll = (
        _two_bins((angle - WHENET_FIRST_DEG[name]) / WHENET_BIN_DEG, count=WHENET_BINS[name])
        for name, angle in euler._asdict().items()
    )
    return yaw, pitch, roll


def rotation_from_opal(matrix: ArrayLike) -> Array:
    """Read the matrix OPAL builds from its angles, Rx(pitch) Ry(yaw) Rz(roll).

    Args:
        matrix: (..., 3, 3); as ours, but with all three angles negated. Distances between such matrices are
            not the geodesic errors of ours.

    Returns:
        (..., 3, 3).

    Sure: checked, and read in its code.
    """
    return _angles_negated(matrix)


def opal_from_rotation(rotation: ArrayLike) -> Array:
    """Write the matrix OPAL builds from its angles, (..., 3, 3)."""
    return _angles_negated(rotation)


def rotation_from_opentrack_network(matrix: ArrayLike) -> Array:
    """Read a rotation of opentrack's head pose networks.

    Args:
        matrix: (..., 3, 3); head and camera axes x right, y down, z into the screen.

    Returns:
        (..., 3, 3) = D R D.

    Sure: read in its training code.
    """
    return opencv_turned(matrix)


def opentrack_network_from_rotation(rotation: ArrayLike) -> Array:
    """Write a rotation of opentrack's head pose networks, (..., 3, 3)."""
    return opencv_turned(rotation)


def _angles_negated(matrix: ArrayLike) -> Array:
    yaw, pitch, roll = euler_from_rotation(np.asarray(matrix, dtype=np.float64))
    return np.asarray(rotation_from_euler(yaw=-yaw, pitch=-pitch, roll=-roll))


def _two_bins(place: Array, *, count: int) -> Array:
    place = np.clip(place, 0, count - 1)[..., None]
    return np.asarray(np.clip(1 - np.abs(np.arange(count) - place), 0.0, 1.0))
