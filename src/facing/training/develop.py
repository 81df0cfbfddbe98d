"""What happens to the pixels of every training picture, heads and scenes alike, in a camera's order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from pydantic import Field

from facing.models.settings import Section
from facing.training import pixels

if TYPE_CHECKING:
    from torch import Tensor


class PixelSettings(Section):
    """Strength of what light, lens, sensor and file do; names without a unit are chances per picture."""

    grey: float = Field(default=0.18, ge=0, le=1)
    saturation_low: float = Field(default=0.3, ge=0)
    saturation_high: float = Field(default=1.5, ge=0)
    white_balance_sd: float = Field(default=0.10, ge=0, le=1)
    contrast_sd: float = Field(default=0.22, ge=0, le=1)
    tone_sd: float = Field(default=0.35, ge=0, le=1)
    patches: float = Field(default=0.25, ge=0, le=1)
    shade: float = Field(default=0.40, ge=0, le=1)
    infrared: float = Field(default=0.06, ge=0, le=1)
    low_resolution: float = Field(default=0.30, ge=0, le=1)
    blur: float = Field(default=0.25, ge=0, le=1)
    motion: float = Field(default=0.10, ge=0, le=1)
    noise: float = Field(default=0.45, ge=0, le=1)
    jpeg: float = Field(default=0.40, ge=0, le=1)


# In the order in which light, lens, sensor and file change a picture.
STEPS: tuple[tuple[str, pixels.Step], ...] = (
    ("patches", pixels.patches),
    ("shade", pixels.shade),
    ("infrared", pixels.infrared),
    ("low_resolution", pixels.low_resolution),
    ("blur", pixels.blur),
    ("motion", pixels.motion),
    ("noise", pixels.noise),
    ("jpeg", pixels.jpeg),
)


def develop(x: Tensor, rng: np.random.Generator, settings: PixelSettings, *, strength: float = 1.0) -> Tensor:
    """Change light, lens, sensor and file of pictures.

    Args:
        x: (n, 3, S, S) float32, 0 to 255; may be overwritten.
        rng: where all chance comes from.
        settings: of every step.
        strength: factor on the chances of the steps; colours change at all times.

    Returns:
        (n, 3, S, S); values may leave the range.
    """
    x = pixels.colour(
        x,
        rng,
        grey=settings.grey,
        saturation=(settings.saturation_low, settings.saturation_high),
        white_balance=settings.white_balance_sd,
        contrast=settings.contrast_sd,
        tone=settings.tone_sd,
    )
    for name, step in STEPS:
        x = sometimes(x, rng, chance=getattr(settings, name) * strength, step=step)
    return x


def sometimes(x: Tensor, rng: np.random.Generator, *, chance: float, step: pixels.Step) -> Tensor:
    """Take the step for some of the pictures (n, 3, S, S), in place."""
    picked = np.flatnonzero(rng.random(len(x)) < chance)
    if len(picked):
        rows = torch.from_numpy(picked)
        x[rows] = step(x[rows], rng)
    return x
