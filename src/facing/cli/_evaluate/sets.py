"""What is measured, on what: sets and protocols as they are typed, models and predictions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import typer

from facing.datasets.sample import load_reader
from facing.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from facing.crop import CropSpec
    from facing.datasets.sample import Reader
    from facing.evaluation.orientation import OrientationEstimator
    from facing.evaluation.outcomes import Boxes
    from facing.evaluation.protocol import Protocol
    from facing.evaluation.run import Measured
    from facing.evaluation.summary import Wanted
    from facing.runtime.card import Card
    from facing.runtime.estimator import PoseEstimator


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """One --data, --protocol or --select."""

    name: str
    """As it was typed; a number follows where another set of this command has that name already."""
    folder: Path
    reader: Reader
    protocol_name: str | None = None
    protocol: Protocol | None = None
    crop: CropSpec | None = None
    """In place of the model's own."""


def check_words(*, boxes: str, by: Sequence[str]) -> None:
    """Refuse words that --boxes and --by do not know."""
    if boxes not in {"labels", "detector"}:
        raise typer.BadParameter(f"--boxes {boxes} is neither labels nor detector")
    if wrong := set(by) - {"yaw", "pitch", "roll"}:
        raise typer.BadParameter(f"--by {min(wrong)} is none of yaw, pitch and roll")


def labelled_sets(
    data: Sequence[str], protocols: Sequence[str] = (), *, crop: CropSpec | None = None
) -> list[LabelledSet]:
    """Read NAME:DIR of every --data and --protocol, in this order.

    Args:
        data: sets.
        protocols: they bring their own crop.
        crop: of the sets.

    Raises:
        UnknownNameError: there is no such set or protocol.
    """
    sets: list[LabelledSet] = []
    for name, folder in map(_named, data):
        sets.append(LabelledSet(_own(name, sets), folder, load_reader(name), crop=crop))
    if protocols:
        from facing.evaluation.protocol import load_protocol

        for text in protocols:
            name, folder = _named(text)
            protocol = load_protocol(name)
            reader = load_reader(protocol.reader)
            sets.append(LabelledSet(_own(name, sets), folder, reader, name, protocol, protocol.crop))
    return sets


class Opened(TypedDict):
    """How a model is opened, whatever the crop."""

    detector: str | None
    detector_model: Path | None
    threads: int | None
    tta: bool


def _own(name: str, before: Sequence[LabelledSet]) -> str:
    """Number a name that an earlier set has, so that neither takes the other's place in what is written."""
    return f"{name}-{len(before) + 1}" if any(one.name == name for one in before) else name


def model_measurer(
    model: str | Path,
    *,
    detector: str | None,
    detector_model: Path | None,
    threads: int | None,
    tta: bool,
    limit: int | None,
    wanted: Wanted,
) -> tuple[Callable[[LabelledSet], Measured], Card]:
    """Open a model and give what measures it on a set, and its card.

    Args:
        model: a name or an .onnx file.
        detector: finds the heads; None where the labelled boxes are used.
        detector_model: weights of the detector.
        threads: of one network call.
        tta: read every head in four boxes.
        limit: of pictures.
        wanted: figures beyond the usual ones.
    """
    from facing.evaluation.run import evaluate_set

    opened: Opened = {
        "detector": detector,
        "detector_model": detector_model,
        "threads": threads,
        "tta": tta,
    }
    first = _open(model, crop=None, **opened)

    def measure(one: LabelledSet) -> Measured:
        if detector is not None and one.protocol is not None and one.protocol.crop is not None:
            raise typer.BadParameter(f"{one.name} fixes boxes and crop; leave --boxes detector out")
        estimator = first
        if one.crop is not None:
            estimator = _open(model, crop=one.crop, **opened)
        boxes: Boxes = "labels" if detector is None else "detector"
        return evaluate_set(
            one.reader,
            one.folder,
            estimator=estimator,
            boxes=boxes,
            limit=limit,
            protocol=one.protocol,
            wanted=wanted,
        )

    return measure, first.card


def file_measurer(
    path: Path, *, convention: str, limit: int | None, wanted: Wanted
) -> Callable[[LabelledSet], Measured]:
    """Read a file of predictions and give what measures it on a set."""
    from facing.evaluation.predictions import read_predictions
    from facing.evaluation.run import evaluate_predictions

    predictions = read_predictions(path, convention=convention)

    def measure(one: LabelledSet) -> Measured:
        return evaluate_predictions(
            one.reader,
            one.folder,
            predictions=predictions,
            limit=limit,
            protocol=one.protocol,
            wanted=wanted,
        )

    return measure


def _named(text: str) -> tuple[str, Path]:
    name, colon, folder = text.partition(":")
    if not (name and colon and folder):
        raise typer.BadParameter(f"{text} is not NAME:DIR, such as aflw2000:pictures/AFLW2000")
    return name, Path(folder)


def _open(
    model: str | Path,
    *,
    detector: str | None,
    detector_model: Path | None,
    threads: int | None,
    tta: bool,
    crop: CropSpec | None,
) -> PoseEstimator | OrientationEstimator:
    from facing.evaluation.orientation import OrientationEstimator
    from facing.runtime.detector import load_detector
    from facing.runtime.estimator import PoseEstimator

    finder = None
    if detector is not None:
        finder = load_detector(detector, model_file=detector_model, threads=threads)
    try:
        return PoseEstimator(model, finder, threads=threads, crop=crop, tta=tta)
    except ModelError as error:
        if tta:  # classes are not averaged
            raise
        try:
            return OrientationEstimator(model, finder, threads=threads, crop=crop)
        except ModelError:
            raise error from None
