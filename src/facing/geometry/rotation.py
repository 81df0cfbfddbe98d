"""Rotations: matrix, Euler angles, quaternion, rotation vector, 6D and front vector.

The rotation is M: head -> camera. Camera axes: x to the right of the picture, y up, z to the viewer.
Head axes: x to the subject's left, y to the crown, z out of the face. The identity looks into the
camera; the columns of M are the head's axes as the camera sees them. See docs/conventions.md.

Every function takes any batch shape and computes in float64. It returns float64, or float32 when all
that goes in is float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from facing.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Float = NDArray[np.floating[Any]]

GIMBAL = 1e-7
"""Cosine of the yaw below which roll and pitch turn about one axis and roll is set to 0."""


class Euler(NamedTuple):
    """Yaw, pitch and roll in degrees, each of the batch shape (0-dimensional arrays for one head)."""

    yaw: Float
    pitch: Float
    roll: Float


def rotation_from_euler(*, yaw: ArrayLike, pitch: ArrayLike, roll: ArrayLike) -> Float:
    """Turn 300W-LP angles into rotations: M = Rx(-pitch) Ry(-yaw) Rz(-roll).

    Args:
        yaw: degrees, > 0 towards the left edge of the picture; any batch shape.
        pitch: degrees, > 0 up.
        roll: degrees, > 0 clockwise in the picture.

    Returns:
        (..., 3, 3), the three angles broadcast.

    Source: 300W-LP and 3DDFA, `Pose_Para`.
    """
    angles = [np.asarray(angle) for angle in (yaw, pitch, roll)]
    (sy, cy), (sp, cp), (sr, cr) = (_sin_cos(angle) for angle in angles)
    sy, cy, sp, cp, sr, cr = np.broadcast_arrays(sy, cy, sp, cp, sr, cr)
    rows = (
        (cy * cr, cy * sr, -sy),
        (sp * sy * cr - cp * sr, sp * sy * sr + cp * cr, sp * cy),
        (cp * sy * cr + sp * sr, cp * sy * sr - sp * cr, cp * cy),
    )
    matrix = np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
    return _like(matrix, *angles)


def euler_from_rotation(rotation: ArrayLike, *, yaw_within_90: bool = False) -> Euler:
    """Read 300W-LP angles off rotations.

    (yaw, pitch, roll) and (180 - yaw, pitch + 180, roll + 180) are one pose. Of the two this returns the
    one with the smaller sum of absolute angles, the one with |yaw| <= 90 where they tie: faces get the
    field's usual triple, and an upright head seen from behind gets yaw 180 rather than pitch 180, roll 180.

    At yaw +-90 (gimbal lock) only pitch + roll or pitch - roll is defined: roll is 0 and pitch takes all.

    Args:
        rotation: (..., 3, 3).
        yaw_within_90: always return the triple with |yaw| <= 90, as published scripts do.

    Returns:
        Degrees in (-180, 180], each (...).
    """
    given = np.asarray(rotation)
    M = _checked(given, 3, 3)
    cos_yaw = np.hypot(M[..., 0, 0], M[..., 0, 1])
    locked = cos_yaw < GIMBAL
    yaw = np.arctan2(-M[..., 0, 2], cos_yaw)
    roll = np.where(locked, 0.0, np.arctan2(M[..., 0, 1], M[..., 0, 0]))
    # M Rz(roll) = Rx(-pitch) Ry(-yaw) has the second column (0, cos pitch, -sin pitch) at every yaw,
    # so pitch and roll fit each other however near the lock is.
    sr, cr = np.sin(roll), np.cos(roll)
    pitch = np.arctan2(sr * M[..., 2, 0] - cr * M[..., 2, 1], cr * M[..., 1, 1] - sr * M[..., 1, 0])
    # The other triple's angles are each 180 minus these in size, so its sum is 540 minus this one's.
    far = (np.abs(yaw) + np.abs(pitch) + np.abs(roll) > 1.5 * np.pi) & (not yaw_within_90)
    angles = (
        np.where(far, np.pi - yaw, yaw),
        np.where(far, pitch + np.pi, pitch),
        np.where(far, roll + np.pi, roll),
    )
    return Euler(*(_like(wrap_deg(np.degrees(angle)), given) for angle in angles))


def wrap_deg(angle: ArrayLike) -> Float:
    """Bring angles in degrees into (-180, 180]; any shape."""
    turned = np.asarray(angle, dtype=np.float64)
    wrapped = 180.0 - np.mod(180.0 - turned, 360.0)
    # An angle a rounding step above 180 leaves the remainder 360 itself.
    return np.asarray(np.where(wrapped > -180.0, wrapped, 180.0))


def rotation_from_quaternion(quaternion: ArrayLike) -> Float:
    """Turn quaternions (x, y, z, w) of any length but 0 into rotations.

    Args:
        quaternion: (..., 4), scalar last.

    Returns:
        (..., 3, 3).

    Raises:
        DataError: a quaternion has no length or is not finite.
    """
    given = np.asarray(quaternion)
    x, y, z, w = np.moveaxis(_unit(_checked(given, 4), what="quaternion"), -1, 0)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    return _like(np.stack([np.stack(row, axis=-1) for row in rows], axis=-2), given)


def quaternion_from_rotation(rotation: ArrayLike) -> Float:
    """Turn rotations into unit quaternions (x, y, z, w) with w >= 0.

    Args:
        rotation: (..., 3, 3).

    Returns:
        (..., 4). At half turns (w = 0) both signs are right; either may come back.

    Source: Shepperd, Quaternion from rotation matrix, 1978: divide by the largest component.
    """
    given = np.asarray(rotation)
    M = _checked(given, 3, 3)
    a, b, c = M[..., 0, 0], M[..., 1, 1], M[..., 2, 2]
    yz, zx, xy = M[..., 2, 1] + M[..., 1, 2], M[..., 0, 2] + M[..., 2, 0], M[..., 1, 0] + M[..., 0, 1]
    wx, wy, wz = M[..., 2, 1] - M[..., 1, 2], M[..., 0, 2] - M[..., 2, 0], M[..., 1, 0] - M[..., 0, 1]
    # Row i is 4 q_i (x, y, z, w): the outer product of the quaternion with itself.
    outer = np.stack(
        [
            np.stack([1 + a - b - c, xy, zx, wx], axis=-1),
            np.stack([xy, 1 - a + b - c, yz, wy], axis=-1),
            np.stack([zx, yz, 1 - a - b + c, wz], axis=-1),
            np.stack([wx, wy, wz, 1 + a + b + c], axis=-1),
        ],
        axis=-2,
    )
    largest = np.argmax(np.diagonal(outer, axis1=-2, axis2=-1), axis=-1)
    row = np.take_along_axis(outer, largest[..., None, None], axis=-2)[..., 0, :]
    quaternion = _unit(row, what="rotation")
    return _like(np.where(quaternion[..., 3:] < 0, -quaternion, quaternion), given)


def rotation_from_rotvec_rad(rotvec: ArrayLike) -> Float:
    """Turn rotation vectors (axis times angle) into rotations.

    Args:
        rotvec: (..., 3), radians; any length, 0 included.

    Returns:
        (..., 3, 3).
    """
    given = np.asarray(rotvec)
    vector = _checked(given, 3)
    half = np.linalg.norm(vector, axis=-1, keepdims=True) / 2
    # numpy's sinc is sin(pi t) / (pi t): this is sin(half) / (2 half) with its limit at 0.
    quaternion = np.concatenate([vector * np.sinc(half / np.pi) / 2, np.cos(half)], axis=-1)
    return _like(rotation_from_quaternion(quaternion), given)


def rotvec_rad_from_rotation(rotation: ArrayLike) -> Float:
    """Turn rotations into rotation vectors of length 0 to pi.

    Args:
        rotation: (..., 3, 3).

    Returns:
        (..., 3), radians. At half turns both signs are right; either may come back.
    """
    given = np.asarray(rotation)
    quaternion = quaternion_from_rotation(given.astype(np.float64))
    vector, w = quaternion[..., :3], quaternion[..., 3:]
    sine = np.linalg.norm(vector, axis=-1, keepdims=True)
    tiny = sine < 1e-150  # squares below this underflow; angle / sine is 2 there to the last digit
    ratio = np.where(tiny, 2.0, 2 * np.arctan2(sine, w) / np.where(tiny, 1.0, sine))
    return _like(vector * ratio, given)


def rotation_from_six_d(six_d: ArrayLike) -> Float:
    """Turn two 3-vectors into rotations by Gram-Schmidt.

    Args:
        six_d: (..., 6): the first column, then the second, of any length.

    Returns:
        (..., 3, 3): the first column keeps its direction.

    Raises:
        DataError: a vector has no length or the two are parallel.

    Source: Zhou et al., On the Continuity of Rotation Representations, CVPR 2019, eq. 15.
    """
    given = np.asarray(six_d)
    pair = _checked(given, 6)
    first = _unit(pair[..., :3], what="first column")
    second = _unit(pair[..., 3:], what="second column")
    along = np.sum(first * second, axis=-1, keepdims=True)
    second = _unit(second - along * first, what="second column across the first")
    return _like(np.stack([first, second, np.cross(first, second)], axis=-1), given)


def six_d_from_rotation(rotation: ArrayLike) -> Float:
    """Take the first two columns of rotations, (..., 3, 3) -> (..., 6)."""
    given = np.asarray(rotation)
    M = _checked(given, 3, 3)
    return _like(np.concatenate([M[..., 0], M[..., 1]], axis=-1), given)


def front_from_rotation(rotation: ArrayLike) -> Float:
    """Take where heads face, the third column, (..., 3, 3) -> (..., 3)."""
    given = np.asarray(rotation)
    return _like(_checked(given, 3, 3)[..., 2].copy(), given)


def rotation_from_front(front: ArrayLike) -> Float:
    """Complete facing directions to rotations with roll 0.

    Of the two poses with roll 0 that face one way this is the one with |pitch| <= 90: the crown is on the
    upper side of the picture.

    Args:
        front: (..., 3), camera axes, any length.

    Returns:
        (..., 3, 3), third column along `front`. Where `front` lies in the picture plane pitch is +-90 and
        the crown points to or from the viewer.

    Raises:
        DataError: a vector has no length.
    """
    given = np.asarray(front)
    x, y, z = np.moveaxis(_unit(_checked(given, 3), what="front vector"), -1, 0)
    side = np.where(z < 0, -1.0, 1.0)
    yaw = np.arctan2(-x, side * np.hypot(y, z))
    pitch = np.arctan2(side * y, np.abs(z))  # abs also of a zero with a sign
    return _like(rotation_from_euler(yaw=np.degrees(yaw), pitch=np.degrees(pitch), roll=0.0), given)


def geodesic_deg(a: ArrayLike, b: ArrayLike) -> Float:
    """Measure the angle of the one turn that takes one rotation to the other.

    Args:
        a: (..., 3, 3).
        b: (..., 3, 3), broadcast against `a`.

    Returns:
        Degrees, 0 to 180, (...). Sine and cosine are both used: small angles keep their digits.
    """
    first, second = np.asarray(a), np.asarray(b)
    turn = np.swapaxes(_checked(first, 3, 3), -1, -2) @ _checked(second, 3, 3)
    axis = np.stack(
        [
            turn[..., 2, 1] - turn[..., 1, 2],
            turn[..., 0, 2] - turn[..., 2, 0],
            turn[..., 1, 0] - turn[..., 0, 1],
        ],
        axis=-1,
    )
    cosine = np.trace(turn, axis1=-2, axis2=-1) - 1
    return _like(np.degrees(np.arctan2(np.linalg.norm(axis, axis=-1), cosine)), first, second)


def nearest_rotation(matrix: ArrayLike) -> Float:
    """Find the rotation nearest to a matrix in the Frobenius norm.

    Args:
        matrix: (..., 3, 3), finite.

    Returns:
        (..., 3, 3), determinant +1.

    Source: Umeyama, Least-squares estimation of transformation parameters, 1991, lemma.
    """
    given = np.asarray(matrix)
    left, _, right = np.linalg.svd(_checked(given, 3, 3))
    sign = np.where(np.linalg.det(left @ right) < 0, -1.0, 1.0)
    left[..., 2] *= sign[..., None]
    return _like(left @ right, given)


def _sin_cos(angle: Float) -> tuple[Float, Float]:
    turn = np.radians(angle.astype(np.float64))
    return np.sin(turn), np.cos(turn)


def _checked(array: Float, *tail: int) -> NDArray[np.float64]:
    if array.shape[-len(tail) :] != tail:
        wanted = ", ".join(map(str, tail))
        raise DataError(f"an array of shape {array.shape} came where (..., {wanted}) is needed; reshape it")
    return array.astype(np.float64)


def _unit(vector: NDArray[np.float64], *, what: str) -> NDArray[np.float64]:
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    # Unit inputs computed in float64 carry errors near 1e-16; a shorter rest is such an error, no direction.
    if not np.all((length > 1e-15) & np.isfinite(length)):
        raise DataError(f"a {what} has no direction (length {np.min(length):g}); leave that entry out")
    return np.asarray(vector / length)


def _like(result: Float, *given: NDArray[Any]) -> Float:
    single = all(array.dtype == np.float32 for array in given)
    return np.asarray(result, dtype=np.float32 if single else np.float64)
