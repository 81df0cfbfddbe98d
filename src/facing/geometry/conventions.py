"""Rotations as the public data sets store them, to ours and back.

One pair of functions per convention; conventions_methods.py has those of published networks,
conventions_systems.py those of libraries and devices. "Ours" is M: head -> camera with the camera axes
x right, y up, z to the viewer (rotation.py). All take any batch shape and return float64. How sure a
mapping is stands in its docstring:

    checked      computed here and compared with an independent expression, real labels or pictures
    read         taken from the text or code of the source
    remembered   from memory; look at one picture before you rely on it
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facing.errors import DataError
from facing.geometry.camera import OPENCV_AXES
from facing.geometry.rotation import euler_from_rotation, front_from_rotation, rotation_from_euler

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]


def rotation_from_pose_para(pose_para: ArrayLike) -> Array:
    """Read `Pose_Para` of 300W-LP and AFLW2000.

    Args:
        pose_para: (..., 3 or more): pitch, yaw, roll in radians; what follows (place, scale) is not used.

    Returns:
        (..., 3, 3) = Rx(-pitch) Ry(-yaw) Rz(-roll).

    Sure: checked, equal to the matrix of 3DDFA and face3d, and by the landmarks of AFLW2000.
    """
    angles = np.degrees(np.asarray(pose_para, dtype=np.float64))
    rotation = rotation_from_euler(pitch=angles[..., 0], yaw=angles[..., 1], roll=angles[..., 2])
    return np.asarray(rotation, dtype=np.float64)


def pose_para_from_rotation(rotation: ArrayLike) -> Array:
    """Write the angles of `Pose_Para`: (..., 3) pitch, yaw, roll in radians, |yaw| <= pi / 2."""
    yaw, pitch, roll = euler_from_rotation(rotation, yaw_within_90=True)
    return np.radians(np.stack([pitch, yaw, roll], axis=-1).astype(np.float64))


def rotation_from_biwi_txt(rotation_depth: ArrayLike) -> Array:
    """Read the rotation of BIWI `frame_*_pose.txt`, in the depth camera.

    Args:
        rotation_depth: (..., 3, 3), the first three rows of the file; OpenCV axes.

    Returns:
        (..., 3, 3) = D R D with D = diag(1, -1, -1): the angles of Hopenet, FSA-Net and 6DRepNet.

    Sure: checked, equal to their formulas and to a published list of 13,218 poses (but for its yaw sign).
    """
    return opencv_turned(rotation_depth)


def biwi_txt_from_rotation(rotation: ArrayLike) -> Array:
    """Write the rotation of BIWI `frame_*_pose.txt`, (..., 3, 3) in the depth camera's OpenCV axes."""
    return opencv_turned(rotation)


def rotation_from_biwi_bin(angles_deg: ArrayLike) -> Array:
    """Read the angles of BIWI `frame_*_pose.bin`, in the depth camera.

    Args:
        angles_deg: (..., 3), the last three of the file's six little-endian float32; the first three are the
            head's centre in mm. The file's rotation is Rz(a3) Ry(a2) Rx(a1).

    Returns:
        (..., 3, 3).

    Sure: checked with the same list as `rotation_from_biwi_txt`.
    """
    a1, a2, a3 = np.moveaxis(np.asarray(angles_deg, dtype=np.float64), -1, 0)
    transposed = rotation_from_euler(pitch=a1, yaw=a2, roll=a3)
    return opencv_turned(np.swapaxes(transposed, -1, -2))


def biwi_bin_from_rotation(rotation: ArrayLike) -> Array:
    """Write the angles of BIWI `frame_*_pose.bin`: (..., 3) degrees, the middle one within +-90."""
    transposed = np.swapaxes(opencv_turned(rotation), -1, -2)
    a2, a1, a3 = euler_from_rotation(transposed, yaw_within_90=True)
    return np.stack([a1, a2, a3], axis=-1).astype(np.float64)


