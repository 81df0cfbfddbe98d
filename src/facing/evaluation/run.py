"""Measure an estimator on a labelled set; the twin of `facing evaluate`."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from facing.errors import DataError
from facing.evaluation.outcomes import Boxes, Estimator, collect, errors_by_head
from facing.evaluation.summary import summarise

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from facing.datasets.sample import LeftOut, Reader, Sample


class Measured(NamedTuple):
    """Figures of a set and what they are made of."""

    figures: dict[str, Any]
    heads: list[dict[str, Any]]


def evaluate(
    samples: Iterable[Sample | LeftOut],
    estimator: Estimator,
    *,
    boxes: Boxes = "labels",
    reader: Reader | None = None,
) -> dict[str, Any]:
    """Measure an estimator on labelled pictures.

    Args:
        samples: of a reader.
        estimator: a `PoseEstimator` or anything with its call.
        boxes: "labels" gives the labelled head boxes, "detector" lets the estimator find the heads.
        reader: whose samples these are; it decides how found heads are matched and is named in the result.

    Returns:
        The figures of `facing.evaluation.summary.summarise`.
    """
    match = reader.match if reader else "overlap"
    return summarise(collect(samples, estimator, boxes=boxes, match=match), reader=reader)


def evaluate_set(
    reader: Reader, folder: Path, *, estimator: Estimator, boxes: Boxes = "labels", limit: int | None = None
) -> Measured:
    """Read a set and measure an estimator on it.

    Args:
        reader: of the set.
        folder: where its files are.
        estimator: a `PoseEstimator` or anything with its call.
        boxes: "labels" or "detector".
        limit: look at this many pictures only, left-out ones included.

    Returns:
        `figures` of the set and `heads`, one row per labelled head.

    Raises:
        DataError: the folder does not hold the set, or the set states no pose to compare with.
    """
    if boxes == "labels" and not (reader.known or reader.classes):
        raise DataError(f"{reader.title} states boxes and no poses; measure detection with --boxes detector")
    samples = islice(reader.samples(folder), limit)
    result = collect(samples, estimator, boxes=boxes, match=reader.match)
    return Measured(summarise(result, reader=reader), errors_by_head(result))
