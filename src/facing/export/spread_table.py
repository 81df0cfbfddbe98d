"""Readings of spread and error -> the monotone table of a model card."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facing.errors import ModelError
from facing.runtime.calibration import Calibration

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Float = NDArray[np.float64]

KNOTS = 16
LEAST_GROUP = 20
"""Readings behind a knot at least, so that one head cannot fix it, the first and the last included."""


def fit_table(
    spread_rad: ArrayLike, error_deg: ArrayLike, *, weight: ArrayLike | None = None, knots: int = KNOTS
) -> Calibration:
    """Fit a monotone table of the mean error for a spread.

    Readings are cut into groups by spread, and pool adjacent violators makes the groups' mean errors rise.
    Each group is a knot. Groups are widest in the middle and narrow towards both ends, where the table would
    otherwise stop short of the heads that matter most.

    Args:
        spread_rad: (R,), radians.
        error_deg: (R,), degrees.
        weight: (R,), 0 or more; None for equal weights.
        knots: pairs of the table at most; fewer where readings are few.

    Raises:
        ModelError: the spread is the same everywhere.

    Source: Barlow et al. 1972 (isotonic regression); Zadrozny and Elkan 2002 (calibration by it).
    """
    spread, error = (np.asarray(values, dtype=np.float64) for values in (spread_rad, error_deg))
    share = np.ones(len(spread)) if weight is None else np.asarray(weight, dtype=np.float64)
    used = share > 0
    x, y, w = _group_means(spread[used], error[used], share[used], knots=knots)
    if len(x) < 2:
        raise ModelError("the spread of this network hardly ever changes; it cannot tell sure from unsure")
    return Calibration(spread_rad=tuple(x.tolist()), error_deg=tuple(rising_means(y, w).round(4).tolist()))


def rising_means(values: ArrayLike, weight: ArrayLike) -> Float:
    """Give the never falling values that are nearest to given ones in weighted squares.

    Args:
        values: (B,).
        weight: (B,), above 0.

    Source: pool adjacent violators, Ayer et al. 1955.
    """
    blocks: list[tuple[float, float, int]] = []
    for value, own in zip(np.asarray(values).tolist(), np.asarray(weight).tolist(), strict=True):
        block = (value, own, 1)
        while blocks and blocks[-1][0] >= block[0]:
            mean, mass, count = blocks.pop()
            total = mass + block[1]
            block = ((mean * mass + block[0] * block[1]) / total, total, count + block[2])
        blocks.append(block)
    return np.repeat([mean for mean, _, _ in blocks], [count for _, _, count in blocks])


def _group_means(spread: Float, error: Float, weight: Float, *, knots: int) -> tuple[Float, Float, Float]:
    """Cut sorted readings into groups: strictly rising mean spreads, mean errors, weights."""
    if not len(spread):
        return spread, error, weight
    order = np.argsort(spread, kind="stable")
    # Digits beyond these are not reproducible.
    x, y, w = spread[order].round(6), error[order], weight[order]
    # Shares of the weight up to each group's end are those of points evenly spaced on a half circle. The
    # narrowest group, (1 - cos(pi / count)) / 2, has readings enough even where all weigh the most.
    least = min(LEAST_GROUP * w.max() / w.sum(), 0.5)
    count = int(np.clip(np.pi / np.arccos(1 - 2 * least) + 1e-9, 2, knots))
    ends = (1 - np.cos(np.pi * np.arange(1, count) / count)) / 2
    group = np.searchsorted(ends, (np.cumsum(w) - w / 2) / w.sum())
    # Readings that say the same belong together.
    _, first, same = np.unique(x, return_index=True, return_inverse=True)
    _, place = np.unique(group[first][same], return_inverse=True)
    mass = np.bincount(place, weights=w)
    x, y = (np.bincount(place, weights=w * values) / mass for values in (x, y))
    return x.round(6), y, np.asarray(mass, dtype=np.float64)
