"""One pass over a set: every picture is read once, and what later questions need is kept."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from facing.datasets.doctor.fingerprint import Fingerprint, fingerprint
from facing.datasets.sample import LeftOut, Sample, sample_pixels
from facing.errors import FacingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from facing.datasets.sample import LabelledHead

    Progress = Callable[[str, int], None]
    """Called with what is being done and how many are done."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One sample and what its picture turned out to be."""

    sample: Sample
    size: tuple[int, int] | None
    """Width and height; None where the picture cannot be read."""
    trouble: str | None
    """Why it cannot be read."""
    print: Fingerprint | None
    """None where it cannot be read or has one colour."""


@dataclass(frozen=True, slots=True)
class Survey:
    """A set as its reader gave it."""

    seen: tuple[Seen, ...]
    left_out: tuple[LeftOut, ...]
    stopped: str | None
    """Why the reader gave up on the way."""

    @property
    def samples(self) -> tuple[Sample, ...]:
        """All samples, readable or not."""
        return tuple(one.sample for one in self.seen)


def survey(
    samples: Iterable[Sample | LeftOut], *, limit: int | None = None, progress: Progress | None = None
) -> Survey:
    """Read every picture of a set; a broken one is kept with its trouble.

    Args:
        samples: of a reader.
        limit: stop after so many, left-out ones included.
        progress: called after each picture.

    Raises:
        DataError: the reader fails before its first sample, so the folder does not hold the set.
    """
    seen: list[Seen] = []
    left_out: list[LeftOut] = []
    stopped = None
    try:
        for sample in islice(samples, limit):
            if isinstance(sample, LeftOut):
                left_out.append(sample)
                continue
            seen.append(_look(sample))
            if progress is not None:
                progress("pictures read", len(seen))
    except FacingError as error:
        if not (seen or left_out):
            raise
        stopped = str(error)
    return Survey(tuple(seen), tuple(left_out), stopped)


def largest_head(sample: Sample) -> LabelledHead | None:
    """Take the head with the largest usable box, else the first; None where the picture has none."""
    if not sample.heads:
        return None
    return max(sample.heads, key=_area)


def usable(box: tuple[float, float, float, float] | None) -> bool:
    """Whether a box is finite and has an area."""
    return box is not None and bool(np.isfinite(box).all()) and box[2] > box[0] and box[3] > box[1]


def _area(head: LabelledHead) -> float:
    if head.box is None or not usable(head.box):
        return 0.0
    x0, y0, x1, y1 = head.box
    return (x1 - x0) * (y1 - y0)


def _look(sample: Sample) -> Seen:
    try:
        pixels = sample_pixels(sample)
    except FacingError as error:
        return Seen(sample, None, str(error), None)
    height, width = pixels.shape[:2]
    return Seen(sample, (width, height), None, fingerprint(pixels))
