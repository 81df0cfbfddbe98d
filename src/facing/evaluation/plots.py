"""Figures of a run: signed errors against true angles, histogram, cumulative curves, checkpoints."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.datasets.sample import ANGLES
from facing.errors import DataError, MissingExtraError
from facing.evaluation.curves import FINE_DEG, LIMITS_DEG
from facing.output.sink import new_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from facing.evaluation.curves import Curve
    from facing.evaluation.errors import PoseErrors

FORMATS = (".png", ".svg")
BINS_DEG = 10.0  # width of the ranges whose median the scatter plots show
INKS = {"yaw": "#1971c2", "pitch": "#2f9e44", "roll": "#e8590c"}
WORDS = {
    "geodesic": "geodesic error",
    "geodesic_mean": "geodesic error",
    "front_angle": "error of the facing direction",
    "yaw": "error of the yaw",
    "facing_accuracy": "share of heads with the right class",
}


def error_figure(errors: PoseErrors, *, title: str) -> Figure:
    """Plot signed errors of every known angle against every known true angle.

    Args:
        errors: of a run; with no known angle the figure says so.
        title: above it.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    names = errors.known
    if not names or not len(errors.angles):
        return empty_figure(title, "no angle is known on both sides")
    with style() as figure_class:
        side = len(names)
        figure = figure_class(figsize=(3.3 * side + 0.4, 2.5 * side + 0.5), layout="constrained")
        axes = figure.subplots(side, side, squeeze=False, sharex="col", sharey="row")
        for row, wrong in enumerate(names):
            off = errors.differences[:, ANGLES.index(wrong)]
            for column, along in enumerate(names):
                plot, true = axes[row][column], errors.angles[:, ANGLES.index(along)]
                plot.axhline(0, color="#868e96", linewidth=0.8)
                plot.scatter(true, off, s=7, alpha=0.45, color=INKS[wrong], linewidths=0)
                plot.plot(*_medians(true, off), color="#212529", linewidth=1.2)
                if row == side - 1:
                    plot.set_xlabel(f"true {along}, degrees")
                if column == 0:
                    plot.set_ylabel(f"{wrong}: estimate - truth")
        figure.suptitle(f"{title}: signed error, degrees; line: median of {BINS_DEG:g} degrees", fontsize=10)
    return figure


def histogram_figure(errors: PoseErrors, *, title: str) -> Figure:
    """Plot how many heads have which error, and the share of heads within each.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    judged = errors.judged
    if errors.rule is None or not len(judged):
        return empty_figure(title, "no angle is known on both sides")
    with style() as figure_class:
        from matplotlib.ticker import MaxNLocator

        figure = figure_class(figsize=(6.4, 3.4), layout="constrained")
        plot = figure.subplots()
        top = float(np.ceil(max(judged.max(), 1.0)))
        plot.hist(judged, bins=min(60, max(10, int(top))), range=(0, top), color="#74c0fc")
        plot.set_xlabel(f"{WORDS[errors.rule]}, degrees")
        plot.set_ylabel("heads")
        plot.yaxis.set_major_locator(MaxNLocator(integer=True))
        plot.set_xlim(0, top)
        share = plot.twinx()
        rising = np.sort(judged)
        share.plot(
            np.concatenate([[0], rising, [top]]),
            np.concatenate([[0], np.arange(1, len(rising) + 1), [len(rising)]]) / errors.count,
            color="#1971c2",
        )
        share.set_ylim(0, 1.02)
        share.set_ylabel("share of all labelled heads")
        share.grid(visible=False)
        plot.set_title(f"{title}: {len(judged)} of {errors.count} heads, median {np.median(judged):.1f}")
    return figure


def curve_figure(curves: Sequence[Curve]) -> Figure:
    """Plot cumulative error curves with a legend of names, the coarse limits marked.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    with style() as figure_class:
        figure = figure_class(figsize=(7.2, 4.4), layout="constrained")
        plot = figure.subplots()
        reach = max((float(curve.errors[-1]) for curve in curves if len(curve.errors)), default=180.0)
        for curve in curves:
            (line,) = plot.plot(FINE_DEG, curve.shares(FINE_DEG), linewidth=1.6)
            plot.plot(LIMITS_DEG, curve.shares(LIMITS_DEG), "o", markersize=3, color=line.get_color())
            within = curve.shares([10])[0]
            line.set_label(f"{curve.name} ({curve.count} heads, {100 * within:.1f} % within 10)")
        plot.set_xlim(0, min(180.0, max(10.0, np.ceil(reach / 10) * 10)))
        plot.set_ylim(0, 1.01)
        plot.set_xlabel(f"{WORDS[curves[0].rule]}, degrees" if curves else "")
        plot.set_ylabel("share of labelled heads within")
        plot.legend(loc="lower right")
    return figure


