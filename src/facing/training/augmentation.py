"""The record that an augmentation file exports, and the recipe table that chooses one."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import Field

from facing import registry
from facing.models.settings import Section

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from facing.training.warp import Views


class AugmentationSettings(Section):
    """What every augmentation has; names without a unit are chances per picture.

    `kind` is a file name of `training/augmentations`, which may add settings of its own. The others are
    for renders, which come without a background: behind `background_flat` of them lies a plain colour
    instead of a photograph, and some have another head behind or before them. `surroundings` paints other
    hair, cloth or scenery around faces that have landmarks, and smooth hair over heads seen from behind.
    """

    kind: str = "renders"
    background_flat: float = Field(default=0.15, ge=0, le=1)
    person_behind: float = Field(default=0.0, ge=0, le=1)
    person_before: float = Field(default=0.0, ge=0, le=1)
    surroundings: float = Field(default=0.0, ge=0, le=1)


class DrawViews(Protocol):
    """What draws one crop around each head box."""

    def __call__(
        self,
        boxes: NDArray[np.float32],
        rng: np.random.Generator,
        /,
        *,
        side: int,
        scale: float,
        settings: Any,
    ) -> Views:
        """Boxes are (N, 4) xyxy pixels; `side` and `scale` are those of the crop contract."""
        ...


@dataclass(frozen=True, slots=True)
class Augmentation:
    """One way to vary training crops, exported as AUGMENTATION by `training/augmentations/<name>.py`.

    `views` draws where the crops lie, and which of them are augmented. `pixels(x, rng, settings, progress)`
    changes those, (n, 3, S, S) float32, 0 to 255, and may work in place; `progress` is the share of the
    training that is done, 0 to 1.
    """

    title: str
    settings: type[AugmentationSettings]
    views: DrawViews
    pixels: Callable[[Tensor, np.random.Generator, Any, float], Tensor]


@functools.cache
def load_augmentation(name: str) -> Augmentation:
    """Load the record of an augmentation.

    Raises:
        UnknownNameError: there is no such augmentation.
    """
    found = registry.load(
        "facing.training.augmentations", name, attribute="AUGMENTATION", kind="augmentation"
    )
    assert isinstance(found, Augmentation)
    return found
