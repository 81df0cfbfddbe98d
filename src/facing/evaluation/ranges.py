"""Errors by ranges of a true angle: where along yaw, pitch or roll a model is good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from facing.datasets.sample import ANGLES
from facing.errors import DataError

if TYPE_CHECKING:
    from facing.datasets.sample import Angle
    from facing.evaluation.errors import PoseErrors

DEFAULT_BIN_DEG = 15.0


def by_range(
    errors: PoseErrors, *, angle: Angle = "yaw", bin_deg: float = DEFAULT_BIN_DEG
) -> list[dict[str, Any]]:
    """Average every error in ranges of one true angle, signs kept.

    Args:
        errors: of a run.
        angle: whose true value sorts the heads.
        bin_deg: width of a range, degrees; ranges start at whole multiples of it, lower edge included.

    Returns:
        Per range `from`, `to`, `count` and the mean of each error, from the first range with heads to the
        last; ranges between that hold none have None. Empty where the angle is not known.

    Raises:
        DataError: the width is not above 0.

    Source: `--group_error` of the compact system, for any angle.
    """
    if not 0 < bin_deg <= 360:
        raise DataError(f"ranges of {bin_deg:g} degrees cannot be made; give a width above 0 and up to 360")
    if angle not in errors.known:
        return []
    # A label of 30 that went through a matrix and back may read 29.999999999.
    places = np.floor((errors.angles[:, ANGLES.index(angle)] + 1e-6) / bin_deg).astype(int)
    return [
        {
            "from": place * bin_deg,
            "to": (place + 1) * bin_deg,
            "count": int((mask := places == place).sum()),
            **{
                name: float(values[mask].mean()) if mask.any() else None
                for name, values in errors.by_name.items()
            },
        }
        for place in range(int(places.min()), int(places.max()) + 1)
    ]
