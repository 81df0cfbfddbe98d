"""JSON lines: one line per picture, checked by `facing.pose.line_schema`."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from facing.output.sink import Add, text_sink

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facing.output.record import PictureRecord


@contextmanager
def write_jsonl(target: Path | TextIO) -> Iterator[Add]:
    """Write one JSON object per picture; every line is complete in itself.

    File names that are no valid Unicode come out as escapes, which JSON reads back.
    """
    with text_sink(target) as stream:

        def add(record: PictureRecord) -> None:
            line = json.dumps(record.to_dict(), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
            stream.write(line.encode("utf-8", "backslashreplace").decode() + "\n")
            stream.flush()

        yield add


WRITER = write_jsonl
