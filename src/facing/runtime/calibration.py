"""From the spread a network states to the error one should expect, in degrees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facing.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A monotone, piecewise linear table, measured on pictures that the network was not trained on.

    Attributes:
        spread_rad: what the network says, strictly rising radians, at least two.
        error_deg: mean geodesic error of the heads for which it says so, degrees, never falling.
    """

    spread_rad: tuple[float, ...]
    error_deg: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check the table; lists become tuples."""
        for name in ("spread_rad", "error_deg"):
            try:
                object.__setattr__(self, name, tuple(float(value) for value in getattr(self, name)))
            except (TypeError, ValueError) as error:
                raise ModelError(f"calibration {name} is no list of numbers; calibrate again") from error
        spread, degrees = np.array(self.spread_rad), np.array(self.error_deg)
        if spread.size != degrees.size or spread.size < 2:
            raise ModelError(
                f"calibration has {spread.size} spreads and {degrees.size} errors; give two or more pairs"
            )
        if not (np.all(np.isfinite(spread)) and np.all(np.isfinite(degrees)) and degrees[0] >= 0):
            raise ModelError("calibration holds a value that is not finite or below 0; calibrate again")
        if np.any(np.diff(spread) <= 0) or np.any(np.diff(degrees) < 0):
            raise ModelError("calibration does not rise from pair to pair; calibrate again")


def error_deg_from_spread(
    spread_rad: ArrayLike, *, calibration: Calibration | None = None
) -> NDArray[np.float64]:
    """Look spreads up in the table.

    Args:
        spread_rad: any shape, radians.
        calibration: without one the spread itself is given, in degrees: the network's own estimate, which
            may be far from its errors.

    Returns:
        Degrees, same shape. Outside the table its first or last value holds: more was never measured.
    """
    spread = np.asarray(spread_rad, dtype=np.float64)
    if calibration is None:
        return np.asarray(np.degrees(spread))
    return np.asarray(np.interp(spread, calibration.spread_rad, calibration.error_deg))
