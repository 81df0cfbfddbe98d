"""Aligned text for people: a line per picture, a line per head. At most 62 columns beside long names."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from facing.output.sink import Add, text_sink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facing.output.record import PictureRecord
    from facing.pose import HeadPose

HEADER = "  head     yaw   pitch    roll   error  facing  box"


@contextmanager
def write_table(target: Path | TextIO) -> Iterator[Add]:
    """Write one block per picture, as records come. Angles and errors in degrees, boxes in whole pixels."""
    with text_sink(target) as stream:

        def add(record: PictureRecord) -> None:
            stream.write("\n".join(_lines(record)) + "\n")
            stream.flush()

        yield add


def _lines(record: PictureRecord) -> Iterator[str]:
    if record.error is not None:
        # Most errors name the file themselves.
        named = record.error if record.error.startswith(record.file) else f"{record.file}: {record.error}"
        yield _one_line(named)
        return
    count = {0: "no head found", 1: "1 head"}.get(len(record.heads), f"{len(record.heads)} heads")
    yield f"{_one_line(record.file)}  {record.width} x {record.height}  {count}"
    if record.heads:
        yield HEADER
    for number, head in enumerate(record.heads, start=1):
        yield _row(head, number=number)


def _row(head: HeadPose, *, number: int) -> str:
    values = head.to_dict()
    angles = "  ".join(_degrees(values[name], sign="+") for name in ("yaw", "pitch", "roll"))
    box = " ".join(f"{edge:.0f}" for edge in values["box"])
    error = _degrees(values["error_deg"], sign="")
    return f"  {number:>4}  {angles}  {error}  {values['facing']:<6}  {box}"


def _degrees(value: float | None, *, sign: str) -> str:
    return f"{'-':>6}" if value is None else f"{value:{sign}6.1f}"


def _one_line(text: str) -> str:
    """Keep odd file names from breaking the table or talking to the terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


WRITER = write_table
