"""What every command does alike: talk, data and progress, each on its stream."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def say(text: str) -> None:
    """Talk to the user, on standard error."""
    print(text, file=sys.stderr)


def data_stream() -> TextIO:
    """Give standard output as UTF-8 with line feeds, so that the same input gives the same bytes everywhere.

    File names that are no valid Unicode come out as escapes, which JSON reads back.
    """
    stream = sys.stdout
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")
    return stream


def with_progress(files: Sequence[str]) -> Iterator[int]:
    """Count through files, on standard error, where it is a terminal that shows no data."""
    shown = sys.stderr.isatty() and not sys.stdout.isatty() and len(files) > 1
    try:
        for index in range(len(files)):
            if shown:
                print(f"\r\033[K{index + 1}/{len(files)}  {files[index][-60:]}", end="", file=sys.stderr)
                sys.stderr.flush()
            yield index
    finally:
        if shown:
            print("\r\033[K", end="", file=sys.stderr)
