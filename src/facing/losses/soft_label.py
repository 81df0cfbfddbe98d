"""Soft labels over ordered classes, and three losses against them."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

Metric: TypeAlias = Literal["squared", "absolute", "log"]
SoftLoss: TypeAlias = Literal["ce", "kl", "bce"]


def soft_label_loss(logits: Tensor, target: Tensor, *, loss: SoftLoss = "ce") -> Tensor:
    """Score logits against a distribution over classes.

    Args:
        logits: (..., B).
        target: (..., B), 0 or more, sums to 1.
        loss: "ce" is cross entropy of the softmax, "kl" the divergence of the softmax from the target (the
            same gradient, 0 at the target), "bce" the mean over classes of the binary cross entropy of the
            sigmoid, which leaves the softmax of the best logits far from the target.

    Returns:
        (...), natural logarithms.

    Source: Diaz and Marathe, Soft Labels for Ordinal Regression, CVPR 2019, section 3 ("kl"); "bce" is the
    compact system's choice.
    """
    if loss == "bce":
        return functional.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(-1)
    cross = -(target * logits.log_softmax(-1)).sum(-1)
    return cross if loss == "ce" else cross - torch.special.entr(target).sum(-1)


def soft_labels(place: Tensor, *, bins: int, metric: Metric = "squared", sigma: float = 1.0) -> Tensor:
    """Spread a label over the classes near it, to both sides alike.

    Args:
        place: where the label lies, (...), in classes: i is the centre of class i.
        bins: number of classes B.
        metric: with d the distance in units of `sigma`, a class weighs exp(-d^2), exp(-d) or
            exp(-ln(1 + d)^2), which has the longest tails.
        sigma: width in classes, above 0.

    Returns:
        (..., B), sums to 1.

    Source: Diaz and Marathe 2019, eq. 1, with symmetric distances.
    """
    away = (torch.arange(bins, dtype=place.dtype, device=place.device) - place[..., None]).abs() / sigma
    if metric == "squared":
        away = away.square()
    elif metric == "log":
        away = away.log1p().square()
    return (-away).softmax(-1)


def log_rank_labels(index: Tensor, *, bins: int) -> Tensor:
    """Give the compact system's labels: exp(-(ln c - ln k)^2) over ranks k = 1 to B.

    The mean class of such a label is not the label: of classes 0 to 65 the last has the mean 45.1.

    Args:
        index: class, (...) int64, 0 to B - 1; its rank c is one more.
        bins: number of classes B.

    Returns:
        (..., B), float32, sums to 1.
    """
    rank = torch.arange(1, bins + 1, dtype=torch.float32, device=index.device).log()
    return (-(rank[index][..., None] - rank).square()).softmax(-1)


LOSS = soft_label_loss
