"""Front, side and back as ranges of the azimuth, with room between them where a data set wants it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facing.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

ORIENTATIONS = ("front", "side", "back")
BETWEEN = -1
"""Class number of heads that are too near a border to be in a class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRule:
    """Where front ends and back begins.

    Attributes:
        front_max: azimuth up to which a head counts as front, degrees.
        back_min: azimuth beyond which it counts as back, degrees.
        margin: heads within this of a border are in no class, degrees.
    """

    front_max: float = 45.0
    back_min: float = 135.0
    margin: float = 0.0

    def __post_init__(self) -> None:
        """Make sure that every class has a range."""
        if not 0 < self.front_max < self.back_min < 180:
            raise DataError(
                f"front ends at {self.front_max:g} and back begins at {self.back_min:g} degrees; "
                "give 0 < front < back < 180"
            )
        room = min(self.front_max, (self.back_min - self.front_max) / 2, 180 - self.back_min)
        if not 0 <= self.margin < room:
            raise DataError(f"a margin of {self.margin:g} degrees leaves a class empty; give below {room:g}")

    def classes(self, azimuth_deg: ArrayLike) -> NDArray[np.int64]:
        """Number the classes of heads: place in `ORIENTATIONS`, or `BETWEEN`.

        Args:
            azimuth_deg: (...,), as `facing.geometry.azimuth` gives it.
        """
        away = np.abs(np.asarray(azimuth_deg, dtype=np.float64))
        number = np.where(away > self.back_min, 2, np.where(away <= self.front_max, 0, 1))
        gap = np.minimum(np.abs(away - self.front_max), np.abs(away - self.back_min))
        return np.asarray(np.where(gap < self.margin, BETWEEN, number), dtype=np.int64)
