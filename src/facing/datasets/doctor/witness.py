"""An independent look: our own networks on some of the pictures, to be compared with the labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facing.datasets.doctor.labels import proper
from facing.datasets.doctor.survey import largest_head, usable
from facing.datasets.sample import sample_pixels
from facing.errors import FacingError
from facing.geometry.rotation import geodesic_deg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facing.datasets.doctor.survey import Progress, Seen
    from facing.datasets.sample import LabelledHead

TURNED_DEG = 10.0
"""Heads turned less than this say little about signs; the others are looked at first."""


@dataclass(frozen=True, slots=True)
class Witness:
    """One picture, its largest labelled head, and what the networks make of it."""

    key: str
    head: LabelledHead
    box: tuple[float, float, float, float] | None
    """Labelled; None: the whole picture."""
    labelled: tuple[tuple[float, float, float, float] | None, ...]
    """Boxes of all labelled heads."""
    rotation: NDArray[np.float64] | None
    """(3, 3), estimated on the labelled box; None where that was not possible."""
    found: NDArray[np.float32]
    """(K, 4) boxes of found heads."""
    scores: NDArray[np.float32]
    """(K,)."""


def witnesses(
    seen: Sequence[Seen], *, most: int, threads: int | None = None, progress: Progress | None = None
) -> tuple[Witness, ...]:
    """Look at some pictures with the shipped networks.

    Args:
        seen: all pictures of the set.
        most: how many to look at, spread evenly over the set; turned heads come first.
        threads: of one network call.
        progress: called after each picture.

    Raises:
        ModelError: the weights are missing.
    """
    from facing.runtime.detector import load_detector
    from facing.runtime.estimator import PoseEstimator

    chosen = choose(seen, most=most)
    if not chosen:
        return ()
    estimator = PoseEstimator(detector=None, threads=threads)
    detector = load_detector("heads", threads=threads)
    result = []
    for one in chosen:
        head = largest_head(one.sample)
        assert head is not None
        try:
            picture = sample_pixels(one.sample)
        except FacingError:
            continue  # it was readable a moment ago; the survey has nothing to say about that
        height, width = picture.shape[:2]
        box = head.box or (0.0, 0.0, float(width), float(height))
        try:
            rotation = np.asarray(estimator(picture, boxes=[box])[0].rotation, dtype=np.float64)
        except FacingError:  # the box is none, which is a finding of its own
            rotation = None
        boxes = tuple(other.box for other in one.sample.heads)
        result.append(Witness(one.sample.key, head, head.box, boxes, rotation, *detector.detect(picture)))
        if progress is not None:
            progress("pictures looked at", len(result))
    return tuple(result)


def choose(seen: Sequence[Seen], *, most: int) -> list[Seen]:
    """Take pictures evenly from the set, turned heads before frontal ones and in the order of the set."""
    ready = [one for one in seen if one.print is not None and _usable_head(one)]
    turned = [index for index, one in enumerate(ready) if _turned(one)]
    rest = sorted(set(range(len(ready))) - set(turned))
    taken = _spread(turned, most)
    taken += _spread(rest, most - len(taken))
    return [ready[index] for index in sorted(taken)]


def _spread(indices: list[int], most: int) -> list[int]:
    if len(indices) <= most:
        return indices
    return (
        [indices[int(place)] for place in (np.arange(most) + 0.5) * len(indices) / most] if most > 0 else []
    )


def _usable_head(one: Seen) -> bool:
    head = largest_head(one.sample)
    return head is not None and (head.box is None or usable(head.box))


def _turned(one: Seen) -> bool:
    head = largest_head(one.sample)
    if head is None or head.rotation is None or not proper(head.rotation):
        return head is not None and head.label in {"left", "right"}
    return float(geodesic_deg(head.rotation, np.eye(3))) > TURNED_DEG
