"""facing datasets select: pictures by pose, size and person."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated

import typer

from facing.cli._datasets._named import Source, named_set
from facing.cli._shared import data_stream

if TYPE_CHECKING:
    from facing.datasets.sample import Angle


def select(
    source: Source,
    out: Annotated[Path, typer.Option("--out", help="List to write, one key per line, as --keys takes it.")],
    yaw: Annotated[str | None, typer.Option("--yaw", help="A:B in degrees, such as -30:30.")] = None,
    pitch: Annotated[str | None, typer.Option("--pitch", help="A:B in degrees.")] = None,
    roll: Annotated[str | None, typer.Option("--roll", help="A:B in degrees.")] = None,
    smallest: Annotated[
        float, typer.Option("--min-side", min=0, help="Least longer side of the head box, pixels.")
    ] = 0.0,
    per_source: Annotated[
        int | None, typer.Option("--per-source", min=1, help="Most pictures of one person or photograph.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Equal seeds make equal choices.")] = 0,
) -> None:
    """Choose pictures by pose and size of the largest head, and so many of each person.

    Its Python twin is facing.datasets.choose.selected_keys.
    """
    from facing.datasets.choose import selected_keys
    from facing.errors import DataError
    from facing.output.sink import text_sink

    given: dict[Angle, str | None] = {"yaw": yaw, "pitch": pitch, "roll": roll}
    ranges = {angle: _range(text, angle=angle) for angle, text in given.items() if text is not None}
    named = named_set(source)
    entries = named.reader.samples(named.path)
    keys = selected_keys(entries, ranges=ranges, smallest=smallest, per_source=per_source, seed=seed)
    if not keys:
        raise DataError(f"{named.path}: no picture of {named.reader.title} is left; choose wider limits")
    with text_sink(out) as stream:
        stream.write("".join(f"{key}\n" for key in keys))
    print(f"{out}: {len(keys)} pictures", file=data_stream())


def _range(text: str, *, angle: Angle) -> tuple[float, float]:
    low, _, high = text.partition(":")
    try:
        limits = float(low), float(high)
    except ValueError:
        limits = 1.0, 0.0
    if not limits[0] <= limits[1]:
        raise typer.BadParameter(f"--{angle} {text} is not A:B with A <= B, such as -30:30")
    return limits


COMMAND = select
