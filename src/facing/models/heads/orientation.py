"""Classes of direction: front, side and back, or any others.

Cross entropy, and on request a contrastive loss on the features, which the published system promises and
never had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from facing.losses.contrastive import pair_margin_loss, supervised_contrastive_loss
from facing.models.contracts import Head
from facing.models.settings import HeadSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_CLASS = -1
"""Label of heads that are in no class, such as those near a border; they cost nothing."""


class OrientationSettings(HeadSettings):
    """Number of classes, and the loss on the features.

    `contrastive` is "supervised" (Khosla et al. 2020, with `temperature`) or "pairs" (with `margin`); it is
    added with `contrastive_weight`, 0 leaves it out.
    """

    classes: int = Field(default=3, ge=2)
    contrastive: Literal["supervised", "pairs"] = "supervised"
    contrastive_weight: float = Field(default=0.0, ge=0)
    temperature: float = Field(default=0.1, gt=0)
    margin: float = Field(default=1.0, gt=0)


class Orientation(nn.Module):
    """One linear layer from features to classes."""

    def __init__(self, channels: int, settings: OrientationSettings) -> None:
        super().__init__()
        self.classes = nn.Linear(channels, settings.classes)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Turn (N, channels) into `orientation` (N, classes), probabilities.

        In training there are `logits` (N, classes) and `features` (N, channels), of length 1, beside it.
        """
        logits = self.classes(features)
        out = {"orientation": logits.softmax(1)}
        if self.training:
            out |= {"logits": logits, "features": functional.normalize(features, dim=1)}
        return out


def orientation_loss(
    out: Mapping[str, Tensor], target: Mapping[str, Tensor], settings: OrientationSettings
) -> dict[str, Tensor]:
    """Cross entropy and the contrastive loss, (N,) each; 0 for heads in no class (label below 0)."""
    label = target["label"]
    entropy = functional.cross_entropy(
        out["logits"], label.clamp(min=NO_CLASS), ignore_index=NO_CLASS, reduction="none"
    )
    terms = {"loss": entropy}
    if settings.contrastive_weight > 0:
        features = out["features"]
        with torch.autocast(features.device.type, enabled=False):
            if settings.contrastive == "pairs":
                away = pair_margin_loss(features, label, margin=settings.margin)
            else:
                away = supervised_contrastive_loss(features, label, temperature=settings.temperature)
        terms = {"loss": entropy + settings.contrastive_weight * away, "contrastive": away}
    return terms


HEAD = Head(
    title="classes such as front, side and back (cross entropy, contrastive loss)",
    settings=OrientationSettings,
    outputs=("orientation",),
    build=Orientation,
    loss=orientation_loss,
)
