"""NAME:PATH on the command line: which reader, and where the files lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facing.cli._shared import say
from facing.datasets.sample import ANGLES, load_reader
from facing.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facing.datasets.sample import Angle, Reader

SHOWN = 10

Source = Annotated[
    str,
    typer.Argument(metavar="NAME:PATH", help="A set and where it lies, such as aflw2000:pictures/AFLW2000."),
]


@dataclass(frozen=True, slots=True)
class NamedSet:
    """A set as it was typed."""

    name: str
    reader: Reader
    path: Path


def named_set(text: str) -> NamedSet:
    """Read NAME:PATH.

    Raises:
        typer.BadParameter: it is not of that form.
        UnknownNameError: there is no such reader.
    """
    name, colon, path = text.partition(":")
    if not (name and colon and path):
        raise typer.BadParameter(f"{text} is not NAME:PATH, such as aflw2000:pictures/AFLW2000")
    return NamedSet(name, load_reader(name), Path(path))


def angles_of(text: str) -> tuple[Angle, ...]:
    """Read angles parted by commas.

    Raises:
        UnknownNameError: one is none of yaw, pitch, roll.
    """
    wanted = [word.strip() for word in text.split(",")]
    for word in wanted:
        if word not in ANGLES:
            raise UnknownNameError.among(word, kind="angle", known=ANGLES)
    return tuple(angle for angle in ANGLES if angle in wanted)


def keys_of(path: Path | None) -> frozenset[str] | None:
    """Read a list of keys, one per line; None stays None."""
    from facing.datasets.split import read_keys

    return None if path is None else read_keys(path)


def report_failed(failed: Sequence[tuple[str, str]]) -> None:
    """Name the pictures that could not be read, the first of many, and leave with exit code 3.

    Args:
        failed: key and reason of each; nothing happens where there are none.

    Raises:
        typer.Exit: code 3, where there are some.
    """
    for key, reason in failed[:SHOWN]:
        say(f"facing: {key} failed: {reason}")
    if len(failed) > SHOWN:
        say(f"facing: {len(failed)} pictures failed in all")
    if failed:
        raise typer.Exit(3)
