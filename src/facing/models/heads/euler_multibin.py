"""Euler angles as coarse and fine classes: the pyramid system.

Each angle of 300W-LP, -100 to 100 degrees, is one of 10 coarse classes of 20 degrees and one of 20 shifts of
1 degree within it. Rotations beyond, such as heads from behind, cannot be told.
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

COARSE, SHIFTS = 10, 20
LIMIT_DEG = 100.0


class EulerMultibinSettings(HeadSettings):
    """Weight of the squared error in degrees beside the cross entropies; 1 as published.

    `compat` lets shift k, which holds k to k + 1 degrees, stand for k, half a degree too low, and wraps the
    squared error to one side.
    """

    regression_weight: float = Field(default=1.0, ge=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    compat: bool = False


class EulerMultibin(nn.Module):
    """Two linear layers per angle, side by side in one matrix, and the decoder."""

    def __init__(self, channels: int, settings: EulerMultibinSettings) -> None:
        super().__init__()
        self.dropout = nn.Dropout(settings.dropout)
        self.angles = nn.Linear(channels, 3 * (COARSE + SHIFTS))
        self.compat = settings.compat

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Turn (N, channels) into `rotation` (N, 3, 3).

        In training also `angles` (N, 3), yaw, pitch, roll in degrees, `coarse` (N, 3, 10) and `shift`
        (N, 3, 20), logits.
        """
        logits = self.angles(self.dropout(features)).unflatten(1, (3, COARSE + SHIFTS))
        coarse, shift = logits.split((COARSE, SHIFTS), dim=2)
        angles = decode_multibin_deg(coarse, shift, compat=self.compat)
        yaw, pitch, roll = angles.unbind(1)
        out = {"rotation": rotation_from_euler_deg(yaw=yaw, pitch=pitch, roll=roll)}
        if self.training:
            out |= {"angles": angles, "coarse": coarse, "shift": shift}
        return out


def decode_multibin_deg(coarse: Tensor, shift: Tensor, *, compat: bool = False) -> Tensor:
    """Read angles off their classes: 20 E[coarse] - 100 + E[shift] + 1/2.

    Args:
        coarse: logits, (..., 10).
        shift: logits, (..., 20).
        compat: leave out the half degree, as published.

    Returns:
        Degrees, (...).
    """
    far, near = (
        (logits.softmax(-1) * torch.arange(logits.shape[-1], dtype=logits.dtype, device=logits.device)).sum(
            -1
        )
        for logits in (coarse, shift)
    )
    return SHIFTS * far + near + ((0.0 if compat else 0.5) - LIMIT_DEG)


def multibin_classes(angle: Tensor) -> tuple[Tensor, Tensor]:
    """Find coarse class and shift, int64, of angles in degrees, (...); those out of range go to its edge."""
    coarse = ((angle + LIMIT_DEG) / SHIFTS).floor().clamp(0, COARSE - 1)
    shift = (angle + LIMIT_DEG - SHIFTS * coarse).floor().clamp(0, SHIFTS - 1)
    return coarse.long(), shift.long()


def euler_multibin_loss(
    out: Mapping[str, Tensor], target: Mapping[str, Tensor], settings: EulerMultibinSettings
) -> dict[str, Tensor]:
    """Cross entropies and weighted squared error of the three angles, each summed, (N,).

    `out_of_range` is 1 where an angle of the label lies beyond +-100 degrees; it is trained on as +-100.
    """
    angles = euler_deg_from_rotation(target["rotation"])
    beyond = (angles.abs() > LIMIT_DEG).any(1)
    angles = angles.clamp(-LIMIT_DEG, LIMIT_DEG)
    coarse, shift = (
        functional.cross_entropy(out[name].transpose(1, 2), index, reduction="none").sum(1)
        for name, index in zip(("coarse", "shift"), multibin_classes(angles), strict=True)
    )
    classes = coarse + shift
    square = angle_square(out["angles"], angles, wrap="one-sided" if settings.compat else "none").sum(1)
    return {
        "loss": classes + settings.regression_weight * square,
        "classes": classes,
        "regression": square,
        "out_of_range": beyond.to(square.dtype),
    }


HEAD = Head(
    title="Euler angles as coarse and fine classes (cross entropies + squared degrees)",
    settings=EulerMultibinSettings,
    outputs=("rotation",),
    build=EulerMultibin,
    loss=euler_multibin_loss,
)
