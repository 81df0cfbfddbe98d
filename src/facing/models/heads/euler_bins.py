"""Euler angles as classes of 3 degrees (Hopenet, Ruiz et al. 2018; the full turn of yaw as in WHENet, 2020).

Pitch and roll reach from -99 to 99 degrees; so does yaw, unless the full turn is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from facing.losses.euler import angle_square, euler_deg_from_rotation, rotation_from_euler_deg
from facing.models.contracts import Head
from facing.models.settings import HeadSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

ANGLES = ("yaw", "pitch", "roll")
WIDTH_DEG = 3.0
LIMIT_DEG = 99.0
TURN_DEG = 180.0
# How far, in degrees, an untrained head thinks that faces turn from the camera.
PRIOR_DEG = 60.0
# Cosines and sines whose mean is shorter than this point nowhere in float32.
SHORTEST = 1e-6


class EulerBinsSettings(HeadSettings):
    """Weight of the squared error in degrees beside the cross entropies: alpha of Hopenet, 1 or 2.

    `full_yaw` gives yaw 120 classes around the whole turn, read as the mean direction so that 179 and -179
    degrees are neighbours. `compat` lets a class stand for its lower edge, 1.5 degrees too low, and takes
    the plain mean around the turn too.
    """

    regression_weight: float = Field(default=1.0, ge=0)
    full_yaw: bool = False
    dropout: float = Field(default=0.0, ge=0, lt=1)
    compat: bool = False


class EulerBins(nn.Module):
    """One linear layer per angle and the decoder."""

    def __init__(self, channels: int, settings: EulerBinsSettings) -> None:
        super().__init__()
        self.settings = settings
        self.dropout = nn.Dropout(settings.dropout)
        self.limits = (TURN_DEG if settings.full_yaw else LIMIT_DEG, LIMIT_DEG, LIMIT_DEG)
        self.angles = nn.ModuleList(nn.Linear(channels, class_count(limit)) for limit in self.limits)
        for layer, limit in zip(self.angles, self.limits, strict=True):
            assert isinstance(layer, nn.Linear)
            centres = (torch.arange(class_count(limit)) + 0.5) * WIDTH_DEG - limit
            with torch.no_grad():
                layer.bias.copy_(-(centres / PRIOR_DEG).square() / 2)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Turn (N, channels) into `rotation` (N, 3, 3).

        In training also `angles` (N, 3), yaw, pitch, roll in degrees, and the logits `yaw` (N, 66 or 120),
        `pitch` and `roll` (N, 66).
        """
        features = self.dropout(features)
        logits = {name: layer(features) for name, layer in zip(ANGLES, self.angles, strict=True)}
        angles = {
            name: decode_bins_deg(logits[name], limit=limit, compat=self.settings.compat)
            for name, limit in zip(ANGLES, self.limits, strict=True)
        }
        out = {"rotation": rotation_from_euler_deg(**angles)}
        if self.training:
            out |= {"angles": torch.stack([angles[name] for name in ANGLES], dim=1), **logits}
        return out


def class_count(limit: float) -> int:
    """Count the classes of 3 degrees from -limit to limit."""
    return round(2 * limit / WIDTH_DEG)


def decode_bins_deg(logits: Tensor, *, limit: float, compat: bool = False) -> Tensor:
    """Read an angle off its classes.

    Args:
        logits: (..., B).
        limit: where the classes begin and end, degrees: 99, or 180 for the whole turn.
        compat: let a class stand for its lower edge, and take the plain mean around the turn too.

    Returns:
        Degrees, (...).
    """
    shares = logits.softmax(-1)
    index = torch.arange(logits.shape[-1], dtype=logits.dtype, device=logits.device)
    values = WIDTH_DEG * (index + (0.0 if compat else 0.5)) - limit
    if compat or limit < TURN_DEG:
        return (shares * values).sum(-1)
    sine = (shares * values.deg2rad().sin()).sum(-1)
    cosine = (shares * values.deg2rad().cos()).sum(-1)
    # Classes that cancel out leave no direction; frontal then, and no gradient.
    some = sine.square() + cosine.square() > SHORTEST**2
    return torch.atan2(torch.where(some, sine, 0.0), torch.where(some, cosine, 1.0)).rad2deg()


def euler_bins_loss(
    out: Mapping[str, Tensor], target: Mapping[str, Tensor], settings: EulerBinsSettings
) -> dict[str, Tensor]:
    """Cross entropy and weighted squared error of the three angles, each summed, (N,).

    `out_of_range` is 1 where an angle of the label lies beyond the classes; it is trained on as their edge.
    """
    angles = euler_deg_from_rotation(target["rotation"])
    limits = angles.new_tensor([TURN_DEG if settings.full_yaw else LIMIT_DEG, LIMIT_DEG, LIMIT_DEG])
    beyond = (angles.abs() > limits).any(1)
    angles = torch.minimum(torch.maximum(angles, -limits), limits)
    index = ((angles + limits) / WIDTH_DEG).floor().long()
    crosses = [
        functional.cross_entropy(
            out[name], index[:, column].clamp(0, out[name].shape[1] - 1), reduction="none"
        )
        for column, name in enumerate(ANGLES)
    ]
    classes = torch.stack(crosses).sum(0)
    square = angle_square(out["angles"], angles, wrap="turn" if settings.full_yaw else "none").sum(1)
    return {
        "loss": classes + settings.regression_weight * square,
        "classes": classes,
        "regression": square,
        "out_of_range": beyond.to(square.dtype),
    }


HEAD = Head(
    title="Euler angles as classes of 3 degrees (cross entropy + squared degrees)",
    settings=EulerBinsSettings,
    outputs=("rotation",),
    build=EulerBins,
    loss=euler_bins_loss,
)
