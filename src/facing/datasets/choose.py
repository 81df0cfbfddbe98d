"""Choosing pictures of a set: even over an angle, or by ranges and so many of each source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facing.datasets.sample import LeftOut
from facing.datasets.split import drawn
from facing.datasets.stats import head_angles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from facing.datasets.sample import Angle, LabelledHead, Sample


def balanced_keys(
    entries: Iterable[Sample | LeftOut], *, by: Angle, per_bin: int, width: float = 15.0, seed: int = 0
) -> list[str]:
    """Choose pictures so that no bin of an angle has more than `per_bin`.

    A picture with several heads counts in the bin of its largest one. Which pictures of a full bin stay
    depends on their keys and the seed alone.

    Args:
        entries: of `Reader.samples`; pictures that do not state the angle are not chosen.
        by: the angle.
        per_bin: most pictures of a bin.
        width: of a bin, degrees; bins start at whole multiples of it.
        seed: another seed makes another choice.

    Returns:
        Keys, sorted.
    """
    bins: dict[int, list[str]] = {}
    for entry in entries:
        if isinstance(entry, LeftOut):
            continue
        stated = [head for head in entry.heads if by in head.known]
        if stated:
            angle = head_angles(max(stated, key=_area))[by]
            bins.setdefault(int(np.floor(angle / width)), []).append(entry.key)
    return sorted(key for keys in bins.values() for key in sorted(keys, key=_order(seed))[:per_bin])


def selected_keys(
    entries: Iterable[Sample | LeftOut],
    *,
    ranges: Mapping[Angle, tuple[float, float]] | None = None,
    smallest: float = 0.0,
    per_source: int | None = None,
    seed: int = 0,
) -> list[str]:
    """Choose pictures by the pose and size of their largest head, and so many of each source.

    Args:
        entries: of `Reader.samples`.
        ranges: angle -> lowest and highest, degrees, both included; a picture that does not state the angle
            is not chosen.
        smallest: least longer side of the head box, pixels.
        per_source: most pictures of one person, sequence or photograph; None takes all.
        seed: another seed draws others of a source.

    Returns:
        Keys, sorted.
    """
    wanted = ranges or {}
    sources: dict[str, list[str]] = {}
    for entry in entries:
        if isinstance(entry, LeftOut) or not entry.heads:
            continue
        head = max(entry.heads, key=_area)
        angles = head_angles(head)
        fits = all(angle in angles and low <= angles[angle] <= high for angle, (low, high) in wanted.items())
        if fits and _side(head) >= smallest:
            group = f"picture {entry.key}" if entry.source is None else f"source {entry.source}"
            sources.setdefault(group, []).append(entry.key)
    return sorted(key for keys in sources.values() for key in sorted(keys, key=_order(seed))[:per_source])


def _order(seed: int) -> Callable[[str], bytes]:
    return lambda key: drawn(key, seed=seed)


def _area(head: LabelledHead) -> float:
    if head.box is None:
        return float("inf")
    return (head.box[2] - head.box[0]) * (head.box[3] - head.box[1])


def _side(head: LabelledHead) -> float:
    if head.box is None:
        return float("inf")
    return max(head.box[2] - head.box[0], head.box[3] - head.box[1])
