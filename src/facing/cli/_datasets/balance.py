"""facing datasets balance: a choice of pictures that is even over an angle."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated

import typer

from facing.cli._datasets._named import Source, angles_of, named_set
from facing.cli._shared import data_stream


def balance(
    source: Source,
    out: Annotated[Path, typer.Option("--out", help="List to write, one key per line, as --keys takes it.")],
    per_bin: Annotated[int, typer.Option("--per-bin", min=1, help="Most pictures of one bin.")],
    by: Annotated[str, typer.Option("--by", help="yaw, pitch or roll.")] = "yaw",
    width: Annotated[float, typer.Option("--bin", min=0.1, help="Width of a bin in degrees.")] = 15.0,
    seed: Annotated[int, typer.Option("--seed", help="Equal seeds make equal choices.")] = 0,
) -> None:
    """Choose pictures so that no range of an angle has more than --per-bin.

    Its Python twin is facing.datasets.choose.balanced_keys.
    """
    from facing.datasets.choose import balanced_keys
    from facing.errors import DataError
    from facing.output.sink import text_sink

    angles = angles_of(by)
    if len(angles) != 1:
        raise typer.BadParameter(f"--by {by} names {len(angles)} angles; give one")
    named = named_set(source)
    entries = named.reader.samples(named.path)
    keys = balanced_keys(entries, by=angles[0], per_bin=per_bin, width=width, seed=seed)
    if not keys:
        raise DataError(
            f"{named.path}: no head of {named.reader.title} states its {by}; choose another angle"
        )
    with text_sink(out) as stream:
        stream.write("".join(f"{key}\n" for key in keys))
    print(f"{out}: {len(keys)} pictures", file=data_stream())


COMMAND = balance
