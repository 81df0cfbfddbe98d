"""Cumulative error curves: the share of heads within each limit, for several models in one picture."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.errors import DataError
from facing.evaluation import metrics
from facing.geometry.rotation import rotation_from_euler

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SCHEMA = 1
RULES = ("geodesic", "front_angle", "yaw")
LIMITS_DEG = tuple(range(5, 181, 5))
"""Limits that the compact system's `data_process --mode collect` draws."""
FINE_DEG = tuple(float(limit) for limit in np.arange(0, 180.5, 0.5))


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Errors of one model."""

    name: str
    rule: str
    """What the errors are: "geodesic", "front_angle" or "yaw"."""
    errors: NDArray[np.float64]
    """(F,) of found heads, rising, degrees."""
    count: int
    """All labelled heads; missed ones are within no limit."""

    def shares(self, limits: Sequence[float]) -> list[float]:
        """Give the share of all heads within each limit, 0 to 1."""
        within = np.searchsorted(self.errors, limits, side="right") / self.count
        return [float(share) for share in within]


def read_curves(files: Sequence[Path]) -> tuple[Curve, ...]:
    """Read what `facing evaluate --errors` writes, one curve per file, all by one kind of error.

    The files of the compact system's --collect_score are read as well: errors of its facing direction.

    Args:
        files: named by their stems, or with their folders where stems are equal.

    Returns:
        By geodesic error where every file states it for some head; else by the angle of the facing
        direction; else by yaw. A head without that error counts as missed.

    Raises:
        DataError: a file holds no such rows, or the files have no kind of error in common.
    """
    rows = [_rows(file) for file in files]
    stems = [file.stem for file in files]
    names = [stem if stems.count(stem) == 1 else str(file) for stem, file in zip(stems, files, strict=True)]
    for rule in RULES:
        errors = [[error for row in own if (error := _error(row, rule)) is not None] for own in rows]
        if files and all(errors):
            return tuple(
                Curve(name, rule, np.sort(np.asarray(found, dtype=np.float64)), len(own))
                for name, found, own in zip(names, errors, rows, strict=True)
            )
    raise DataError(
        f"{', '.join(map(str, files)) or 'no file'}: no kind of error is stated by all; "
        "measure them on one set"
    )


def curves_to_dict(curves: Sequence[Curve]) -> dict[str, Any]:
    """Give the numbers of the curves ready for JSON: coarse limits by name, the fine curve as lists."""
    return {
        "schema": SCHEMA,
        "error": curves[0].rule if curves else None,
        "limits": list(LIMITS_DEG),
        "fine_limits": list(FINE_DEG),
        "curves": [
            {
                "name": curve.name,
                "count": curve.count,
                "found": len(curve.errors),
                "shares": curve.shares(LIMITS_DEG),
                "fine_shares": curve.shares(FINE_DEG),
            }
            for curve in curves
        ],
    }


def _rows(file: Path) -> list[dict[str, Any]]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if "degree_error" in content:
            return [{"front_angle": float(error)} for error in content["degree_error"]]
        rows = content["heads"]
        fitting = content["schema"] == SCHEMA and all("estimated" in row and "true" in row for row in rows)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{file} holds no errors ({error}); write it with facing evaluate --errors"
        ) from error
    if not (fitting and rows):
        raise DataError(f"{file} holds no errors by head; write it with facing evaluate --errors")
    return list(rows)


def _error(row: Mapping[str, Any], rule: str) -> float | None:
    if "true" not in row:  # of the compact system, which states errors alone
        return float(row["front_angle"]) if rule == "front_angle" else None
    true, estimated = row["true"], row["estimated"]
    if estimated is None:
        return None
    if rule == "geodesic":
        return None if row.get("geodesic") is None else float(row["geodesic"])
    wanted = ("yaw", "pitch") if rule == "front_angle" else ("yaw",)
    if any(angles.get(name) is None for angles in (true, estimated) for name in wanted):
        return None
    if rule == "yaw":
        return float(abs((estimated["yaw"] - true["yaw"] + 180) % 360 - 180))
    first, second = (
        rotation_from_euler(yaw=angles["yaw"], pitch=angles["pitch"], roll=0.0)
        for angles in (estimated, true)
    )
    return float(metrics.front_errors(first, second))