def checkpoint_figure(
    epochs: Sequence[float], values: Sequence[float | None], *, what: str, chosen: int
) -> Figure:
    """Plot one figure over checkpoints, the chosen one marked.

    Args:
        epochs: rising; or the places in the list where names state none.
        values: None where a checkpoint has no such figure.
        what: words for the values.
        chosen: place of the chosen one.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    with style() as figure_class:
        from matplotlib.ticker import MaxNLocator

        figure = figure_class(figsize=(6.4, 3.4), layout="constrained")
        plot = figure.subplots()
        shown = np.array([np.nan if value is None else value for value in values])
        plot.plot(epochs, shown, "o-", markersize=4, color="#1971c2")
        plot.plot(epochs[chosen], shown[chosen], "o", markersize=10, fillstyle="none", color="#e03131")
        plot.xaxis.set_major_locator(MaxNLocator(integer=True))
        plot.set_xlabel("checkpoint")
        plot.set_ylabel(what)
    return figure


def empty_figure(title: str, text: str) -> Figure:
    """Say in a figure why there is nothing to plot."""
    with style() as figure_class:
        figure = figure_class(figsize=(5, 1.2))
        figure.text(0.5, 0.5, f"{title}: {text}", ha="center", va="center")
    return figure


def figure_bytes(figure: Figure, ending: str) -> bytes:
    """Draw a figure as the bytes of a PNG or SVG file; equal figures give equal bytes.

    Raises:
        DataError: the ending is neither .png nor .svg.
    """
    import matplotlib as mpl

    if ending not in FORMATS:
        raise DataError(f"plots are written as {' or '.join(FORMATS)}, not {ending!r}; change the ending")
    stream = io.BytesIO()
    about: dict[str, Any] = {"Software": None} if ending == ".png" else {"Date": None, "Creator": None}
    with mpl.rc_context({"svg.hashsalt": "facing"}):
        figure.savefig(stream, format=ending[1:], dpi=130, metadata=about)
    return stream.getvalue()


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure whole or not at all.

    Args:
        figure: of this file.
        path: ending in .png or .svg.

    Raises:
        DataError: the ending is another one, or the file cannot be written.
    """
    content = figure_bytes(figure, path.suffix.lower())
    with new_file(path) as part:
        part.write_bytes(content)


def _medians(true: np.ndarray[Any, Any], off: np.ndarray[Any, Any]) -> tuple[list[float], list[float]]:
    places = np.floor(true / BINS_DEG)
    middles = sorted(set(places.tolist()))
    # Three heads are the fewest whose median is not one head's error or the mean of two.
    kept = [place for place in middles if np.count_nonzero(places == place) >= 3]
    return [(place + 0.5) * BINS_DEG for place in kept], [
        float(np.median(off[places == place])) for place in kept
    ]


def check_plots() -> None:
    """Say before a long measurement that its plots cannot be drawn.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    with style():
        pass


@contextmanager
def style() -> Iterator[type[Figure]]:
    """Give the class of figures while the look of all our plots holds.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError.of(need="drawing plots", extra="report") from error
    quiet: dict[Any, Any] = {
        "font.size": 9,
        "axes.grid": True,
        "grid.color": "#e9ecef",
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": False,
        "axes.titlesize": 10,
    }
    with mpl.rc_context(quiet):
        yield Figure
