"""Strong augmentation for networks that learn from renders: light, lens, sensor, file and frame.

What the steps and their chances are for is told in `training/pixels.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from facing.training import pixels
from facing.training.augmentation import Augmentation, AugmentationSettings
from facing.training.develop import PixelSettings, develop, sometimes
from facing.training.warp import JitterSettings, Views, draw_views

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


class RendersSettings(PixelSettings, AugmentationSettings):
    """Strength of the augmentation; names without a unit are chances per picture.

    From `patches` on, chances of `develop` start at `start` times their value and grow in a line until
    `ramp` of the training is done: strong augmentation slows early learning and wins late.
    """

    jitter: JitterSettings = JitterSettings()
    border: float = Field(default=0.20, ge=0, le=1)
    person_behind: float = Field(default=0.10, ge=0, le=1)
    person_before: float = Field(default=0.06, ge=0, le=1)
    start: float = Field(default=0.5, ge=0, le=1)
    ramp: float = Field(default=0.5, ge=0, le=1)

    def strength(self, progress: float) -> float:
        """Give the factor on the growing chances at a share `progress` of the training."""
        done = 1.0 if self.ramp == 0 else min(progress / self.ramp, 1.0)
        return self.start + (1 - self.start) * done


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
    x = develop(x, rng, settings, strength=settings.strength(progress))
    return sometimes(x, rng, chance=settings.border, step=pixels.border)


AUGMENTATION = Augmentation(
    title="strong, for renders", settings=RendersSettings, views=_views, pixels=augment_pixels
)
