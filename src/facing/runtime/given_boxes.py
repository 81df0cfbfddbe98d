"""Head boxes from a file: JSON lines as `facing estimate` prints them, or CSV."""

from __future__ import annotations

import codecs
import csv
import io
import json
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.errors import BoxError

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMNS = ("file", "x0", "y0", "x1", "y1")


def read_boxes(path: str | os.PathLike[str]) -> dict[str, NDArray[np.float32]]:
    """Read head boxes by picture.

    Args:
        path: a file of JSON lines, {"file": ..., "heads": [{"box": [x0, y0, x1, y1]}, ...]}, or a CSV with
            the columns file, x0, y0, x1, y1 and any others, one row per head. A first line that starts
            with a brace tells which.

    Returns:
        File names as written -> (K, 4) xyxy pixels, in the order of the file; K may be 0 with JSON lines.

    Raises:
        BoxError: the file cannot be read, or a line of it; the sentence names the line.
    """
    file = Path(path)
    # Names of files may hold bytes that are no valid Unicode, and line breaks that only Unicode knows.
    lines = list(io.StringIO(_text(file), newline=""))
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise BoxError(f"boxes file {file} is empty; give JSON lines or CSV")
    read = _from_json_lines if first.lstrip().startswith("{") else _from_csv
    boxes = read(file, lines)
    return {name: np.array(rows, dtype=np.float32).reshape(-1, 4) for name, rows in boxes.items()}


def _text(file: Path) -> str:
    try:
        data = file.read_bytes()
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise BoxError(f"boxes file {file} cannot be read (it is UTF-16); save it as UTF-8")
        return data.decode("utf-8", sys.getfilesystemencodeerrors()).removeprefix("\ufeff")
    except (OSError, UnicodeDecodeError) as error:
        raise BoxError(f"boxes file {file} cannot be read ({error}); give JSON lines or CSV") from error


def _from_json_lines(file: Path, lines: list[str]) -> dict[str, list[list[float]]]:
    boxes: dict[str, list[list[float]]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            name, given = record["file"], [head["box"] for head in record["heads"]]
        except (ValueError, KeyError, TypeError) as error:
            raise BoxError(
                f"{file}, line {number} is no picture with heads ({error!r}); "
                'give {"file": ..., "heads": [{"box": [x0, y0, x1, y1]}]}'
            ) from error
        rows = boxes.setdefault(_name(name, file=file, number=number), [])
        rows += [_box(values, file=file, number=number) for values in given]
    return boxes


def _from_csv(file: Path, lines: list[str]) -> dict[str, list[list[float]]]:
    reader = csv.DictReader(lines, skipinitialspace=True)
    boxes: dict[str, list[list[float]]] = {}
    try:
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise BoxError(
                f"{file}, line 1 lacks {', '.join(missing)}; give a header {','.join(COLUMNS)}, or JSON lines"
            )
        for row in reader:
            values = [row[name] for name in COLUMNS[1:]]
            if not any((row["file"], *values)):  # spreadsheets end with such rows
                continue
            rows = boxes.setdefault(_name(row["file"], file=file, number=reader.line_num), [])
            if any(values):  # our own tables have a row without a box for a picture without heads
                rows.append(_box(values, file=file, number=reader.line_num))
    except csv.Error as error:
        number = reader.reader.line_num
        raise BoxError(f"{file}, line {number} is no CSV ({error}); write it again") from error
    return boxes


def _name(value: Any, *, file: Path, number: int) -> str:
    """Check that a name can be one of a file."""
    try:
        if isinstance(value, str) and value and b"\0" not in os.fsencode(value):
            return value
    except UnicodeEncodeError:
        pass
    raise BoxError(f"{file}, line {number}: {value!r} is no name of a file; give that of a picture")


def _box(values: Any, *, file: Path, number: int) -> list[float]:
    try:
        left, top, right, bottom = box = [float(value) for value in values]
    except (TypeError, ValueError) as error:
        raise BoxError(f"{file}, line {number}: {values!r} is no box; give four numbers") from error
    if not all(math.isfinite(value) for value in box) or right <= left or bottom <= top:
        raise BoxError(f"{file}, line {number}: {box} has no area; give left, top, right, bottom")
    return box
