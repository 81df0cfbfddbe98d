"""A folder of checkpoints: one table, one curve, and the one that counts."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from facing.cli._shared import data_stream, say
from facing.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from facing.cli._evaluate.sets import LabelledSet
    from facing.evaluation.checkpoints import Checkpoint
    from facing.evaluation.run import Measured


def read_epochs(text: str | None) -> tuple[int | None, int | None]:
    """Read A:B; either may be left out."""
    if text is None:
        return None, None
    first, colon, last = text.partition(":")
    ends = [end.strip() for end in (first, last)]
    if not colon or not all(end.isdigit() or not end for end in ends):
        raise typer.BadParameter(f"--epochs {text} is not A:B, such as 10:40")
    low, high = (int(end) if end else None for end in ends)
    return low, high


def choose_checkpoint(
    checkpoints: Sequence[Checkpoint],
    *,
    select: LabelledSet | None,
    sets: Sequence[LabelledSet],
    measure: Callable[[Path, LabelledSet], Measured],
    plots: Path | None,
) -> tuple[Path, dict[str, Any], list[str]]:
    """Measure all checkpoints, print them and say which one counts.

    Args:
        checkpoints: of `find_checkpoints`.
        select: the validation set. Without it all are shown on the first test set and the last one counts.
        sets: the test sets.
        measure: measures one model file on one set.
        plots: folder for the curve.

    Returns:
        File of the one that counts, what to keep in the figures, and sentences that must be read.
    """
    from facing.evaluation.checkpoints import checkpoint_table, choose

    on = sets[0] if select is None else select
    rows = [measure(one.path, on).figures for one in checkpoints]
    choice = choose(rows, selected_on=None if select is None else select.name)
    shown = checkpoint_table(checkpoints, rows, chosen=choice.index, measured_on=on.name)
    print(shown, file=data_stream())
    name = checkpoints[choice.index].name
    notes = [f"Checkpoint {name}: {choice.reason}."]
    if select is not None:
        notes += _leaks(select, sets)
    for note in notes:
        say(note)
    if plots is not None:
        _curve(checkpoints, rows, figure=choice.figure, chosen=choice.index, on=on.name, folder=plots)
    kept = {
        "name": name,
        "chosen": choice.reason,
        "measured_on": on.name,
        "warnings": notes[1:],
        "all": [
            {"name": one.name, "epoch": one.epoch}
            | {key: row[key] for key in ("mae", "geodesic_mean", "front_angle", "yaw", "facing_accuracy")}
            for one, row in zip(checkpoints, rows, strict=True)
        ],
    }
    return checkpoints[choice.index].path, kept, notes


@contextmanager
def exported(folder: Path, *, epochs: tuple[int | None, int | None]) -> Iterator[list[Checkpoint]]:
    """Give the checkpoints of a folder as ONNX files: weights of a training are exported for the while.

    Args:
        folder: of checkpoints.
        epochs: first and last one; None where that end is open.

    Raises:
        ModelError: there is no such checkpoint.
        MissingExtraError: there are such weights, and torch or onnx is not installed.
    """
    from dataclasses import replace

    from facing.evaluation.checkpoints import find_checkpoints

    checkpoints = find_checkpoints(folder, epochs=epochs)
    if all(one.path.suffix == ".onnx" for one in checkpoints):
        yield list(checkpoints)
        return
    try:
        from facing.export.onnx import export_pose, pose_card
    except ImportError as error:
        raise MissingExtraError.of(need="measuring .safetensors files", extra="export") from error
    with tempfile.TemporaryDirectory(prefix="facing-") as passing:
        ready = []
        for one in checkpoints:
            path = one.path
            if path.suffix != ".onnx":
                path = Path(passing) / f"{one.name}.onnx"
                card = pose_card(one.path, name=one.name)
                export_pose(one.path, path, card=card, half=False)
            ready.append(replace(one, path=path))
        yield ready


def _leaks(select: LabelledSet, sets: Sequence[LabelledSet]) -> list[str]:
    from facing.evaluation.checkpoints import shared_pictures

    warnings = []
    for one in sets:
        same = shared_pictures(select.reader.samples(select.folder), one.reader.samples(one.folder))
        if same:
            warnings.append(
                f"WARNING: {same} pictures of the test set {one.name} are in the selection set "
                f"{select.name}: these figures are chosen on what they test and must not be published."
            )
    return warnings


def _curve(
    checkpoints: Sequence[Checkpoint],
    rows: Sequence[dict[str, Any]],
    *,
    figure: str | None,
    chosen: int,
    on: str,
    folder: Path,
) -> None:
    from facing.evaluation.checkpoints import FIGURES
    from facing.evaluation.plots import FORMATS, WORDS, checkpoint_figure, save_figure

    shown = figure or next((name for name in FIGURES if rows[0].get(name) is not None), FIGURES[0])
    numbered = all(one.epoch is not None for one in checkpoints)
    epochs = [float(one.epoch or 0) if numbered else float(place) for place, one in enumerate(checkpoints)]
    values = [row.get(shown) for row in rows]
    drawn = checkpoint_figure(epochs, values, what=f"{WORDS[shown]} on {on}", chosen=chosen)
    for ending in FORMATS:
        save_figure(drawn, folder / f"checkpoints{ending}")
