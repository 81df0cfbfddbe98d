"""Figures of stated errors: the reliability diagram and the risk-coverage curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facing.evaluation import metrics
from facing.evaluation.plots import empty_figure, style
from facing.evaluation.reliability import COVERAGES, reliability_bins, reliability_figures, risk_coverage

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from facing.evaluation.errors import PoseErrors

NOTHING = "no stated errors to compare with full rotations"
BLUE, GREY, DARK = "#1971c2", "#868e96", "#212529"


def reliability_figure(errors: PoseErrors, *, title: str) -> Figure:
    """Plot true against stated errors: every head, and the means of ten groups of equal size.

    Args:
        errors: of a run; where heads state no error or have no full label, the figure says so.
        title: above it.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    pairs = _stated_and_true(errors)
    if pairs is None:
        return empty_figure(title, NOTHING)
    stated, true = pairs
    bins = reliability_bins(stated, true)
    ends = [
        metrics.bootstrap_interval(true[group]) or (mean, mean)
        for group, mean in zip(bins.members, bins.true_deg.tolist(), strict=True)
    ]
    figures = reliability_figures(stated, true)
    assert figures is not None
    with style() as figure_class:
        figure = figure_class(figsize=(4.8, 4.6), layout="constrained")
        plot = figure.subplots()
        # The far tail of single heads would squeeze the groups into a corner.
        top = 1.15 * max(
            float(bins.stated_deg[-1]), *(high for _, high in ends), float(np.quantile(true, 0.9))
        )
        plot.plot([0, top], [0, top], color=GREY, linewidth=1, label="stated = true")
        plot.scatter(stated, true, s=6, alpha=0.3, color=BLUE, linewidths=0)
        low, high = np.array(ends).T
        lengths = np.clip([bins.true_deg - low, high - bins.true_deg], 0, None)
        plot.errorbar(
            bins.stated_deg,
            bins.true_deg,
            yerr=lengths,
            fmt="o-",
            markersize=4.5,
            color=DARK,
            linewidth=1.2,
            elinewidth=0.9,
            capsize=2,
            label=f"{len(bins.members)} groups of equal size, 95 % intervals",
        )
        plot.set_xlim(0, top)
        plot.set_ylim(0, top)
        plot.set_aspect("equal")
        plot.set_xlabel("stated error, degrees")
        plot.set_ylabel("geodesic error, degrees")
        plot.legend(loc="upper left")
        beyond = int(np.count_nonzero((stated > top) | (true > top)))
        hidden = f", {beyond} beyond the frame" if beyond else ""
        plot.set_title(
            f"{title}: expected calibration error {figures['ece_deg']:.2f} degrees\n{len(true)} heads{hidden}"
        )
    return figure


def risk_figure(errors: PoseErrors, *, title: str) -> Figure:
    """Plot the mean error of the surest heads against their share, beside the best and no order.

    Args:
        errors: of a run; where heads state no error or have no full label, the figure says so.
        title: above it.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    pairs = _stated_and_true(errors)
    if pairs is None:
        return empty_figure(title, NOTHING)
    stated, true = pairs
    curve, best = risk_coverage(stated, true), risk_coverage(true, true)
    with style() as figure_class:
        figure = figure_class(figsize=(5.6, 3.6), layout="constrained")
        plot = figure.subplots()
        plot.axhline(true.mean(), color=GREY, linewidth=1, label="no order: mean of all")
        plot.plot(100 * curve.coverage, curve.risk_deg, color=BLUE, linewidth=1.6, label="by stated error")
        plot.plot(100 * best.coverage, best.risk_deg, "--", color=GREY, linewidth=1, label="by true error")
        for percent in COVERAGES:
            risk = curve.risk_at(percent)
            plot.plot([percent], [risk], "o", markersize=4, color=BLUE)
            plot.annotate(
                f"{risk:.1f}", (percent, risk), xytext=(-2, 6), textcoords="offset points", ha="center"
            )
        plot.set_xlim(0, 101)
        plot.set_ylim(0, 1.08 * max(float(true.mean()), float(curve.risk_deg.max())))
        plot.set_xlabel("share of heads kept, the surest first, %")
        plot.set_ylabel("mean geodesic error, degrees")
        plot.legend(loc="lower right")
        plot.set_title(f"{title}: area {curve.area_deg:.2f}, by true error {best.area_deg:.2f} degrees")
    return figure


def _stated_and_true(errors: PoseErrors) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    stated, true = errors.stated, errors.by_name.get("geodesic_mean")
    return None if stated is None or true is None or not len(true) else (stated, true)
