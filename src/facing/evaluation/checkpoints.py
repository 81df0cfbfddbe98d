"""Several checkpoints of one training: the one that counts is chosen on a validation set, or not at all."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facing.datasets.sample import LeftOut
from facing.errors import DataError, ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from facing.datasets.sample import Sample

ENDINGS = (".onnx", ".safetensors")
FIGURES = ("geodesic_mean", "front_angle", "yaw", "facing_accuracy")
"""What checkpoints are chosen by, the first that all of them have."""
RISING = frozenset({"facing_accuracy"})


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One file of a folder."""

    name: str
    epoch: int | None
    """Last number in its name; None where it has none, as for "best" and "last"."""
    path: Path


@dataclass(frozen=True, slots=True)
class Choice:
    """Which checkpoint counts, and why."""

    index: int
    figure: str | None
    """What it was chosen by; None where nothing was compared."""
    reason: str
    """In words, for the reader of a result."""


def find_checkpoints(
    folder: Path, *, epochs: tuple[int | None, int | None] = (None, None)
) -> list[Checkpoint]:
    """List the checkpoints of a folder by epoch, those without a number last.

    Args:
        folder: of .onnx or .safetensors files; where one name has both, the .onnx file counts.
        epochs: first and last epoch, None for an open end; a range leaves out names without a number.

    Raises:
        ModelError: there are none.
    """
    by_stem: dict[str, Path] = {}
    for ending in reversed(ENDINGS):
        by_stem |= {path.stem: path for path in folder.glob(f"[!.]*{ending}")}
    found = [Checkpoint(stem, _epoch(stem), path) for stem, path in by_stem.items()]
    first, last = epochs
    if epochs != (None, None):
        found = [
            one
            for one in found
            if one.epoch is not None
            and (first is None or one.epoch >= first)
            and (last is None or one.epoch <= last)
        ]
    if not found:
        within = "" if epochs == (None, None) else f" of the epochs {first or ''}:{last or ''}"
        raise ModelError(f"{folder} holds no {' or '.join(ENDINGS)} file{within}; name another folder")
    return sorted(found, key=lambda one: (one.epoch is None, one.epoch or 0, one.name))


def choose(rows: Sequence[dict[str, Any]], *, selected_on: str | None) -> Choice:
    """Choose a checkpoint.

    Args:
        rows: figures of each checkpoint, in the order of `find_checkpoints`: of the validation set where
            there is one, else of the test set.
        selected_on: name of the validation set. None: the last one counts, whatever the test set says.

    Raises:
        DataError: no figure is there for all checkpoints.
    """
    if selected_on is None:
        return Choice(len(rows) - 1, None, "the last one; without --select nothing is chosen on the test set")
    for figure in FIGURES:
        values = [row.get(figure) for row in rows]
        if all(value is not None for value in values):
            sign = -1 if figure in RISING else 1
            index = min(range(len(rows)), key=lambda place: sign * rows[place][figure])
            return Choice(index, figure, f"best {figure} on {selected_on}")
    raise DataError(f"{selected_on} gives no figure that all checkpoints have; select on another set")


def shared_pictures(first: Iterable[Sample | LeftOut], second: Iterable[Sample | LeftOut]) -> int:
    """Count the pictures of the second set that lie in the first one too, byte for byte, under any name."""
    one = {_mark(sample) for sample in first if not isinstance(sample, LeftOut)}
    return sum(_mark(sample) in one for sample in second if not isinstance(sample, LeftOut))


def checkpoint_table(
    checkpoints: Sequence[Checkpoint], rows: Sequence[dict[str, Any]], *, chosen: int, measured_on: str
) -> str:
    """Lay out one line per checkpoint, the chosen one marked."""
    width = max(10, *(len(one.name) for one in checkpoints))
    lines = [f"checkpoints on {measured_on}", f"    {'name':<{width}}  geodesic    mae    yaw  direction"]
    for place, (one, row) in enumerate(zip(checkpoints, rows, strict=True)):
        cells = [row.get(name) for name in ("geodesic_mean", "mae", "yaw", "front_angle")]
        text = "  ".join(
            f"{'-' if cell is None else f'{cell:.2f}':>{size}}"
            for cell, size in zip(cells, (8, 5, 5, 9), strict=True)
        )
        lines.append(f"  {'*' if place == chosen else ' '} {one.name:<{width}}  {text}")
    return "\n".join(lines)


def _epoch(stem: str) -> int | None:
    numbers = re.findall(r"\d+", stem)
    return int(numbers[-1]) if numbers else None


def _mark(sample: Sample) -> str:
    try:
        if isinstance(sample.picture, Path):
            return hashlib.sha256(sample.picture.read_bytes()).hexdigest()
        return hashlib.sha256(sample.picture.pixels().tobytes()).hexdigest()
    except OSError:
        return sample.key
