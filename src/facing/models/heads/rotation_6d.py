"""Rotation as two free vectors (Zhou et al. 2019) and the error to expect.

Gram-Schmidt turns six numbers into a rotation without jumps, so the whole sphere is one smooth target.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from facing.losses.geodesic import geodesic_angle
from facing.losses.landmarks import landmark_loss
from facing.losses.spread import spread_loss
from facing.models.contracts import Head
from facing.models.settings import HeadSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

LANDMARKS = 68
# Spread is the expected angle of error: below half a degree no label is that good, above pi none exists.
SPREAD_LOG_RANGE = (-4.75, 1.14)


class Rotation6DSettings(HeadSettings):
    """Weights of the terms of the loss; `landmarks` above 0 adds 68 points as a second output in training."""

    geodesic: float = Field(default=1.0, ge=0)
    spread: float = Field(default=0.05, ge=0)
    landmarks: float = Field(default=0.0, ge=0)


class Rotation6D(nn.Module):
    """Linear layers from features to rotation, spread and, in training, landmarks."""

    def __init__(self, channels: int, settings: Rotation6DSettings) -> None:
        super().__init__()
        self.rotation = nn.Linear(channels, 6)
        self.spread = nn.Linear(channels, 1)
        self.landmarks = nn.Linear(channels, 2 * LANDMARKS) if settings.landmarks > 0 else None
        nn.init.normal_(self.rotation.weight, std=0.01)
        nn.init.zeros_(self.spread.weight)
        with torch.no_grad():
            self.rotation.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]))

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Turn (N, channels) into `rotation` (N, 3, 3), `spread` (N,) radians, and `landmarks` in training.

        Landmarks are (N, 68, 2) in crop coordinates: -1 to 1 from edge to edge, x right, y down.
        """
        out = {
            "rotation": rotation_from_6d(self.rotation(features)),
            "spread": torch.exp(self.spread(features)[:, 0].clamp(*SPREAD_LOG_RANGE)),
        }
        if self.training and self.landmarks is not None:
            out["landmarks"] = self.landmarks(features).unflatten(1, (LANDMARKS, 2))
        return out


def rotation_from_6d(six: Tensor) -> Tensor:
    """Turn (N, 6), the first two columns laid end to end, into rotations (N, 3, 3) by Gram-Schmidt."""
    first = functional.normalize(six[:, :3], dim=1, eps=1e-6)
    second = six[:, 3:]
    second = functional.normalize(second - (first * second).sum(1, keepdim=True) * first, dim=1, eps=1e-6)
    return torch.stack((first, second, torch.linalg.cross(first, second, dim=1)), dim=2)


def rotation_6d_loss(
    out: Mapping[str, Tensor], target: Mapping[str, Tensor], settings: Rotation6DSettings
) -> dict[str, Tensor]:
    """Angle of error, likelihood of the stated spread, and distance of the landmarks, (N,) each."""
    angle = geodesic_angle(out["rotation"], target["rotation"])
    spread = spread_loss(out["spread"], angle)
    terms = {"loss": settings.geodesic * angle + settings.spread * spread, "spread": spread}
    if "landmarks" in out:
        away = landmark_loss(out["landmarks"], target["landmarks"], weight=target["landmark_weight"])
        terms["loss"] = terms["loss"] + settings.landmarks * away
        terms["landmarks"] = away
    return terms


HEAD = Head(
    title="rotation as six numbers, with spread (geodesic loss)",
    settings=Rotation6DSettings,
    outputs=("rotation", "spread"),
    build=Rotation6D,
    loss=rotation_6d_loss,
)
