"""Time from picture to rotation: ours and published systems, in turn, in one process."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from PIL import Image

from facing.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Pixels: TypeAlias = NDArray[np.uint8]
    Boxes: TypeAlias = NDArray[np.floating]

FRAME = (640, 480)


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A detector and a pose network that work together.

    Attributes:
        name: of the pose network.
        detector: name of the detector.
        detect: picture (H, W, 3) -> head boxes (K, 4) xyxy, best first.
        pose: picture and one head box (4,) -> whatever the system says about it.
    """

    name: str
    detector: str
    detect: Callable[[Pixels], Boxes]
    pose: Callable[[Pixels, Boxes], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Milliseconds of repeated runs: median and the range of the middle 80 %."""

    median_ms: float
    p10_ms: float
    p90_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Timing:
        """Sum up repeats, at least two."""
        tenths = statistics.quantiles(seconds, n=10, method="inclusive")
        values = (statistics.median(seconds), tenths[0], tenths[-1])
        median, low, high = (round(1000 * value, 3) for value in values)
        return cls(median_ms=median, p10_ms=low, p90_ms=high)

    def to_dict(self) -> dict[str, float]:
        """Give the three figures by name."""
        return {"median_ms": self.median_ms, "p10_ms": self.p10_ms, "p90_ms": self.p90_ms}


def frame_of(picture: Pixels) -> Pixels:
    """Scale and cut a picture to 640 x 480, about its middle.

    Args:
        picture: (H, W, 3) uint8 RGB.

    Returns:
        (480, 640, 3).
    """
    width, height = FRAME
    scale = max(width / picture.shape[1], height / picture.shape[0])
    size = (max(width, round(picture.shape[1] * scale)), max(height, round(picture.shape[0] * scale)))
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    scaled = Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)
    return np.asarray(scaled.crop((left, top, left + width, top + height)))


def measure(
    systems: Sequence[System], picture: Pixels, *, repeats: int = 50, warm_up: int = 5
) -> list[dict[str, Any]]:
    """Time every system on one head of one picture.

    The systems take turns, run by run, so that a change in the machine's load meets them all alike. Before
    every timed run stands one that is not, or each would pay for what the one before it left in the
    processor's caches, ours for the largest. Boxes of the first run are kept, so every pose network works on
    the head its own detector found.

    Args:
        systems: the first one is ours; ratios are to its median.
        picture: (H, W, 3) uint8 RGB with a head that every detector finds.
        repeats: timed runs of each system, at least two.
        warm_up: runs before that are not timed.

    Returns:
        One row per system: name, detector, and `detect`, `pose`, `total` with median, 10 % and 90 % in
        milliseconds; `ratio` of the median totals, and `pose_ratio`; above 1 is slower than ours.

    Raises:
        DataError: a detector finds no head.
    """
    heads = [_first_head(system, picture) for system in systems]
    spent: list[list[tuple[float, float]]] = [[] for _ in systems]
    for run in range(warm_up + repeats):
        for system, head, times in zip(systems, heads, spent, strict=True):
            system.detect(picture)
            system.pose(picture, head)
            start = time.perf_counter()
            system.detect(picture)
            middle = time.perf_counter()
            system.pose(picture, head)
            end = time.perf_counter()
            if run >= warm_up:
                times.append((middle - start, end - middle))
    rows = []
    for system, times in zip(systems, spent, strict=True):
        timings = {
            "detect": Timing.of([detect for detect, _ in times]),
            "pose": Timing.of([pose for _, pose in times]),
            "total": Timing.of([detect + pose for detect, pose in times]),
        }
        rows.append((system, timings))
    ours = rows[0][1]
    return [
        {
            "name": system.name,
            "detector": system.detector,
            **{stage: timing.to_dict() for stage, timing in timings.items()},
            "ratio": round(timings["total"].median_ms / ours["total"].median_ms, 3),
            "pose_ratio": round(timings["pose"].median_ms / ours["pose"].median_ms, 3),
        }
        for system, timings in rows
    ]


def _first_head(system: System, picture: Pixels) -> Boxes:
    boxes = system.detect(picture)
    if not len(boxes):
        raise DataError(f"{system.detector} finds no head in the picture; give one with a clear face")
    return np.asarray(boxes[0], dtype=np.float64)
