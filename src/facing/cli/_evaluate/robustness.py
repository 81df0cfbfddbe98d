"""`facing evaluate --robustness`: its table, its JSON and its plots."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from facing.cli._evaluate.outputs import write_json
from facing.cli._shared import data_stream, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facing.cli._evaluate.sets import LabelledSet

FILE = "robustness.json"


def write_robustness(
    sets: Sequence[LabelledSet],
    *,
    model: str,
    folder: Path,
    threads: int | None,
    limit: int | None,
) -> None:
    """Measure a model under every disturbance: a table on standard output, JSON and plots in a folder.

    Args:
        sets: given by --data.
        model: a name or an .onnx file.
        folder: gets robustness.json and one picture per set, as .png and .svg.
        threads: of one network call.
        limit: of pictures.

    Raises:
        MissingExtraError: matplotlib is not installed; nothing was measured.
        typer.Exit: 3, a picture could not be used; the others are done.
    """
    from facing.bench.machine import facts
    from facing.evaluation.plots import FORMATS, check_plots, save_figure
    from facing.evaluation.robustness import SCHEMA, robustness_of_set, robustness_table
    from facing.evaluation.robustness_plots import robustness_figure

    if Path(model).is_dir():
        raise typer.BadParameter(f"--robustness measures one model; name a file of the folder {model}")
    check_plots()
    done: list[dict[str, Any]] = []
    for one in sets:
        figures = robustness_of_set(
            one.reader, one.folder, model=model, crop=one.crop, threads=threads, limit=limit
        )
        done.append({"name": one.name, "folder": one.folder.as_posix(), **figures})
        print(robustness_table(figures, name=one.name), file=data_stream())
    about = {
        "schema": SCHEMA,
        "model": done[0]["model"],
        "version": f"{version('facing')}, commit {facts(threads=1)['commit']}",
    }
    write_json(folder / FILE, {**about, "sets": done})
    for figures in done:
        figure = robustness_figure(figures, title=f"{figures['model']} on {figures['name']}")
        for ending in FORMATS:
            save_figure(figure, folder / f"{figures['name']}{ending}")
    say(f"figures and plots in {folder}")
    if any(figures["failed_pictures"] for figures in done):
        raise typer.Exit(3)
