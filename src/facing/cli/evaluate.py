"""facing evaluate: measure a model on labelled pictures."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facing.datasets.sample import load_reader
from facing.errors import DataError

if TYPE_CHECKING:
    from facing.evaluation.outcomes import Boxes
    from facing.runtime.estimator import PoseEstimator

SCHEMA = 1


def evaluate(
    data: Annotated[
        list[str], typer.Option("--data", help="NAME:DIR of a labelled set; may be given several times.")
    ],
    boxes: Annotated[str, typer.Option("--boxes", help="Head boxes: labels, or detector.")] = "labels",
    model: Annotated[str, typer.Option("--model", help="Pose network: a name or an .onnx file.")] = "small",
    detector: Annotated[
        str, typer.Option("--detector", help="Head detector: heads, yunet, whole-image or an .onnx file.")
    ] = "heads",
    detector_model: Annotated[
        Path | None, typer.Option("--detector-model", help="Weights of the detector, where they do not ship.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here.")] = None,
    errors: Annotated[
        Path | None, typer.Option("--errors", help="Write what happened head by head here, as JSON.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Threads of one network call.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Look at this many pictures of each set only.")
    ] = None,
) -> None:
    """Measure a model on labelled pictures: errors in degrees, shares, and what a detector finds.

    Exit code 3 says that a picture could not be used; the others are done.

    One set is written as one flat object, several as {"schema": 1, "sets": [...]}. Its Python twin is
    facing.evaluation.run.evaluate_set.
    """
    from facing.evaluation.run import evaluate_set
    from facing.evaluation.table import table

    if boxes not in {"labels", "detector"}:
        raise typer.BadParameter(f"--boxes {boxes} is neither labels nor detector")
    sets = [_named(text) for text in data]
    readers = [load_reader(name) for name, _ in sets]
    use: Boxes = "detector" if boxes == "detector" else "labels"
    found_by = detector if use == "detector" else None
    estimator = _estimator(model, detector=found_by, detector_model=detector_model, threads=threads)
    figures: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for (name, folder), reader in zip(sets, readers, strict=True):
        measured = evaluate_set(reader, folder, estimator=estimator, boxes=use, limit=limit)
        about = {"name": name, "model": estimator.card.name, "detector_name": found_by}
        figures.append({**measured.figures, **about})
        rows += [{"set": name, **row} for row in measured.heads]
        print(table(measured.figures, name=name))
    if json_file is not None:
        _write(json_file, figures[0] if len(figures) == 1 else {"schema": SCHEMA, "sets": figures})
    if errors is not None:
        _write(errors, {"schema": SCHEMA, "heads": rows})
    if any(one["failed_pictures"] for one in figures):
        raise typer.Exit(3)


def _named(text: str) -> tuple[str, Path]:
    name, colon, folder = text.partition(":")
    if not (name and colon and folder):
        raise typer.BadParameter(f"--data {text} is not NAME:DIR, such as aflw2000:pictures/AFLW2000")
    return name, Path(folder)


def _estimator(
    model: str, *, detector: str | None, detector_model: Path | None, threads: int | None
) -> PoseEstimator:
    from facing.runtime.detector import load_detector
    from facing.runtime.estimator import PoseEstimator

    loaded = None
    if detector is not None:
        loaded = load_detector(detector, model_file=detector_model, threads=threads)
    return PoseEstimator(model, loaded, threads=threads)


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write JSON whole or not at all.

    Raises:
        DataError: the file cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error}); name another file") from error
    finally:
        part.unlink(missing_ok=True)


COMMAND = evaluate
