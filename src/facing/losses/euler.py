"""Euler angles of 300W-LP in torch, and the square of an error of angle."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor

Wrap: TypeAlias = Literal["none", "turn", "one-sided"]

# Cosine of the yaw below which roll and pitch turn about one axis, in float32.
GIMBAL = 1e-6


def angle_square(predicted: Tensor, target: Tensor, *, wrap: Wrap = "none") -> Tensor:
    """Give the square of errors of angle.

    Args:
        predicted: degrees, (...).
        target: degrees, (...).
        wrap: "none" takes the plain difference d, right where predictions cannot pass +-180. "turn" takes the
            shorter way round. "one-sided" is min(d^2, (360 - d)^2), the pyramid system's: -198 counts as
            198, 198 as 162, and its gradient at 198 points away from the target.

    Returns:
        Square degrees, (...).
    """
    away = predicted - target
    if wrap == "one-sided":
        return torch.minimum(away.square(), (360 - away).square())
    if wrap == "turn":
        away = away - 360 * (away / 360).round()
    return away.square()


def rotation_from_euler_deg(*, yaw: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:
    """Turn 300W-LP angles into rotations: M = Rx(-pitch) Ry(-yaw) Rz(-roll).

    Args:
        yaw: degrees, > 0 towards the left edge of the picture, (...).
        pitch: degrees, > 0 up, (...).
        roll: degrees, > 0 clockwise in the picture, (...).

    Returns:
        (..., 3, 3), head to camera.
    """
    (sy, cy), (sp, cp), (sr, cr) = ((a.deg2rad().sin(), a.deg2rad().cos()) for a in (yaw, pitch, roll))
    rows = (
        (cy * cr, cy * sr, -sy),
        (sp * sy * cr - cp * sr, sp * sy * sr + cp * cr, sp * cy),
        (cp * sy * cr + sp * sr, cp * sy * sr - sp * cr, cp * cy),
    )
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def euler_deg_from_rotation(rotation: Tensor) -> Tensor:
    """Read 300W-LP angles off rotations, by the rule of `geometry.rotation.euler_from_rotation`.

    Of the two triples of a pose this is the one with the smaller sum of absolute angles. At yaw +-90 roll
    is 0 and pitch takes all; there the gradient of roll is 0, not NaN.

    Args:
        rotation: (..., 3, 3).

    Returns:
        (..., 3): yaw, pitch, roll in degrees, -180 to 180.
    """
    M = rotation
    square = M[..., 0, 0].square() + M[..., 0, 1].square()
    locked = square < GIMBAL**2
    cos_yaw = torch.where(locked, 0.0, torch.where(locked, 1.0, square).sqrt())
    yaw = torch.atan2(-M[..., 0, 2], cos_yaw)
    roll = torch.where(
        locked,
        0.0,
        torch.atan2(torch.where(locked, 0.0, M[..., 0, 1]), torch.where(locked, 1.0, M[..., 0, 0])),
    )
    # M Rz(roll) has the second column (0, cos pitch, -sin pitch) at every yaw.
    sr, cr = roll.sin(), roll.cos()
    pitch = torch.atan2(sr * M[..., 2, 0] - cr * M[..., 2, 1], cr * M[..., 1, 1] - sr * M[..., 1, 0])
    near = torch.stack((yaw, pitch, roll), dim=-1).rad2deg()
    far = torch.stack((180 - near[..., 0], near[..., 1] + 180, near[..., 2] + 180), dim=-1)
    far = far - 360 * (far / 360).round()
    # The absolute angles of the far triple are each 180 minus the near one's.
    return torch.where((near.abs().sum(-1) > 270)[..., None], far, near)


LOSS = angle_square
