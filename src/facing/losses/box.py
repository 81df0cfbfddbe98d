"""How far predicted boxes are from the true ones."""

from __future__ import annotations

import torch
from torch import Tensor


def box_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Give 1 minus the generalised overlap of pairs of boxes.

    Args:
        predicted: (..., 4) xyxy.
        target: (..., 4) xyxy, with area, same unit.

    Returns:
        (...), 0 for equal boxes, up to 2 for boxes far apart.

    Source: Rezatofighi et al. 2019, algorithm 1.
    """
    low = torch.maximum(predicted[..., :2], target[..., :2])
    high = torch.minimum(predicted[..., 2:], target[..., 2:])
    both = (high - low).clamp_min(0).prod(-1)
    either = _area(predicted) + _area(target) - both
    hull = torch.maximum(predicted[..., 2:], target[..., 2:]) - torch.minimum(
        predicted[..., :2], target[..., :2]
    )
    around = hull.prod(-1).clamp_min(1e-6)
    return 2 - both / either.clamp_min(1e-6) - either / around


def _area(boxes: Tensor) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).prod(-1)


LOSS = box_loss
