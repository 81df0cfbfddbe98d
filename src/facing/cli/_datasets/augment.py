"""facing datasets augment: varied copies of pictures with classes."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated

import typer

from facing.cli._datasets._named import Source, keys_of, named_set, report_failed
from facing.cli._shared import data_stream, say


def augment(
    source: Source,
    out: Annotated[Path, typer.Option("--out", help="Folder for OUT/CLASS/*.png and a manifest.")],
    variants: Annotated[int, typer.Option("--variants", min=1, max=1000, help="Copies of each picture.")] = 8,
    side: Annotated[int, typer.Option("--side", min=32, max=1024, help="Side of a copy, pixels.")] = 256,
    seed: Annotated[int, typer.Option("--seed", help="Another seed gives other copies.")] = 0,
    keys: Annotated[
        Path | None, typer.Option("--keys", help="Take only the pictures of this list, one key per line.")
    ] = None,
) -> None:
    """Write varied copies of pictures with classes, as published for the orientation system.

    Split first and vary one part at a time (--keys): copies of one picture must not meet again across a
    split. Exit code 3 says that a picture could not be read. Its Python twin is
    facing.datasets.augment.augment_set.
    """
    from facing.datasets.augment import augment_set
    from facing.datasets.split import only

    named = named_set(source)
    entries = only(named.reader.samples(named.path), keys=keys_of(keys))
    tally = augment_set(entries, out, variants=variants, side=side, seed=seed)
    print(f"{out}: {tally.written} written", file=data_stream())
    for reason, count in tally.left_out.most_common():
        say(f"facing: {count} left out ({reason})")
    report_failed(tally.failed)


COMMAND = augment
