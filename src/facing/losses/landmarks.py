"""Distance of predicted from true landmarks, where there are any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor


def landmark_loss(predicted: Tensor, target: Tensor, *, weight: Tensor, beta: float = 0.05) -> Tensor:
    """Give the weighted smooth distance of landmarks.

    Args:
        predicted: (N, J, 2) in crop coordinates, -1 to 1.
        target: (N, J, 2), finite also where the weight is 0.
        weight: (N, J), 0 leaves a landmark out.
        beta: the distance where the square turns into a line, in crop coordinates.

    Returns:
        (N,), the mean over each sample's landmarks; 0 where all are left out.
    """
    distance = functional.smooth_l1_loss(predicted, target, reduction="none", beta=beta).sum(2)
    return (distance * weight).sum(1) / weight.sum(1).clamp_min(1.0)


LOSS = landmark_loss
