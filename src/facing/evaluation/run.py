"""Measure an estimator on a labelled set; the twin of `facing evaluate`."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from facing.datasets.sample import LeftOut
from facing.errors import DataError
from facing.evaluation.outcomes import Boxes, Estimator, collect, errors_by_head
from facing.evaluation.predictions import collect_predictions
from facing.evaluation.protocol import apply_protocol
from facing.evaluation.summary import summarise

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from facing.datasets.sample import Reader, Sample
    from facing.evaluation.outcomes import Run
    from facing.evaluation.predictions import Predictions
    from facing.evaluation.protocol import Protocol
    from facing.evaluation.summary import Wanted


class Measured(NamedTuple):
    """Figures of a set and what they are made of."""

    figures: dict[str, Any]
    heads: list[dict[str, Any]]
    run: Run


def evaluate_set(
    reader: Reader,
    folder: Path,
    *,
    estimator: Estimator,
    boxes: Boxes = "labels",
    limit: int | None = None,
    protocol: Protocol | None = None,
    wanted: Wanted | None = None,
) -> Measured:
    """Read a set and measure an estimator on it.

    Args:
        reader: of the set.
        folder: where its files are.
        estimator: a `PoseEstimator` or anything with its call. A protocol with a crop of its own wants it
            opened with that crop.
        boxes: "labels" or "detector".
        limit: look at this many pictures only, left-out ones included.
        protocol: its filter, boxes and classes take the place of the reader's.
        wanted: figures beyond the usual ones.

    Returns:
        `figures` of the set, `heads`, one row per labelled head, and the `run` itself.

    Raises:
        DataError: the folder does not hold the set, or the set states no pose to compare with.
    """
    if boxes == "labels":
        _check_labels(reader, folder, limit=limit, protocol=protocol)
    samples = _samples(reader, folder, limit=limit, protocol=protocol)
    read = None if protocol is None else protocol.read
    result = collect(samples, estimator, boxes=boxes, match=reader.match, read=read)
    return Measured(summarise(result, reader=reader, wanted=wanted), errors_by_head(result), result)


def evaluate_predictions(
    reader: Reader,
    folder: Path,
    *,
    predictions: Predictions,
    limit: int | None = None,
    protocol: Protocol | None = None,
    wanted: Wanted | None = None,
) -> Measured:
    """Read a set and measure anybody's predictions on it.

    Args:
        reader: of the set.
        folder: where its files are.
        predictions: of `read_predictions`.
        limit: look at this many pictures only, left-out ones included.
        protocol: its filter and classes take the place of the reader's.
        wanted: figures beyond the usual ones.

    Returns:
        As `evaluate_set`; heads without a prediction are not found.

    Raises:
        DataError: the folder does not hold the set, or no prediction belongs to it.
    """
    samples = _samples(reader, folder, limit=limit, protocol=protocol)
    read = None if protocol is None else protocol.read
    result = collect_predictions(samples, predictions, match=reader.match, read=read)
    return Measured(summarise(result, reader=reader, wanted=wanted), errors_by_head(result), result)


def _check_labels(reader: Reader, folder: Path, *, limit: int | None, protocol: Protocol | None) -> None:
    """Refuse a set of boxes alone before anything is measured: by its terms, or as far as its labels say."""
    if not (reader.known or reader.classes or reader.varies):
        raise DataError(f"{reader.title} states boxes and no poses; measure detection with --boxes detector")
    entries = _samples(reader, folder, limit=limit, protocol=protocol)
    heads = (head for entry in entries if not isinstance(entry, LeftOut) for head in entry.heads)
    bare = False
    for head in heads:
        if head.rotation is not None or head.label is not None:
            return
        bare = True
    if bare:
        raise DataError(f"{folder} states boxes and no poses; measure detection with --boxes detector")


def _samples(
    reader: Reader, folder: Path, *, limit: int | None, protocol: Protocol | None
) -> Iterable[Sample | LeftOut]:
    samples = islice(reader.samples(folder), limit)
    return samples if protocol is None else apply_protocol(protocol, samples)
