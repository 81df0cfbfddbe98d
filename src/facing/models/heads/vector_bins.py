"""Facing direction as one class per axis: the compact system's classification.

The axes are those of the compact vector (`_direction.py`). In units of 1/99 a component reaches from -99 to
99; class i of N holds [-99 + s i, -99 + s (i + 1)) with s = 198 / N and stands for its centre.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self, TypeAlias

import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor, nn
from torch.nn import functional

from facing.models.contracts import Head
from facing.models.heads._direction import front_from_vector, vector_from_rotation
from facing.models.settings import HeadSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

REACH = 99
"""A component of 1 in the units of the classes."""
PUBLISHED_OFFSET = -96.0
"""What class 0 stands for in the compact system: right for 33 classes alone."""

Decode: TypeAlias = Literal["expectation", "mean"]


class VectorBinsSettings(HeadSettings):
    """How components are cut into classes and put together again.

    `bins` classes per axis, any divisor of 198 (33 and 66 published). `decode` reads a component as the
    "expectation" over the `top_k` most probable classes (0 for all), or as the plain "mean" of their
    numbers, which hands no gradient on and suits soft labels: of a sure class the next best are chance.
    `regression_weight` (alpha) weighs the squared error of the vector beside the cross entropies. `dropout`
    is the share of features left out in training. `compat` lets class i stand for s i - 96 as published,
    1.5 too high with 66 classes.
    """

    bins: int = 66
    decode: Decode = "expectation"
    top_k: int = Field(default=0, ge=0)
    regression_weight: float = Field(default=1.0, ge=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    compat: bool = False

    @field_validator("bins")
    @classmethod
    def _divides_the_range(cls, bins: int) -> int:
        known = [count for count in range(2, 2 * REACH + 1) if 2 * REACH % count == 0]
        if bins not in known:
            raise ValueError(f"{bins} classes do not divide 198; take one of {', '.join(map(str, known))}")
        return bins

    @model_validator(mode="after")
    def _top_k_fits(self) -> Self:
        if self.top_k > self.bins:
            raise ValueError(f"top_k = {self.top_k} is more than the {self.bins} classes; lower it")
        if self.decode == "mean" and self.top_k == 0:
            raise ValueError('decode = "mean" needs top_k: the mean of all classes is always their middle')
        return self


class VectorBins(nn.Module):
    """One linear layer per axis, side by side in one matrix, and the decoder."""

    def __init__(self, channels: int, settings: VectorBinsSettings) -> None:
        super().__init__()
        self.settings = settings
        self.dropout = nn.Dropout(settings.dropout)
        self.axes = nn.Linear(channels, 3 * settings.bins)
        # Starts frontal: from even classes the vector has no length, and its gradient no bound.
        centres = (torch.arange(settings.bins) + 0.5) * 2 / settings.bins - 1
        with torch.no_grad():
            prior = -2 * (centres - torch.tensor([[0.0], [0.0], [1.0]])).square()
            self.axes.bias.copy_(prior.flatten())

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Turn (N, channels) into `front` (N, 3), and in training `logits` (N, 3, bins)."""
        logits = self.axes(self.dropout(features)).unflatten(1, (3, self.settings.bins))
        settings = self.settings
        vector = decode_vector(logits, decode=settings.decode, top_k=settings.top_k, compat=settings.compat)
        out = {"front": front_from_vector(vector)}
        if self.training:
            out["logits"] = logits
        return out


def decode_vector(
    logits: Tensor, *, decode: Decode = "expectation", top_k: int = 0, compat: bool = False
) -> Tensor:
    """Read the compact vector off its classes.

    Args:
        logits: (N, 3, B), B a divisor of 198.
        decode: "expectation" or "mean" of the class numbers.
        top_k: how many classes count, the most probable ones; 0 for all.
        compat: let class i stand for s i - 96 rather than for its centre.

    Returns:
        (N, 3) in units of 1/99, not of length 1.
    """
    bins = logits.shape[2]
    index = torch.arange(bins, dtype=logits.dtype, device=logits.device).expand_as(logits)
    if top_k:
        logits, chosen = logits.topk(top_k, dim=2)
        index = chosen.to(logits.dtype)
    mean = index.mean(2) if decode == "mean" else (index * logits.softmax(2)).sum(2)
    width = 2 * REACH // bins
    return width * mean + (PUBLISHED_OFFSET if compat else width / 2 - REACH)


def classes_of_vector(vector: Tensor, *, bins: int) -> Tensor:
    """Find the class of each component, (N, 3) in -1 to 1 -> (N, 3) int64; 1 itself is in the last class."""
    return ((vector + 1) * REACH * bins / (2 * REACH)).floor().long().clamp(0, bins - 1)


def vector_bins_loss(
    out: Mapping[str, Tensor], target: Mapping[str, Tensor], settings: VectorBinsSettings
) -> dict[str, Tensor]:
    """Cross entropy and weighted squared error of the three axes, each summed, (N,)."""
    index = classes_of_vector(vector_from_rotation(target["rotation"]), bins=settings.bins)
    cross = functional.cross_entropy(out["logits"].transpose(1, 2), index, reduction="none").sum(1)
    return with_regression(cross, out, target, settings)


def with_regression(
    classes: Tensor, out: Mapping[str, Tensor], target: Mapping[str, Tensor], settings: VectorBinsSettings
) -> dict[str, Tensor]:
    """Add alpha times the squared error of the vector to the loss of the classes, (N,)."""
    square = (out["front"] - target["rotation"][:, :, 2]).square().sum(1)
    return {
        "loss": classes + settings.regression_weight * square,
        "classes": classes,
        "regression": square,
    }


HEAD = Head(
    title="facing direction as classes per axis (cross entropy + squared error)",
    settings=VectorBinsSettings,
    outputs=("front",),
    build=VectorBins,
    loss=vector_bins_loss,
)
