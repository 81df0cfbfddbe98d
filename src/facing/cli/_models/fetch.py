"""facing models fetch: released weights that are no part of the package."""

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facing.cli._shared import data_stream, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def fetch(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Released weights, as facing models lists them.")
    ],
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="URL|FILE", help="Take them from here: an https address or a copy."),
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(
            "--into", metavar="FOLDER", help="Write them here; found by name where FACING_HOME says so."
        ),
    ] = None,
) -> None:
    """Fetch weights that are not in the package, check their SHA-256 and print where they lie.

    They go into the folder FACING_HOME, or facing in the user's data folder, and have a name from then on.
    The Python twin is facing.runtime.fetch.fetch_model.
    """
    from facing.runtime.fetch import fetch_model

    with _progress_line(name) as progress:
        path = fetch_model(name, source=source, into=into, progress=progress)
    print(path, file=data_stream())


@contextmanager
def _progress_line(name: str) -> "Iterator[Callable[[int, int | None], None]]":
    """Count megabytes on standard error: in place on a terminal, once at the end elsewhere."""
    shown = sys.stderr.isatty()
    text = ""

    def tell(done: int, total: int | None) -> None:
        nonlocal text
        text = (
            f"{name}: {done / 1e6:.1f} of {total / 1e6:.1f} MB" if total else f"{name}: {done / 1e6:.1f} MB"
        )
        if shown:
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    try:
        yield tell
    finally:
        if shown and text:
            print(file=sys.stderr)
        elif text:
            say(text)
