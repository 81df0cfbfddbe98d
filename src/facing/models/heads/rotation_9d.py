"""Rotation as the one nearest to a free 3 x 3 matrix (Levinson et al. 2020), and the error to expect.

The nearest rotation is found in closed form (Markley 1993), because the singular value decomposition has no
ONNX operator.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from facing.models.contracts import Head
from facing.models.heads.rotation_6d import (
    MIRROR_SIGNS,
    Rotation6DSettings,
    RotationHead,
    rotation_6d_loss,
    rotation_from_6d,
)

# Doubles the digits each time once near; enough for the singular values that a network gives.
NEWTON_STEPS = 12
# Below this, in float32, no digit of the nearest rotation is left: two singular values cancel out.
UNDECIDED = 1e-5


class Rotation9DSettings(Rotation6DSettings):
    """Weights of the terms of the loss, those of `rotation_6d`."""


def build_rotation_9d(channels: int, settings: Rotation9DSettings) -> RotationHead:
    """Build the head, weights random."""
    return RotationHead(
        channels,
        upright=torch.eye(3).flatten(),
        mirrored=torch.tensor(MIRROR_SIGNS).flatten(),
        rotation_from=_from_nine,
        landmarks=settings.landmarks > 0,
    )


def _from_nine(numbers: Tensor) -> Tensor:
    return rotation_from_9d(numbers.reshape(-1, 3, 3))


def rotation_from_9d(matrix: Tensor) -> Tensor:
    """Find the rotation nearest to matrices in the Frobenius norm.

    Args:
        matrix: (N, 3, 3), any scale.

    Returns:
        (N, 3, 3), determinant +1. With singular values s1 >= s2 >= s3 and s3 counted negative where the
        determinant is, it is undecided where s2 + s3 = 0: the identity comes back, without gradient.

    Source: Markley, Attitude determination using vector observations: a fast optimal matrix algorithm,
    1993, eqs. 11 to 17. The gradient is that of the decomposition: one Newton step at the root carries the
    root's implicit derivative.
    """
    square = matrix.square().sum((1, 2), keepdim=True)
    A = matrix / square.clamp_min(1e-20).sqrt()
    x, y, z = A.unbind(2)
    cofactors = torch.stack([torch.linalg.cross(a, b, dim=1) for a, b in ((y, z), (z, x), (x, y))], dim=2)
    determinant = (x * cofactors[:, :, 0]).sum(1)
    minors = cofactors.square().sum((1, 2))
    root = _newton(determinant.detach(), minors.detach())
    root = _newton_step(root, determinant, minors)[:, None, None]
    half = (root.square() - 1) / 2
    # The rotation times (s1 + s2)(s2 + s3)(s3 + s1).
    scaled = (half + 1) * A + root * cofactors - A @ A.mT @ A
    size = half * root - determinant[:, None, None]
    columns = (scaled / size.clamp_min(UNDECIDED))[:, :, :2]
    # Two columns of a rotation span an area of 1, whatever rounding left of it.
    area = torch.linalg.cross(columns[:, :, 0], columns[:, :, 1], dim=1).square().sum(1)
    decided = torch.where(area[:, None, None] > 0.25, columns, torch.eye(3, 2).to(columns))
    return rotation_from_6d(decided.transpose(1, 2).flatten(1))


def _newton(determinant: Tensor, minors: Tensor) -> Tensor:
    """Find s1 + s2 + s3 of matrices of norm 1, from above; the square root of 3 is its bound."""
    root = torch.full_like(determinant, math.sqrt(3))
    for _ in range(NEWTON_STEPS):
        root = _newton_step(root, determinant, minors)
    return root


def _newton_step(root: Tensor, determinant: Tensor, minors: Tensor) -> Tensor:
    square = root.square() - 1
    value = square.square() - 8 * root * determinant - 4 * minors
    slope = 4 * root * square - 8 * determinant
    return root - value / slope.clamp_min(UNDECIDED)


HEAD = Head(
    title="rotation nearest to nine numbers, with spread (geodesic loss)",
    settings=Rotation9DSettings,
    outputs=("rotation", "spread"),
    build=build_rotation_9d,
    loss=rotation_6d_loss,
)
