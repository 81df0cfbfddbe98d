"""How trainings went: the figures of several run folders beside each other."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.errors import DataError
from facing.evaluation.plots import style

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Float = NDArray[np.float64]

SCHEMA = 1
METRICS = "metrics.csv"
"""What `facing train` writes into a run folder, one row per epoch."""
ALONG = "crops"
BOOKKEEPING = frozenset(
    {"step", "epoch", "crops", "lr", "crops_per_s", "waiting_share", "train_out_of_range"}
)
COLUMNS = 3


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Figures of one training, epoch by epoch."""

    name: str
    crops: Float
    """(E,) pictures seen at the end of each epoch."""
    figures: Mapping[str, Float]
    """Name -> (E,), those of the validation first; NaN where an epoch does not state one. Names that begin
    with train_ are of the training."""


def read_history(runs: Sequence[Path]) -> tuple[History, ...]:
    """Read the figures of run folders of `facing train`.

    Args:
        runs: folders, or their metrics.csv; named by their folders, in full where two have one name.

    Raises:
        DataError: there is no metrics.csv, or it holds no row that can be read.
    """
    files = [run / METRICS if run.is_dir() else run for run in runs]
    names = [file.parent.name or str(file) for file in files]
    return tuple(
        _read(file, name=name if names.count(name) == 1 else str(file.parent))
        for file, name in zip(files, names, strict=True)
    )


def figure_names(histories: Sequence[History]) -> list[str]:
    """List the figures that at least one run states: those of the validation first."""
    return _in_order(dict.fromkeys(name for history in histories for name in history.figures))


def history_figure(histories: Sequence[History]) -> Figure:
    """Plot every figure over the pictures seen, a panel per figure and a line per run.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    names = figure_names(histories)
    columns = min(COLUMNS, len(names))
    rows = math.ceil(len(names) / columns)
    with style() as figure_class:
        figure = figure_class(figsize=(3.4 * columns, 2.5 * rows + 0.4), layout="constrained")
        plots = figure.subplots(rows, columns, squeeze=False, sharex=True).ravel()
        for name, plot in zip(names, plots, strict=False):
            for number, history in enumerate(histories):
                if name in history.figures:
                    values = history.figures[name]
                    stated = np.isfinite(values)
                    ink = f"C{number}"
                    plot.plot(history.crops[stated] / 1000, values[stated], ".-", color=ink, markersize=3)
            plot.set_title(name)
        for plot in plots[len(names) :]:
            plot.set_visible(False)
        for plot in plots[max(len(names) - columns, 0) : len(names)]:
            plot.set_xlabel("thousand pictures seen")
            plot.tick_params(labelbottom=True)
        handles = [
            plots[0].plot([], [], color=f"C{number}", label=history.name)[0]
            for number, history in enumerate(histories)
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=min(len(histories), 4))
    return figure


def history_table(histories: Sequence[History]) -> str:
    """Give the last and the lowest value of every figure, a line per run and figure."""
    lines = [f"{'run':<22} {'figure':<22} {'last':>9} {'lowest':>9}  at crops"]
    for history in histories:
        for name, values in history.figures.items():
            best = int(np.nanargmin(values))
            last = values[np.isfinite(values)][-1]
            lines.append(
                f"{history.name:<22} {name:<22} {last:>9.4g} {values[best]:>9.4g}  {history.crops[best]:.0f}"
            )
    return "\n".join(lines)


def history_to_dict(histories: Sequence[History]) -> dict[str, Any]:
    """Give all numbers ready for JSON; None where an epoch does not state a figure."""
    return {
        "schema": SCHEMA,
        "runs": [
            {
                "name": history.name,
                ALONG: history.crops.tolist(),
                "figures": {
                    name: [value if math.isfinite(value) else None for value in values.tolist()]
                    for name, values in history.figures.items()
                },
            }
            for history in histories
        ],
    }


def _in_order(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: name.startswith("train_"))


def _read(file: Path, *, name: str) -> History:
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        crops = np.array([float(row[ALONG]) for row in rows])
        columns = [column for column in (rows[0] if rows else ()) if column not in BOOKKEEPING]
        figures = {column: np.array([float(row[column] or "nan") for row in rows]) for column in columns}
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{file} holds no training figures ({error}); name a run folder of facing train"
        ) from error
    stated = {name: figures[name] for name in _in_order(figures) if np.isfinite(figures[name]).any()}
    if not stated:
        raise DataError(f"{file} holds no epoch yet; wait for the first one")
    return History(name, crops, stated)
