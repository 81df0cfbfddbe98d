"""Contrastive losses: features of one class together, features of different classes apart."""

from __future__ import annotations

import torch
from torch import Tensor

from facing.errors import MissingExtraError

TINY = 1e-12
"""Squared distances from here on have a root whose gradient is a number."""


def supervised_contrastive_loss(features: Tensor, label: Tensor, *, temperature: float = 0.1) -> Tensor:
    """Ask each sample which of the others are of its class, by the angle between features.

    Args:
        features: (N, C) of length 1.
        label: class of each sample, (N,) int64; samples below 0 have none and take no part.
        temperature: how sharp the question is; cosines are divided by it.

    Returns:
        (N,): minus the mean over all p of the same class of
        log(exp(z . z_p / t) / sum over a of exp(z . z_a / t)), a being all others of the batch. 0 for samples
        without a class or without another one of it, and where the batch holds a single class.

    Raises:
        MissingExtraError: pytorch-metric-learning is not installed.

    Source: Khosla et al. 2020, equation 2 (the mean outside of the logarithm).
    """
    try:
        from pytorch_metric_learning.losses import SupConLoss
        from pytorch_metric_learning.reducers import DoNothingReducer
    except ImportError as error:
        raise MissingExtraError.of(need="the contrastive loss", extra="train") from error
    loss = features.new_zeros(len(features))
    classed = torch.nonzero(label >= 0)[:, 0]
    if len(torch.unique(label[classed])) < 2:
        return loss
    question = SupConLoss(temperature=temperature, reducer=DoNothingReducer())
    values = question(features[classed], label[classed])["loss"]["losses"]
    # Several heads of one class are usual, but a batch without any pair is answered with a plain 0.
    return loss.index_put((classed,), values) if isinstance(values, Tensor) else loss


def pair_margin_loss(features: Tensor, label: Tensor, *, margin: float = 1.0) -> Tensor:
    """Pull pairs of one class together and push others apart until they are a margin away.

    Args:
        features: (N, C).
        label: class of each sample, (N,) int64; samples below 0 have none and take no part.
        margin: distance from which pairs of different classes cost nothing.

    Returns:
        (N,): the mean over all other samples of d^2 for the same class and max(0, margin - d)^2 for another,
        d being the distance of the features; 0 for samples without a class or alone in the batch.

    Source: Hadsell et al. 2006, equation 4, without its factor of a half.
    """
    square = (features[:, None] - features[None]).square().sum(2)
    distance = torch.where(square > TINY, square.clamp(min=TINY).sqrt(), 0.0)
    same = label[:, None] == label[None]
    cost = torch.where(same, square, (margin - distance).clamp(min=0).square())
    classed = label >= 0
    pairs = classed[:, None] & classed[None] & ~torch.eye(len(label), dtype=torch.bool, device=label.device)
    return (cost * pairs).sum(1) / pairs.sum(1).clamp(min=1)


LOSS = supervised_contrastive_loss
