"""Pictures of what was measured or trained before: `facing evaluate --curves` and `--history`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from facing.cli._evaluate.outputs import write_json
from facing.cli._shared import data_stream, say

if TYPE_CHECKING:
    from collections.abc import Sequence

CURVES, HISTORY = Path("curves.png"), Path("history.png")
SHOWN_DEG = (5, 10, 15, 20, 30)


def draw_curves(files: Sequence[Path], *, out: Path | None, json_file: Path | None) -> None:
    """Draw the cumulative error curves of several --errors files; numbers go to --json."""
    from facing.evaluation.curves import curves_to_dict, read_curves
    from facing.evaluation.plots import curve_figure, save_figure

    path = _picture(out, usual=CURVES)
    curves = read_curves(files)
    numbers = curves_to_dict(curves)
    if json_file is not None:
        write_json(json_file, numbers)
    save_figure(curve_figure(curves), path)
    limits = ", ".join(map(str, SHOWN_DEG))
    print(f"share of heads within, by {numbers['error']} error: {limits} degrees", file=data_stream())
    for curve in curves:
        shares = "  ".join(f"{100 * share:5.1f} %" for share in curve.shares(SHOWN_DEG))
        print(f"  {curve.name:<22}{shares}", file=data_stream())
    say(f"curves in {path}")


def draw_history(runs: Sequence[Path], *, out: Path | None, json_file: Path | None) -> None:
    """Draw the training figures of several runs, one panel per figure; numbers go to --json."""
    from facing.evaluation.history import history_figure, history_table, history_to_dict, read_history
    from facing.evaluation.plots import save_figure

    path = _picture(out, usual=HISTORY)
    histories = read_history(runs)
    if json_file is not None:
        write_json(json_file, history_to_dict(histories))
    save_figure(history_figure(histories), path)
    print(history_table(histories), file=data_stream())
    say(f"history in {path}")


def _picture(out: Path | None, *, usual: Path) -> Path:
    from facing.evaluation.plots import FORMATS

    path = out or usual
    if path.suffix.lower() not in FORMATS:
        raise typer.BadParameter(f"--out {path} is neither .png nor .svg")
    return path
