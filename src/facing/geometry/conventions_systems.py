"""Rotations as libraries, devices and services give them, to ours and back; see conventions.py."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from facing.errors import DataError
from facing.geometry.camera import OPENCV_AXES
from facing.geometry.conventions import opencv_turned, transform_of_turn, turn_of_transform
from facing.geometry.rotation import (
    Euler,
    euler_from_rotation,
    quaternion_from_rotation,
    rotation_from_euler,
    rotation_from_quaternion,
    rotation_from_rotvec_rad,
    rotvec_rad_from_rotation,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

HEAD_FROM_FORWARD_LEFT_UP = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
"""From x forward, y left, z up (ROS bodies) to our head axes x left, y up, z forward."""

KINECT2_AXES = np.diag([-1.0, 1.0, -1.0])
"""From Kinect 2 camera space (x to the sensor's left, y up, z out of the sensor) to our axes, and back."""

OPENTRACK_PACKET = struct.Struct("<6d")
"""x, y, z in cm, then yaw, pitch, roll in degrees: what opentrack takes on UDP port 4242."""


def rotation_from_opencv_model_up(rotvec_rad: ArrayLike) -> Array:
    """Read `rvec` of solvePnP for a model with y up and z out of the face, such as the common six points.

    Args:
        rotvec_rad: (..., 3); drop the last axis of OpenCV's (3, 1).

    Returns:
        (..., 3, 3) = D R. A frontal face has R = D, hence the "pitch near 180" people meet.

    Sure: derived from solvePnP's documented axes (x right, y down, z away) and checked by projection.
    """
    return np.asarray(OPENCV_AXES @ rotation_from_rotvec_rad(np.asarray(rotvec_rad, dtype=np.float64)))


def opencv_model_up_from_rotation(rotation: ArrayLike) -> Array:
    """Write `rvec` for a model with y up and z out of the face, (..., 3) radians."""
    return np.asarray(rotvec_rad_from_rotation(OPENCV_AXES @ np.asarray(rotation, dtype=np.float64)))


def rotation_from_opencv_model_down(rotvec_rad: ArrayLike) -> Array:
    """Read `rvec` of solvePnP for a model in camera axes: x right, y to the chin, z into the head.

    Args:
        rotvec_rad: (..., 3); drop the last axis of OpenCV's (3, 1).

    Returns:
        (..., 3, 3) = D R D.

    Sure: derived from solvePnP's documented axes and checked by projection.
    """
    return opencv_turned(rotation_from_rotvec_rad(np.asarray(rotvec_rad, dtype=np.float64)))


def opencv_model_down_from_rotation(rotation: ArrayLike) -> Array:
    """Write `rvec` for a model in camera axes, (..., 3) radians."""
    return np.asarray(rotvec_rad_from_rotation(opencv_turned(rotation)))


def rotation_from_mediapipe(transform: ArrayLike) -> Array:
    """Read MediaPipe's facial transformation matrix.

    Args:
        transform: (..., 4, 4), scale, rotation and translation (cm); the packed form is column-major.

    Returns:
        (..., 3, 3), its rotation.

    Raises:
        DataError: the matrix mirrors or has no volume, as one read in the wrong order does not: check on a
            picture.

    Sure: read in its documentation; the sign agrees with an example in its issues.
    """
    return turn_of_transform(transform)


def mediapipe_from_rotation(rotation: ArrayLike) -> Array:
    """Write a facial transformation matrix with scale 1 and no translation, (..., 4, 4)."""
    return transform_of_turn(rotation)


def rotation_from_arkit(anchor_transform: ArrayLike, *, camera_transform: ArrayLike) -> Array:
    """Read an ARKit face anchor.

    Args:
        anchor_transform: (..., 4, 4) of ARFaceAnchor, face -> world: x to the face's left, y up, z out of it.
        camera_transform: (..., 4, 4) of ARCamera, camera -> world.

    Returns:
        (..., 3, 3), for pictures in the sensor's landscape orientation.

    Sure: axes read in public threads, the product derived.
    """
    world_from_camera = turn_of_transform(camera_transform)
    return np.swapaxes(world_from_camera, -1, -2) @ turn_of_transform(anchor_transform)


def arkit_from_rotation(rotation: ArrayLike, *, camera_transform: ArrayLike) -> Array:
    """Write the transform of a face anchor without its place, (..., 4, 4)."""
    return transform_of_turn(turn_of_transform(camera_transform) @ np.asarray(rotation, dtype=np.float64))


def rotation_from_openface(*, pose_rx: ArrayLike, pose_ry: ArrayLike, pose_rz: ArrayLike) -> Array:
    """Read `pose_Rx`, `pose_Ry`, `pose_Rz` of OpenFace 2.

    Args:
        pose_rx: radians; pitch = -Rx.
        pose_ry: radians; yaw = Ry.
        pose_rz: radians; roll = Rz.

    Returns:
        (..., 3, 3) = D Rx Ry Rz D.

    Sure: matrix read in its code, mapping derived; look at one picture before you rely on it.
    """
    rx, ry, rz = (np.degrees(np.asarray(angle, dtype=np.float64)) for angle in (pose_rx, pose_ry, pose_rz))
    return np.asarray(rotation_from_euler(yaw=ry, pitch=-rx, roll=rz))


def openface_from_rotation(rotation: ArrayLike) -> tuple[Array, Array, Array]:
    """Write `pose_Rx`, `pose_Ry`, `pose_Rz` of OpenFace 2, radians, each (...), |Ry| <= pi / 2."""
    euler = euler_from_rotation(np.asarray(rotation, dtype=np.float64), yaw_within_90=True)
    yaw, pitch, roll = (np.asarray(np.radians(angle)) for angle in euler)
    return -pitch, yaw, roll


def rotation_from_opentrack_packet(packet: bytes) -> Array:
    """Read the angles of one opentrack UDP packet.

    Args:
        packet: 48 bytes, six little-endian doubles: x, y, z in cm, yaw, pitch, roll in degrees.

    Returns:
        (3, 3). The signs are those of opentrack's own webcam tracker: 300W-LP.

    Raises:
        DataError: the packet has another length.

    Sure: layout read in its code, signs derived from it.
    """
    if len(packet) != OPENTRACK_PACKET.size:
        raise DataError(f"an opentrack packet came with {len(packet)} bytes; it has {OPENTRACK_PACKET.size}")
    _, _, _, yaw, pitch, roll = OPENTRACK_PACKET.unpack(packet)
    return np.asarray(rotation_from_euler(yaw=yaw, pitch=pitch, roll=roll))


def opentrack_packet_from_rotation(
    rotation: ArrayLike, *, position_cm: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> bytes:
    """Write one opentrack UDP packet.

    Args:
        rotation: (3, 3).
        position_cm: of the head: x right, y up, z away.

    Returns:
        48 bytes.
    """
    yaw, pitch, roll = (float(angle) for angle in euler_from_rotation(rotation))
    return OPENTRACK_PACKET.pack(*position_cm, yaw, pitch, roll)


def rotation_from_ros(quaternion: ArrayLike) -> Array:
    """Read a head's orientation in a ROS camera frame.

    Args:
        quaternion: (..., 4) x, y, z, w: from the head (x forward, y left, z up) to a frame that ends in
            `_optical` (x right, y down, z forward).

    Returns:
        (..., 3, 3) = D R Q transposed.

    Sure: axes read in REP-103, the product derived.
    """
    optical_from_head = rotation_from_quaternion(np.asarray(quaternion, dtype=np.float64))
    return np.asarray(OPENCV_AXES @ optical_from_head @ HEAD_FROM_FORWARD_LEFT_UP.T)


def ros_from_rotation(rotation: ArrayLike) -> Array:
    """Write a head's orientation in a ROS `_optical` frame, (..., 4) quaternions x, y, z, w."""
    matrix = OPENCV_AXES @ np.asarray(rotation, dtype=np.float64) @ HEAD_FROM_FORWARD_LEFT_UP
    return np.asarray(quaternion_from_rotation(matrix))


def rotation_from_adas(*, yaw: ArrayLike, pitch: ArrayLike, roll: ArrayLike) -> Array:
    """Read the angles of Intel's head-pose-estimation-adas-0001.

    Args:
        yaw: degrees, > 0 towards the right edge of the picture.
        pitch: degrees, > 0 down.
        roll: degrees, > 0 clockwise.

    Returns:
        (..., 3, 3) from R = Rz(yaw) Ry(pitch) Rx(-roll) with x from the face to the camera, y right, z up.

    Sure: formula and axes read in its documentation, signs derived; look at one picture before
    you rely on it.
    """
    transposed = rotation_from_euler(pitch=-np.asarray(roll, dtype=np.float64), yaw=pitch, roll=yaw)
    matrix = np.swapaxes(transposed, -1, -2)
    return np.asarray(HEAD_FROM_FORWARD_LEFT_UP @ matrix @ HEAD_FROM_FORWARD_LEFT_UP.T)


def adas_from_rotation(rotation: ArrayLike) -> Euler:
    """Write the angles of head-pose-estimation-adas-0001, degrees, each (...), |pitch| <= 90."""
    Q = HEAD_FROM_FORWARD_LEFT_UP
    matrix = Q.T @ np.asarray(rotation, dtype=np.float64) @ Q
    middle, first, last = euler_from_rotation(np.swapaxes(matrix, -1, -2), yaw_within_90=True)
    return Euler(yaw=last, pitch=middle, roll=-first)


def rotation_from_kinect1(*, yaw: ArrayLike, pitch: ArrayLike, roll: ArrayLike) -> Array:
    """Read the angles of Kinect SDK 1 face tracking.

    Args:
        yaw: degrees, > 0 towards the subject's left.
        pitch: degrees, > 0 up.
        roll: degrees, > 0 towards the subject's left shoulder.

    Returns:
        (..., 3, 3).

    Sure: remembered.
    """
    return np.asarray(rotation_from_euler(yaw=-np.asarray(yaw, dtype=np.float64), pitch=pitch, roll=roll))


def kinect1_from_rotation(rotation: ArrayLike) -> Euler:
    """Write the angles of Kinect SDK 1 face tracking, degrees, each (...)."""
    yaw, pitch, roll = euler_from_rotation(rotation)
    return Euler(yaw=-yaw, pitch=pitch, roll=roll)


def rotation_from_kinect2(quaternion: ArrayLike) -> Array:
    """Read `FaceRotationQuaternion` of Kinect 2.

    Args:
        quaternion: (..., 4) x, y, z, w in camera space: x to the sensor's left, y up, z out of the sensor;
            a frontal face is taken to have no rotation.

    Returns:
        (..., 3, 3), for pictures that are not mirrored.

    Sure: remembered; verify on a recording.
    """
    matrix = rotation_from_quaternion(np.asarray(quaternion, dtype=np.float64))
    return np.asarray(KINECT2_AXES @ matrix @ KINECT2_AXES)


def kinect2_from_rotation(rotation: ArrayLike) -> Array:
    """Write `FaceRotationQuaternion` of Kinect 2, (..., 4) x, y, z, w."""
    matrix = KINECT2_AXES @ np.asarray(rotation, dtype=np.float64) @ KINECT2_AXES
    return np.asarray(quaternion_from_rotation(matrix))


def rotation_from_rekognition(*, yaw: ArrayLike, pitch: ArrayLike, roll: ArrayLike) -> Array:
    """Read `Pose` of AWS Rekognition.

    Args:
        yaw: degrees, > 0 "right", taken as the subject's right.
        pitch: degrees, > 0 down.
        roll: degrees.

    Returns:
        (..., 3, 3).

    Sure: read in a forum answer only; look at one picture before you rely on it.
    """
    return _pitch_down(yaw=yaw, pitch=pitch, roll=roll)


def rekognition_from_rotation(rotation: ArrayLike) -> Euler:
    """Write `Pose` of AWS Rekognition, degrees, each (...)."""
    return _pitch_down_from_rotation(rotation)


def rotation_from_skybiometry(*, yaw: ArrayLike, pitch: ArrayLike, roll: ArrayLike) -> Array:
    """Read the angles of SkyBiometry.

    Args:
        yaw: degrees, > 0 towards the subject's right shoulder.
        pitch: degrees, > 0 down.
        roll: degrees, > 0 clockwise, towards the subject's left shoulder.

    Returns:
        (..., 3, 3).

    Sure: read in its documentation.
    """
    return _pitch_down(yaw=yaw, pitch=pitch, roll=roll)


def skybiometry_from_rotation(rotation: ArrayLike) -> Euler:
    """Write the angles of SkyBiometry, degrees, each (...)."""
    return _pitch_down_from_rotation(rotation)


def _pitch_down(*, yaw: ArrayLike, pitch: ArrayLike, roll: ArrayLike) -> Array:
    return np.asarray(rotation_from_euler(yaw=yaw, pitch=-np.asarray(pitch, dtype=np.float64), roll=roll))


def _pitch_down_from_rotation(rotation: ArrayLike) -> Euler:
    yaw, pitch, roll = euler_from_rotation(rotation)
    return Euler(yaw=yaw, pitch=-pitch, roll=roll)
