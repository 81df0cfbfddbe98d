"""CSV: one row per head; a picture without heads and an input that failed have one row that says so."""

from __future__ import annotations

import csv
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from facing.output.sink import Add, text_sink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facing.output.record import PictureRecord

COLUMNS = (
    *("file", "width", "height", "head", "x0", "y0", "x1", "y1", "score"),
    *("yaw", "pitch", "roll", "error_deg", "facing"),
    *(f"r{row}{column}" for row in range(1, 4) for column in range(1, 4)),
    *("track", "time", "error"),
)
"""`head` counts from 1 within a picture; a row with an empty `head` has none, and `error` says whether
the input failed. `r11` to `r33` are the rotation by rows."""


@contextmanager
def write_csv(target: Path | TextIO) -> Iterator[Add]:
    """Write a header and then one row per head; what is not known is left empty."""
    with text_sink(target) as stream:
        table = csv.DictWriter(stream, COLUMNS, restval="", lineterminator="\n")
        table.writeheader()

        def add(record: PictureRecord) -> None:
            table.writerows(_rows(record))
            stream.flush()

        yield add


def _rows(record: PictureRecord) -> Iterator[dict[str, Any]]:
    picture = {"file": record.file, "width": record.width, "height": record.height, "error": record.error}
    if not record.heads:
        yield picture
    for number, head in enumerate(record.heads, start=1):
        values = head.to_dict()
        edges = zip(("x0", "y0", "x1", "y1"), values["box"], strict=True)
        turns = {
            f"r{i}{j}": value
            for i, row in enumerate(values["rotation"], start=1)
            for j, value in enumerate(row, start=1)
        }
        fields = {name: value for name, value in values.items() if name in COLUMNS}
        yield {**picture, "head": number, **dict(edges), **fields, **turns}


WRITER = write_csv
