"""Facing direction as soft classes per axis: the compact system's ordinal regression.

Layers and decoder are those of `vector_bins`; the label is spread over the classes near it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from facing.losses.soft_label import Metric, SoftLoss, log_rank_labels, soft_label_loss, soft_labels
from facing.models.contracts import Head
from facing.models.heads._direction import vector_from_rotation
from facing.models.heads.vector_bins import (
    REACH,
    VectorBins,
    VectorBinsSettings,
    classes_of_vector,
    with_regression,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


class VectorSoftBinsSettings(VectorBinsSettings):
    """Settings of `vector_bins`, and how labels are spread.

    `metric` and `sigma` (in classes) say how the weight falls off, `losses/soft_label.py` by which formula;
    `label_at` spreads it about the true "value", which keeps what lies between two centres, or about the
    centre of its "class" as published. `soft_loss` "bce" trains a sigmoid though a softmax is decoded, as
    published. With `compat` labels lie at classes, and the "log" metric is the published one, lopsided and
    without width. The published system is `compat`, "log", "bce".
    """

    metric: Metric = "squared"
    sigma: float = Field(default=1.0, gt=0)
    label_at: Literal["class", "value"] = "value"
    soft_loss: SoftLoss = "ce"


def labels_of_vector(vector: Tensor, settings: VectorSoftBinsSettings) -> Tensor:
    """Give the soft labels of compact vectors, (N, 3) in -1 to 1 -> (N, 3, bins)."""
    bins = settings.bins
    index = classes_of_vector(vector, bins=bins)
    if settings.compat and settings.metric == "log":
        return log_rank_labels(index, bins=bins)
    whole = settings.compat or settings.label_at == "class"
    place = index.to(vector.dtype) if whole else (vector + 1) * REACH * bins / (2 * REACH) - 0.5
    return soft_labels(place, bins=bins, metric=settings.metric, sigma=settings.sigma)


def vector_soft_bins_loss(
    out: Mapping[str, Tensor], target: Mapping[str, Tensor], settings: VectorSoftBinsSettings
) -> dict[str, Tensor]:
    """Loss against the soft labels and weighted squared error of the three axes, each summed, (N,)."""
    labels = labels_of_vector(vector_from_rotation(target["rotation"]), settings)
    classes = soft_label_loss(out["logits"], labels, loss=settings.soft_loss).sum(1)
    return with_regression(classes, out, target, settings)


HEAD = Head(
    title="facing direction as soft classes per axis (soft labels + squared error)",
    settings=VectorSoftBinsSettings,
    outputs=("front",),
    build=VectorBins,
    loss=vector_soft_bins_loss,
)
