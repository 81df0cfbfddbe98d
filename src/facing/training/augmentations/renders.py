"""Strong augmentation for networks that learn from renders: light, lens, sensor, file and frame.

What the steps and their chances are for is told in `training/pixels.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from pydantic import Field

from facing.training import pixels
from facing.training.augmentation import Augmentation, AugmentationSettings
from facing.training.warp import JitterSettings, Views, draw_views

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


class RendersSettings(AugmentationSettings):
    """Strength of the augmentation; names without a unit are chances per picture.

    From `shade` on, chances start at `start` times their value and grow in a line until `ramp` of the
    training is done: strong augmentation slows early learning and wins late.
    """

    jitter: JitterSettings = JitterSettings()
    grey: float = Field(default=0.18, ge=0, le=1)
    saturation_low: float = Field(default=0.3, ge=0)
    saturation_high: float = Field(default=1.5, ge=0)
    white_balance_sd: float = Field(default=0.10, ge=0, le=1)
    contrast_sd: float = Field(default=0.22, ge=0, le=1)
    tone_sd: float = Field(default=0.35, ge=0, le=1)
    border: float = Field(default=0.20, ge=0, le=1)
    person_behind: float = Field(default=0.10, ge=0, le=1)
    person_before: float = Field(default=0.06, ge=0, le=1)
    shade: float = Field(default=0.40, ge=0, le=1)
    infrared: float = Field(default=0.06, ge=0, le=1)
    patches: float = Field(default=0.25, ge=0, le=1)
    low_resolution: float = Field(default=0.30, ge=0, le=1)
    blur: float = Field(default=0.25, ge=0, le=1)
    motion: float = Field(default=0.10, ge=0, le=1)
    noise: float = Field(default=0.45, ge=0, le=1)
    jpeg: float = Field(default=0.40, ge=0, le=1)
    start: float = Field(default=0.5, ge=0, le=1)
    ramp: float = Field(default=0.5, ge=0, le=1)

    def strength(self, progress: float) -> float:
        """Give the factor on the growing chances at a share `progress` of the training."""
        done = 1.0 if self.ramp == 0 else min(progress / self.ramp, 1.0)
        return self.start + (1 - self.start) * done


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


def _views(
    boxes: NDArray[np.float32],
    rng: np.random.Generator,
    /,
    *,
    side: int,
    scale: float,
    settings: RendersSettings,
) -> Views:
    return draw_views(boxes, rng, side=side, scale=scale, jitter=settings.jitter)


def augment_pixels(x: Tensor, rng: np.random.Generator, settings: RendersSettings, progress: float) -> Tensor:
    """Change light, lens, sensor, file and frame of pictures (n, 3, S, S), 0 to 255."""
    x = pixels.colour(
        x,
        rng,
        grey=settings.grey,
        saturation=(settings.saturation_low, settings.saturation_high),
        white_balance=settings.white_balance_sd,
        contrast=settings.contrast_sd,
        tone=settings.tone_sd,
    )
    strength = settings.strength(progress)
    for name, step in STEPS:
        x = _some(x, rng, chance=getattr(settings, name) * strength, step=step)
    return _some(x, rng, chance=settings.border, step=pixels.border)


def _some(x: Tensor, rng: np.random.Generator, *, chance: float, step: pixels.Step) -> Tensor:
    picked = np.flatnonzero(rng.random(len(x)) < chance)
    if len(picked):
        rows = torch.from_numpy(picked)
        x[rows] = step(x[rows], rng)
    return x


AUGMENTATION = Augmentation(
    title="strong, for renders", settings=RendersSettings, views=_views, pixels=augment_pixels
)