def rotation_from_biwi_rgb(rotation_depth: ArrayLike, *, rgb_from_depth: ArrayLike) -> Array:
    """Read a BIWI rotation as the colour camera sees it; most papers skip this turn.

    Args:
        rotation_depth: (..., 3, 3) of `pose.txt`.
        rgb_from_depth: (3, 3), the rotation in `rgb.cal`.

    Returns:
        (..., 3, 3).

    Sure: read, in the code of headposeplus and TRG.
    """
    return opencv_turned(np.asarray(rgb_from_depth, dtype=np.float64) @ np.asarray(rotation_depth))


def biwi_rgb_from_rotation(rotation: ArrayLike, *, rgb_from_depth: ArrayLike) -> Array:
    """Write the rotation of BIWI `pose.txt` for a pose seen by the colour camera, (..., 3, 3)."""
    return np.asarray(rgb_from_depth, dtype=np.float64).T @ opencv_turned(rotation)


def rotation_from_dad3dheads(model_view: ArrayLike) -> Array:
    """Read `model_view_matrix` of a DAD-3DHeads annotation.

    Args:
        model_view: (..., 4, 4), OpenGL axes, with scale and translation.

    Returns:
        (..., 3, 3), the 3 x 3 part without its scale.

    Raises:
        DataError: the matrix mirrors or has no volume.

    Sure: derived from the code of its benchmark.
    """
    return turn_of_transform(model_view)


def dad3dheads_from_rotation(rotation: ArrayLike) -> Array:
    """Write a `model_view_matrix`, (..., 4, 4), with scale 1 and no translation."""
    return transform_of_turn(rotation)


def rotation_from_dad3dheads_benchmark(rotation: ArrayLike) -> Array:
    """Read the rotation that the DAD-3DHeads benchmark compares, (..., 3, 3) = D model_view -> ours.

    Sure: derived from the code of its benchmark.
    """
    return OPENCV_AXES @ np.asarray(rotation, dtype=np.float64)


def dad3dheads_benchmark_from_rotation(rotation: ArrayLike) -> Array:
    """Write the rotation that the DAD-3DHeads benchmark compares, (..., 3, 3)."""
    return OPENCV_AXES @ np.asarray(rotation, dtype=np.float64)


def rotation_from_pyramid(rotation: ArrayLike) -> Array:
    """Read a rotation of the pyramid system's `train.json`.

    Args:
        rotation: (..., 3, 3); the xyz angles of its transpose are pitch + 180, yaw, roll of 300W-LP.

    Returns:
        (..., 3, 3) = D R.

    Sure: checked.
    """
    return OPENCV_AXES @ np.asarray(rotation, dtype=np.float64)


def pyramid_from_rotation(rotation: ArrayLike) -> Array:
    """Write a rotation of the pyramid system's `train.json`, (..., 3, 3)."""
    return OPENCV_AXES @ np.asarray(rotation, dtype=np.float64)


def rotation_from_aflw_rad(*, yaw: ArrayLike, pitch: ArrayLike, roll: ArrayLike) -> Array:
    """Read AFLW angles the way Hopenet and 6DRepNet read their text files: the roll changes its sign.

    Args:
        yaw: radians, 300W-LP sign.
        pitch: radians, 300W-LP sign.
        roll: radians, > 0 anticlockwise in the picture.

    Returns:
        (..., 3, 3).

    Sure: read. Lists of AFLW differ in the sign of the yaw; `rotation_from_aflw_deg` has the other.
    """
    angles = (np.degrees(np.asarray(angle, dtype=np.float64)) for angle in (yaw, pitch, roll))
    y, p, r = angles
    return np.asarray(rotation_from_euler(yaw=y, pitch=p, roll=-r), dtype=np.float64)


def aflw_rad_from_rotation(rotation: ArrayLike) -> tuple[Array, Array, Array]:
    """Write the angles that `rotation_from_aflw_rad` reads: yaw, pitch, roll in radians, each (...)."""
    yaw, pitch, roll = euler_from_rotation(rotation, yaw_within_90=True)
    return (np.radians(yaw).astype(np.float64), np.radians(pitch).astype(np.float64), -np.radians(roll))


