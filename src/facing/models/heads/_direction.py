"""The facing vector of the compact system, in which its heads' numbers live.

Its x points to the left of the picture, y up, z to the viewer: v = S front with S = diag(-1, 1, 1), front
being the third column of the rotation. What heads give is `front`; classes, soft labels and raw numbers are
those of v, so that they equal the published ones.
"""

from __future__ import annotations

import torch
from torch import Tensor

# A vector shorter than this has no direction in float32.
SHORTEST = 1e-6


def vector_from_rotation(rotation: Tensor) -> Tensor:
    """Take v of rotations, (N, 3, 3) -> (N, 3)."""
    return _mirrored(rotation[:, :, 2])


def front_from_vector(vector: Tensor) -> Tensor:
    """Turn v of any length into the unit vector `front`, (N, 3) -> (N, 3).

    A vector without length becomes the frontal one, whose gradient is 0.
    """
    square = vector.square().sum(1, keepdim=True)
    some = square > SHORTEST**2
    length = torch.where(some, square, 1.0).sqrt()
    frontal = torch.zeros_like(vector) + vector.new_tensor((0.0, 0.0, 1.0))
    return _mirrored(torch.where(some, vector / length, frontal))


def _mirrored(vector: Tensor) -> Tensor:
    return torch.cat((-vector[:, :1], vector[:, 1:]), dim=1)
