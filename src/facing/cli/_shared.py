"""What every command does alike: talk, data and progress, each on its stream."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from facing.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    import typer

RECIPES = Path(__file__).parents[1] / "recipes"


def say(text: str) -> None:
    """Talk to the user, on standard error."""
    print(text, file=sys.stderr)


def data_stream() -> TextIO:
    """Give standard output as UTF-8 with line feeds, so that the same input gives the same bytes everywhere.

    File names that are no valid Unicode keep their bytes.

    Raises:
        DataError: there is no standard output.
    """
    stream = sys.stdout
    if stream is None:  # the shell closed it: >&-
        raise DataError("standard output is closed; send it to a file or a pipe")
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(encoding="utf-8", errors=sys.getfilesystemencodeerrors(), newline="\n")
    return stream


def given_by_user(context: typer.Context) -> set[str]:
    """Name the parameters that the user gave, be it with their usual values, as Python spells them."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"}


def refuse_given(context: typer.Context, names: Collection[str], *, because: str) -> None:
    """Refuse options that would do nothing.

    Args:
        context: of the command.
        names: of its parameters, as Python spells them.
        because: why they would do nothing.

    Raises:
        typer.BadParameter: the user gave one of them, be it with its usual value.
    """
    import typer

    given = given_by_user(context)
    for parameter in context.command.params:
        if parameter.name in names and parameter.name in given:
            option = max(parameter.opts, key=len)
            raise typer.BadParameter(f"{option} does nothing here: {because}; leave it out")


def shipped_recipes() -> dict[str, Path]:
    """Give the files of the recipes that come with the package, by name."""
    return {path.stem: path for path in sorted(RECIPES.glob("*.toml"))}


@contextmanager
def heard_log() -> Iterator[None]:
    """Say what the library logs, warnings and what it does to data, each sentence once."""
    log = logging.getLogger("facing")
    ear = _Ear()
    before = log.level
    log.addHandler(ear)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(ear)
        log.setLevel(before)


class _Ear(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text not in self.said:
            self.said.add(text)
            say(text)


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
