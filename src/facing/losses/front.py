"""Angle between two facing directions, with a gradient that is safe everywhere."""

from __future__ import annotations

import torch
from torch import Tensor


def front_angle(predicted: Tensor, target: Tensor) -> Tensor:
    """Give the angle between unit vectors, in radians.

    Args:
        predicted: (N, 3) unit vectors.
        target: (N, 3) unit vectors.

    Returns:
        (N,), 0 to pi. The gradient at zero error is 0, not NaN as from a plain acos.

    Source: |a - b| = 2 sin(angle / 2), |a + b| = 2 cos(angle / 2).
    """
    sine, cosine = (_safe_length(predicted + sign * target) for sign in (-1, 1))
    return 2 * torch.atan2(sine, cosine)


def _safe_length(vector: Tensor) -> Tensor:
    square = vector.square().sum(1)
    positive = square > 1e-12  # float32: below this the half angle is noise
    return torch.where(positive, torch.where(positive, square, 1.0).sqrt(), 0.0)


LOSS = front_angle
