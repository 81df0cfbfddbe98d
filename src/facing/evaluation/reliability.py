"""How far stated errors can be trusted: are they right on average, and do they tell good heads from bad."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from facing.evaluation import metrics

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Float = NDArray[np.float64]

BINS = 10
COVERAGES = (50, 80, 90, 100)
"""Percent of the heads, the surest first, of which the mean error is given."""


class Bins(NamedTuple):
    """Heads in groups of (nearly) equal size, the surest first; B groups.

    Attributes:
        members: B arrays of places in the list of heads.
        stated_deg: (B,), mean stated error.
        true_deg: (B,), mean true error.
    """

    members: tuple[NDArray[np.intp], ...]
    stated_deg: Float
    true_deg: Float


class RiskCoverage(NamedTuple):
    """Mean error of the k surest heads, for k = 1 to N.

    Attributes:
        coverage: (N,), k / N.
        risk_deg: (N,).
    """

    coverage: Float
    risk_deg: Float

    @property
    def area_deg(self) -> float:
        """Mean of the curve over all k: the lower, the better the order; degrees."""
        return float(self.risk_deg.mean())

    def risk_at(self, percent: float) -> float:
        """Mean error of the surest heads, at least `percent` of all and at least one; degrees."""
        # Rounded: 100 * 0.07 is above 7 in floating point and would take one head more.
        count = math.ceil(round(percent * len(self.risk_deg) / 100, 9))
        return float(self.risk_deg[max(count, 1) - 1])


def reliability_figures(stated_deg: ArrayLike, true_deg: ArrayLike) -> dict[str, float | None] | None:
    """Judge stated errors by the errors that were made.

    Args:
        stated_deg: (N,), what the model expected to be off by.
        true_deg: (N,), geodesic errors.

    Returns:
        `ece_deg`, the expected calibration error; `error_rank`, Spearman's correlation of stated and true,
        None where one is constant or N is under 3; `risk_area` and `risk_50` to `risk_100`, degrees, of the
        risk-coverage curve; `stated_mean` and `real_mean`, degrees. None where N is 0. Heads that state the
        same error are not told apart: no figure depends on their order.
    """
    stated, true = _arrays(stated_deg, true_deg)
    if not len(stated):
        return None
    curve = risk_coverage(stated, true)
    return {
        "ece_deg": metrics.expected_calibration_error(stated, _shared_by_ties(stated, true), bins=BINS),
        "error_rank": metrics.rank_correlation(stated, true),
        "risk_area": curve.area_deg,
        **{f"risk_{percent}": curve.risk_at(percent) for percent in COVERAGES},
        "stated_mean": float(stated.mean()),
        "real_mean": float(true.mean()),
    }


def reliability_bins(stated_deg: ArrayLike, true_deg: ArrayLike, *, bins: int = BINS) -> Bins:
    """Sort heads by stated error and cut them into groups of equal size: the points of a reliability diagram.

    Args:
        stated_deg: (N,), degrees; N at least 1.
        true_deg: (N,), degrees.
        bins: number of groups; fewer where N is smaller.

    Source: Naeini et al. 2015, with groups of equal counts and errors in place of accuracies.
    """
    stated, true = _arrays(stated_deg, true_deg)
    assert len(stated)
    shared = _shared_by_ties(stated, true)
    members = np.array_split(np.argsort(stated, kind="stable"), min(bins, len(stated)))
    return Bins(
        tuple(members),
        np.array([stated[group].mean() for group in members]),
        np.array([shared[group].mean() for group in members]),
    )


def risk_coverage(stated_deg: ArrayLike, true_deg: ArrayLike) -> RiskCoverage:
    """Give the mean error of the heads that are kept, when more and more of the least sure ones are kept.

    Args:
        stated_deg: (N,), degrees, or anything that orders the heads; N at least 1.
        true_deg: (N,), degrees.

    Returns:
        The curve; within a group of equal stated errors each head counts with the mean of the group, which
        is the expectation over their orders.

    Source: Geifman and El-Yaniv 2017, section 2; its area: Geifman et al. 2019.
    """
    stated, true = _arrays(stated_deg, true_deg)
    assert len(stated)
    order = np.argsort(stated, kind="stable")
    count = np.arange(1, len(stated) + 1)
    return RiskCoverage(count / len(stated), np.cumsum(_shared_by_ties(stated, true)[order]) / count)


def _arrays(stated_deg: ArrayLike, true_deg: ArrayLike) -> tuple[Float, Float]:
    stated, true = (np.asarray(values, dtype=np.float64) for values in (stated_deg, true_deg))
    assert stated.shape == true.shape
    assert stated.ndim == 1
    return stated, true


def _shared_by_ties(stated: Float, true: Float) -> Float:
    """Give every head the mean true error of all heads that state the same."""
    _, group, count = np.unique(stated, return_inverse=True, return_counts=True)
    return np.asarray((np.bincount(group, weights=true) / count)[group])
