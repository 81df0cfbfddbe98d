"""Box jitter and the mirror image, and pixels as they are: to learn by heart, to compare, to fine-tune."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facing.training.augmentation import Augmentation, AugmentationSettings
from facing.training.warp import NO_JITTER, JitterSettings, Views, draw_views

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class PlainSettings(AugmentationSettings):
    """`jitter` is how far crops may lie from the contract's; by default they do not."""

    jitter: JitterSettings = NO_JITTER


def _views(
    boxes: NDArray[np.float32],
    rng: np.random.Generator,
    /,
    *,
    side: int,
    scale: float,
    settings: PlainSettings,
) -> Views:
    return draw_views(boxes, rng, side=side, scale=scale, jitter=settings.jitter)


AUGMENTATION = Augmentation(
    title="none but box jitter and the mirror image",
    settings=PlainSettings,
    views=_views,
    pixels=lambda x, _rng, _settings, _progress: x,
)
