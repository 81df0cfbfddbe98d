"""Counting a labelled set: pictures, heads, angles, box sizes, classes, and what was left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.datasets.sample import ANGLES, LeftOut
from facing.geometry.rotation import euler_from_rotation

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from facing.datasets.sample import Angle, LabelledHead, Sample

BAR = 40
PERCENTILES = (0, 5, 50, 95, 100)


@dataclass(frozen=True, slots=True)
class SetCounts:
    """What a set holds."""

    pictures: int
    heads: int
    sources: int
    """Persons, sequences or photographs; a picture that names none counts as its own."""
    left_out: dict[str, int]
    """Reason -> pictures."""
    classes: dict[str, int]
    angles: dict[Angle, NDArray[np.float64]]
    """Degrees of the heads that state the angle, (K,) each."""
    box_sides: NDArray[np.float64]
    """Longer side of each head box, (K,) pixels."""


def count_set(entries: Iterable[Sample | LeftOut]) -> SetCounts:
    """Count what a reader yields.

    Args:
        entries: of `Reader.samples`.
    """
    pictures, heads = 0, 0
    sources: set[tuple[bool, str]] = set()
    left_out: Counter[str] = Counter()
    classes: Counter[str] = Counter()
    angles: dict[Angle, list[float]] = {angle: [] for angle in ANGLES}
    sides: list[float] = []
    for entry in entries:
        if isinstance(entry, LeftOut):
            left_out[entry.reason] += 1
            continue
        pictures += 1
        heads += len(entry.heads)
        sources.add((entry.source is None, entry.key if entry.source is None else entry.source))
        for head in entry.heads:
            for angle, value in head_angles(head).items():
                angles[angle].append(value)
            if head.label is not None:
                classes[head.label] += 1
            if head.box is not None:
                sides.append(max(head.box[2] - head.box[0], head.box[3] - head.box[1]))
    return SetCounts(
        pictures=pictures,
        heads=heads,
        sources=len(sources),
        left_out=dict(left_out.most_common()),
        classes=dict(classes.most_common()),
        angles={angle: np.array(values) for angle, values in angles.items() if values},
        box_sides=np.array(sides),
    )


def head_angles(head: LabelledHead) -> dict[Angle, float]:
    """Give the angles that a head states, degrees in the field's usual triple; empty where there are none."""
    if head.rotation is None:
        return {}
    euler = euler_from_rotation(head.rotation)
    return {angle: float(getattr(euler, angle)) for angle in ANGLES if angle in head.known}


def bin_counts(values: NDArray[np.float64], *, width: float) -> list[tuple[float, int]]:
    """Count values in bins [k * width, (k + 1) * width), from the first to the last bin that holds one.

    Args:
        values: (K,).
        width: of a bin, above 0.

    Returns:
        Lower edge and count of each bin, empty ones between others included.
    """
    if values.size == 0:
        return []
    places = np.floor(values / width).astype(np.int64)
    first = int(places.min())
    counts = np.bincount(places - first)
    return [((first + k) * width, int(count)) for k, count in enumerate(counts)]


def stats_dict(counts: SetCounts, *, by: Sequence[Angle] = ANGLES, width: float = 15.0) -> dict[str, Any]:
    """Give the counts as JSON holds them.

    Args:
        counts: of `count_set`.
        by: angles whose bins are listed.
        width: of a bin, degrees.
    """
    return {
        "schema": 1,
        "pictures": counts.pictures,
        "heads": counts.heads,
        "sources": counts.sources,
        "left_out": counts.left_out,
        "classes": counts.classes,
        "angles": {angle: _spread(values) for angle, values in counts.angles.items()},
        "box_side": _spread(counts.box_sides),
        "bins": {
            angle: [
                {"from": low, "to": low + width, "heads": heads}
                for low, heads in bin_counts(counts.angles[angle], width=width)
            ]
            for angle in by
            if angle in counts.angles
        },
    }


def stats_text(counts: SetCounts, *, by: Sequence[Angle] = ANGLES, width: float = 15.0) -> str:
    """Lay out the counts for a terminal, with a bar per bin.

    Args:
        counts: of `count_set`.
        by: angles whose bins are drawn.
        width: of a bin, degrees.
    """
    lines = [*ranges_text(counts), *(_class_lines(counts))]
    for angle in by:
        if angle in counts.angles:
            lines += ["", f"{angle}, degrees"]
            lines += _bars(bin_counts(counts.angles[angle], width=width), width=width)
    if counts.box_sides.size:
        doubled = np.log2(np.maximum(counts.box_sides, 1.0))
        lines += ["", "longer side of the head box, pixels"]
        lines += _bar_lines(
            [
                (f"{2**low:6.0f} to {2 ** (low + 1):<6.0f}", heads)
                for low, heads in bin_counts(doubled, width=1)
            ]
        )
    return "\n".join(lines)


def ranges_text(counts: SetCounts) -> list[str]:
    """Say counts, ranges and why pictures were left out, one line each."""
    lines = [f"{counts.pictures:,} pictures, {counts.heads:,} heads, {counts.sources:,} sources"]
    lines += [f"  left out: {count:,} ({reason})" for reason, count in counts.left_out.items()]
    for name, values in (*counts.angles.items(), ("box side", counts.box_sides)):
        spread = _spread(values)
        if spread is not None:
            low, five, middle, most, high = (spread[f"p{share}"] for share in PERCENTILES)
            lines.append(
                f"  {name:<9} {low:7.1f} to {high:.1f}, half below {middle:.1f}, "
                f"nine of ten in {five:.1f} to {most:.1f}"
            )
    return lines


def _class_lines(counts: SetCounts) -> list[str]:
    if not counts.classes:
        return []
    longest = max(len(label) for label in counts.classes)
    return ["", "classes", *_bar_lines([(f"{label:<{longest}}", n) for label, n in counts.classes.items()])]


def _bars(bins: list[tuple[float, int]], *, width: float) -> list[str]:
    return _bar_lines([(f"{low:6.0f} to {low + width:<6.0f}", heads) for low, heads in bins])


def _bar_lines(rows: list[tuple[str, int]]) -> list[str]:
    most = max(count for _, count in rows)
    digits = len(f"{most:,}")
    return [f"  {word} {count:>{digits},} {'█' * round(BAR * count / most)}".rstrip() for word, count in rows]


def _spread(values: NDArray[np.float64]) -> dict[str, float] | None:
    if values.size == 0:
        return None
    found = np.percentile(values, PERCENTILES)
    return {f"p{share}": round(float(value), 2) for share, value in zip(PERCENTILES, found, strict=True)}
