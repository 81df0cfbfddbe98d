"""Angle between two rotations, with a gradient that is safe at zero and at half a turn."""

from __future__ import annotations

import torch
from torch import Tensor


def geodesic_angle(predicted: Tensor, target: Tensor) -> Tensor:
    """Give the angle of the turn between rotations, in radians.

    Args:
        predicted: rotations, (N, 3, 3).
        target: rotations, (N, 3, 3).

    Returns:
        (N,), 0 to pi. The gradient at zero error is 0, not NaN as from a plain acos.

    Source: |R1 - R2| = 2 sqrt(2) sin(angle / 2) in the Frobenius norm; with the cosine of the half angle
    from the trace, atan2 is exact near zero and within 2e-4 of half a turn, in float32.
    """
    difference = (predicted - target).flatten(1).square().sum(1)
    trace = (predicted * target).flatten(1).sum(1)
    sine = _safe_root(difference / 8)
    cosine = _safe_root((trace + 1) / 4)
    return 2 * torch.atan2(sine, cosine)


def _safe_root(square: Tensor) -> Tensor:
    positive = square > 1e-12  # float32: below this the half angle is noise
    return torch.where(positive, torch.where(positive, square, 1.0).sqrt(), 0.0)


LOSS = geodesic_angle
