"""Facing direction as three numbers: the compact system's regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from pydantic import Field
from torch import Tensor, nn

from facing.models.contracts import Head
from facing.models.heads._direction import front_from_vector
from facing.models.settings import HeadSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

# The published loss compares vectors of length 10.
LENGTH = 10.0


class VectorSettings(HeadSettings):
    """Layers before the vector.

    `dropout` is the share of features left out in training: 0.2 in the published MobileNetV2, 0.5 in its
    SqueezeNet. `rectify` ends in a ReLU as the published SqueezeNet does (there before the pooling), so that
    no component of the compact vector is negative and no face can look down, away, or to the right of the
    picture; it is here to show that fault.
    """

    dropout: float = Field(default=0.0, ge=0, lt=1)
    rectify: bool = False


class Vector(nn.Module):
    """One linear layer, normalised to length 1."""

    def __init__(self, channels: int, settings: VectorSettings) -> None:
        super().__init__()
        self.dropout = nn.Dropout(settings.dropout)
        self.vector = nn.Linear(channels, 3)
        self.rectify = settings.rectify
        nn.init.normal_(self.vector.weight, std=0.01)
        with torch.no_grad():
            self.vector.bias.copy_(torch.tensor([0.0, 0.0, 1.0]))

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Turn (N, channels) into `front` (N, 3)."""
        vector = self.vector(self.dropout(features))
        return {"front": front_from_vector(torch.relu(vector) if self.rectify else vector)}


def vector_loss(
    out: Mapping[str, Tensor], target: Mapping[str, Tensor], settings: VectorSettings
) -> dict[str, Tensor]:
    """Mean over x, y and z of the squared error of vectors of length 10, (N,)."""
    del settings
    away = out["front"] - target["rotation"][:, :, 2]
    return {"loss": (LENGTH * away).square().mean(1)}


HEAD = Head(
    title="facing direction as three numbers (squared error)",
    settings=VectorSettings,
    outputs=("front",),
    build=Vector,
    loss=vector_loss,
)
