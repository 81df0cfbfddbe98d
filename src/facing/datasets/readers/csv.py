"""Any table of pictures: a .csv with a column `picture` and what is known of the head in each row.

| columns | meaning |
|---|---|
| picture | path, relative to the table; `file` is the same, as `facing estimate --format csv` writes it |
| x0, y0, x1, y1 | head box, pixels; without them the whole picture is the head |
| yaw, pitch, roll | degrees, 300W-LP order and signs; any of them, an empty cell is not known |
| qx, qy, qz, qw | quaternion of the rotation head -> camera, instead of angles |
| r00 ... r22 | that rotation by rows (or r11 ... r33), instead of angles |
| label | coarse class |
| source | person, sequence or photograph that rows share |
| head | where this column is there and empty, the row has no head, as `facing estimate` writes it |

Rows of one picture are heads of one picture.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.datasets.files import text_of
from facing.datasets.sample import ANGLES, LabelledHead, LeftOut, Reader, Sample
from facing.errors import DataError
from facing.geometry.rotation import nearest_rotation, rotation_from_euler, rotation_from_quaternion

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from facing.datasets.sample import Angle

    Row = dict[str, str]

TITLE = "a table of pictures"
PICTURE = ("picture", "file")
BOX = ("x0", "y0", "x1", "y1")
QUATERNION = ("qx", "qy", "qz", "qw")
TURNS = tuple(f"r{row}{column}" for row in range(3) for column in range(3))
TURNS_FROM_1 = tuple(f"r{row}{column}" for row in range(1, 4) for column in range(1, 4))


def read_samples(path: Path) -> Iterator[Sample | LeftOut]:
    """Yield one sample per picture, in the order of the table.

    Args:
        path: the .csv, or a folder that holds one alone.
    """
    table = _table(path)
    picture = _picture_column(table)
    turns = _turns_meant(table.columns)
    for name, rows in _by_picture(table, column=picture).items():
        try:
            heads = tuple(_head(row, turns=turns) for row in rows if row.get("head") != "")
        except DataError as error:
            yield LeftOut(name, str(error))
            continue
        sources = {row.get("source", "") for row in rows} - {""}
        source = min(sources) if sources else None
        yield Sample(name, table.path.parent / name, heads, source=source)


class _Table:
    """Rows of one file, cells stripped, and where it lies."""

    def __init__(self, path: Path, *, columns: Sequence[str], rows: list[Row]) -> None:
        self.path, self.columns, self.rows = path, tuple(columns), rows


def _table(path: Path) -> _Table:
    if path.is_dir():
        found = sorted(path.glob("[!.]*.csv"))  # hidden ones were left by killed runs
        if len(found) != 1:
            raise DataError(f"{path} holds {len(found)} .csv files; name the one to read")
        (path,) = found
    try:
        text = text_of(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a table ({error}); name a .csv file") from error
    try:
        lines = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise DataError(f"{path} is no table parted by commas ({error}); write it again") from error
    if not lines:
        raise DataError(f"{path} is empty; its first line must name the columns, picture among them")
    columns = [name.strip() for name in lines[0]]
    rows = [dict(zip(columns, (cell.strip() for cell in line), strict=False)) for line in lines[1:] if line]
    return _Table(path, columns=columns, rows=rows)


def _picture_column(table: _Table) -> str:
    """Find the column of pictures, and refuse groups of columns that are there in part."""
    shown = ", ".join(table.columns)
    for name in PICTURE:
        if name in table.columns:
            break
    else:
        raise DataError(f"{table.path} has no column picture; found: {shown}; name it in the first line")
    for group in (BOX, QUATERNION, _turns_meant(table.columns)):
        missing = [column for column in group if column not in table.columns]
        if 0 < len(missing) < len(group):
            raise DataError(
                f"{table.path} has no column {', '.join(missing)}; found: {shown}; "
                f"{group[0]} needs all of {', '.join(group)}"
            )
    return name


def _turns_meant(columns: Sequence[str]) -> tuple[str, ...]:
    """Tell r00 to r22 from r11 to r33, which share four names."""
    return TURNS if any(column in columns for column in set(TURNS) - set(TURNS_FROM_1)) else TURNS_FROM_1


def _by_picture(table: _Table, *, column: str) -> dict[str, list[Row]]:
    pictures: dict[str, list[Row]] = {}
    for row in table.rows:
        if row.get(column):
            pictures.setdefault(row[column], []).append(row)
    return pictures


def _head(row: Row, *, turns: tuple[str, ...]) -> LabelledHead:
    box = _numbers(row, BOX)
    if box is not None and (box[2] <= box[0] or box[3] <= box[1]):
        raise DataError("box has no area")
    rotation, known = _pose(row, turns=turns)
    edges = None if box is None else (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
    return LabelledHead(edges, rotation, known=known, label=row.get("label") or None)


def _pose(row: Row, *, turns: tuple[str, ...]) -> tuple[NDArray[np.floating[Any]] | None, tuple[Angle, ...]]:
    """Read the rotation from what states it most exactly."""
    values = _numbers(row, turns)
    if values is not None:
        matrix = values.reshape(3, 3)
        if np.abs(matrix @ matrix.T - np.eye(3)).max() > 0.01 or np.linalg.det(matrix) < 0:
            raise DataError(f"{turns[0]} to {turns[-1]} are no rotation")
        return nearest_rotation(matrix), ANGLES
    values = _numbers(row, QUATERNION)
    if values is not None:
        if abs(np.linalg.norm(values) - 1) > 0.01:
            raise DataError("quaternion is not of length 1")
        return rotation_from_quaternion(values), ANGLES
    stated = {angle: one[0] for angle in ANGLES if (one := _numbers(row, (angle,))) is not None}
    if not stated:
        return None, ()
    angles: dict[str, float] = {angle: float(stated.get(angle, 0.0)) for angle in ANGLES}
    rotation = rotation_from_euler(yaw=angles["yaw"], pitch=angles["pitch"], roll=angles["roll"])
    return rotation, tuple(angle for angle in ANGLES if angle in stated)


def _numbers(row: Row, columns: tuple[str, ...]) -> NDArray[np.float64] | None:
    """Read cells that belong together; None where all are empty or missing."""
    cells = [row.get(column, "") for column in columns]
    if not any(cells):
        return None
    try:
        values = np.array([float(cell) for cell in cells])
    except ValueError:
        values = np.array([np.nan])
    if not np.isfinite(values).all():
        many = len(columns) > 1
        raise DataError(f"{', '.join(columns)} {'are not all numbers' if many else 'is no number'}")
    return values


READER = Reader(
    title=TITLE,
    licence="that of the pictures it names; nothing is known here",
    may_train_shipped_weights=False,
    box_rule="x0, y0, x1, y1 as stored; without them the whole picture is the head",
    convention="our own: yaw, pitch, roll in degrees in the 300W-LP order and signs, or the rotation itself",
    complete_labels=False,
    known=(),
    samples=read_samples,
    varies=True,
)