def rotation_from_aflw_deg(*, yaw: ArrayLike, pitch: ArrayLike, roll: ArrayLike) -> Array:
    """Read AFLW labels in the data set's own signs, as in the lists of the 23,409 faces.

    Args:
        yaw: degrees, > 0 towards the right edge of the picture, outermost turn.
        pitch: degrees, > 0 up.
        roll: degrees, > 0 anticlockwise in the picture.

    Returns:
        (..., 3, 3) = Ry(yaw) Rx(-pitch) Rz(roll).

    Sure: checked, signs on pictures and the order as the best of six against 1,843 fits of the same faces.
    """
    y, p, r = (np.asarray(angle, dtype=np.float64) for angle in (yaw, pitch, roll))
    tilt = rotation_from_euler(yaw=0.0, pitch=p, roll=-r)
    return np.asarray(rotation_from_euler(yaw=-y, pitch=0.0, roll=0.0) @ tilt, dtype=np.float64)


def aflw_deg_from_rotation(rotation: ArrayLike) -> tuple[Array, Array, Array]:
    """Write AFLW labels in the data set's own signs: yaw, pitch, roll in degrees, each (...), |pitch| <= 90.

    At pitch +-90 only yaw and roll together are defined; they come back as one of the equal choices.
    """
    front = front_from_rotation(np.asarray(rotation, dtype=np.float64))
    pan = np.degrees(np.arctan2(front[..., 0], front[..., 2]))
    rest = rotation_from_euler(yaw=pan, pitch=0.0, roll=0.0) @ np.asarray(rotation)
    _, pitch, roll = euler_from_rotation(rest, yaw_within_90=True)
    return np.asarray(pan), pitch.astype(np.float64), -roll.astype(np.float64)


def rotation_from_pointing04(*, pan: ArrayLike, tilt: ArrayLike) -> Array:
    """Read the pan and tilt in a Pointing'04 file name; roll is 0.

    Args:
        pan: degrees, > 0 towards the left edge of the picture, about the room's upright axis.
        tilt: degrees, > 0 up.

    Returns:
        (..., 3, 3) = Ry(-pan) Rx(-tilt).

    Sure: signs checked on pictures; that the pan is the outer turn follows from markers on walls, and
    from there being no pan at tilt +-90.
    """
    y, t = (np.asarray(angle, dtype=np.float64) for angle in (pan, tilt))
    nod = rotation_from_euler(yaw=0.0, pitch=t, roll=0.0)
    return np.asarray(rotation_from_euler(yaw=y, pitch=0.0, roll=0.0) @ nod, dtype=np.float64)


def pointing04_from_rotation(rotation: ArrayLike) -> tuple[Array, Array]:
    """Write pan and tilt of the facing direction, degrees, each (...); the roll is lost."""
    x, y, z = np.moveaxis(front_from_rotation(np.asarray(rotation, dtype=np.float64)), -1, 0)
    return np.asarray(np.degrees(np.arctan2(-x, z))), np.asarray(np.degrees(np.arctan2(y, np.hypot(x, z))))


def opencv_turned(rotation: ArrayLike) -> Array:
    """Change the axes of head and camera, (..., 3, 3) -> D R D: both y down and z away, or both back."""
    return OPENCV_AXES @ np.asarray(rotation, dtype=np.float64) @ OPENCV_AXES


def turn_of_transform(transform: ArrayLike) -> Array:
    """Take the rotation out of transforms with one scale.

    Args:
        transform: (..., 4, 4), or its (..., 3, 3) part.

    Returns:
        (..., 3, 3), the upper left part over the cube root of its determinant.

    Raises:
        DataError: the transform mirrors or has no volume.
    """
    part = np.asarray(transform, dtype=np.float64)[..., :3, :3]
    volume = np.linalg.det(part)
    if not np.all(volume > 0):
        raise DataError(
            f"a transform has the determinant {np.min(volume):g}; a rotation with scale has one above 0"
        )
    return np.asarray(part / np.cbrt(volume)[..., None, None])


def transform_of_turn(rotation: ArrayLike) -> Array:
    """Put rotations into transforms without scale and translation, (..., 3, 3) -> (..., 4, 4)."""
    part = np.asarray(rotation, dtype=np.float64)
    transform = np.zeros((*part.shape[:-2], 4, 4))
    transform[..., :3, :3] = part
    transform[..., 3, 3] = 1.0
    return transform
