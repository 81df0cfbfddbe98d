"""One picture per set: how the error grows, a small plot for every kind of disturbance and group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facing.errors import DataError
from facing.evaluation.plots import WORDS, style

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 4
INKS = ("#1971c2", "#e8590c", "#2f9e44", "#9c36b5")
STATED, PLAIN = "#868e96", "#adb5bd"


def robustness_figure(figures: Mapping[str, Any], *, title: str) -> Figure:
    """Plot the mean error of every level beside the undisturbed one.

    Levels stand at even distances, whatever they are. Full lines are errors, dotted ones the errors that
    the model states, the grey line is the undisturbed error. A level that no head reaches has a gap.

    Args:
        figures: of `facing.evaluation.robustness.robustness`.
        title: above it.

    Raises:
        DataError: labels and model have no angle in common.
        MissingExtraError: matplotlib is not installed.
    """
    rule = figures["judged_by"]
    if rule is None:
        raise DataError(f"{title}: labels and model have no angle in common; plot another set")
    panels: dict[str, list[Mapping[str, Any]]] = {}
    for one in figures["disturbances"]:
        if any(row[rule] is not None for row in one["levels"]):
            panels.setdefault(one["panel"], []).append(one)
    groups = figures["groups"]
    rows = -(-(len(panels) + len(groups)) // COLUMNS)
    with style() as figure_class:
        figure = figure_class(figsize=(3.3 * COLUMNS, 2.6 * rows + 0.6), layout="constrained")
        plots: list[Axes] = figure.subplots(rows, COLUMNS, squeeze=False).ravel().tolist()
        plain = figures["undisturbed"][rule]
        for plot, (name, members) in zip(plots, panels.items(), strict=False):
            _levels(plot, members, rule=rule, plain=plain)
            plot.set_title(name)
        for plot, (name, labels) in zip(plots[len(panels) :], groups.items(), strict=False):
            _bars(plot, labels, rule=rule, plain=plain)
            plot.set_title(f"by {name}")
        for plot in plots[len(panels) + len(groups) :]:
            plot.set_visible(False)
        for plot in plots[::COLUMNS]:
            plot.set_ylabel("degrees")
        figure.suptitle(
            f"{title}: {figures['count']} heads, mean {WORDS[rule]} (grey: undisturbed, {plain:.1f}; "
            "dotted: what the model states)",
            fontsize=11,
        )
    return figure


def _levels(plot: Axes, members: Sequence[Mapping[str, Any]], *, rule: str, plain: float) -> None:
    levels = [row["level"] for row in members[0]["levels"]]
    places = range(len(levels))
    plot.axhline(plain, color=PLAIN, linewidth=1.0)
    for ink, one in zip(INKS, members, strict=False):
        found = [_gap(row[rule]) for row in one["levels"]]
        stated = [_gap(row["stated_error"]) for row in one["levels"]]
        word = one["name"].rpartition("_")[2]
        plot.plot(places, found, "o-", markersize=3, color=ink, linewidth=1.4, label=word)
        plot.plot(places, stated, ":", color=ink if len(members) > 1 else STATED, linewidth=1.1)
    if len(members) > 1:
        plot.legend(fontsize=8)
    plot.set_xticks(places, [f"{level:g}" for level in levels])
    plot.set_xlim(-0.4, len(levels) - 0.6)
    # Where nothing happens the line lies near the middle, not along the upper edge.
    plot.set_ylim(0, max(plot.get_ylim()[1], 1.8 * plain))
    plot.set_xlabel(members[0]["unit"])


def _bars(plot: Axes, labels: Mapping[str, Mapping[str, Any]], *, rule: str, plain: float) -> None:
    places = range(len(labels))
    plot.bar(places, [row[rule] or 0.0 for row in labels.values()], color="#74c0fc", width=0.6)
    plot.plot(
        places, [_gap(row["stated_error"]) for row in labels.values()], "_", color="#212529", markersize=14
    )
    plot.axhline(plain, color=PLAIN, linewidth=1.0)
    plot.set_xticks(places, [f"{label}\n{row['count']} heads" for label, row in labels.items()], fontsize=7)
    plot.set_ylim(bottom=0)


def _gap(value: float | None) -> float:
    return float("nan") if value is None else value
