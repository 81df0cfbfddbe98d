"""How recall and further boxes of a detector change with its threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facing.geometry.boxes import overlap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class DetectionCurve:
    """All detections of a set, best first, and what each of them is."""

    scores: NDArray[np.float64]
    """(D,), falling."""
    hits: NDArray[np.bool_]
    """(D,), whether the detection is a labelled head that no better one had found."""
    heads: int
    """Labelled heads of the set."""
    pictures: int

    def recall(self, threshold: float) -> float:
        """Give the share of heads found at a threshold; 1 where there are none."""
        return float(self.hits[self.scores >= threshold].sum() / self.heads) if self.heads else 1.0

    def further(self, threshold: float) -> float:
        """Give the boxes per picture that are no labelled head."""
        return float((~self.hits[self.scores >= threshold]).sum() / max(self.pictures, 1))

    def threshold(self, *, further: float) -> float:
        """Give the least threshold with at most that many further boxes per picture."""
        too_many = np.flatnonzero(np.cumsum(~self.hits) > further * self.pictures)
        if not len(too_many):
            return 0.0
        return float(np.nextafter(self.scores[too_many[0]], np.inf))


def detection_curve(
    labelled: Sequence[Array],
    detected: Sequence[tuple[Array, Array]],
    *,
    ignored: Sequence[Array] | None = None,
    least: float = 0.4,
) -> DetectionCurve:
    """Match the detections of a set with its labels.

    Detections take the labelled box they overlap most, best first, as in Everingham et al. 2010 (VOC).

    Args:
        labelled: for each picture (K, 4) xyxy.
        detected: for each picture boxes (D, 4) xyxy and scores (D,).
        ignored: for each picture (J, 4) xyxy; unmatched detections whose middle lies in one do not count.
        least: overlap (intersection over union) that makes a detection a hit.
    """
    scores, hits = [], []
    for index, (true, (boxes, values)) in enumerate(zip(labelled, detected, strict=True)):
        order = np.argsort(-values, kind="stable")
        found = _hits(overlap(boxes[order], true), least=least)
        counts = np.ones(len(order), dtype=bool)
        if ignored is not None and len(ignored[index]):
            counts = found | ~_middle_inside(boxes[order], ignored[index])
        scores.append(values[order][counts])
        hits.append(found[counts])
    every = np.concatenate([np.empty(0), *scores])
    order = np.argsort(-every, kind="stable")
    marks = np.concatenate([np.empty(0, dtype=bool), *hits])[order]
    return DetectionCurve(every[order], marks, sum(len(true) for true in labelled), len(labelled))


def _hits(shared: NDArray[np.float64], *, least: float) -> NDArray[np.bool_]:
    free = shared.copy()
    hits = np.zeros(len(shared), dtype=bool)
    if not shared.shape[1]:
        return hits
    for row in np.flatnonzero(shared.max(1) >= least):
        best = int(free[row].argmax())
        if free[row, best] >= least:
            hits[row] = True
            free[:, best] = -1
    return hits


def _middle_inside(boxes: Array, regions: Array) -> NDArray[np.bool_]:
    middle = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2
    inside = (middle > regions[:, :2]) & (middle < regions[:, 2:])
    return np.asarray(inside.all(-1).any(-1))
