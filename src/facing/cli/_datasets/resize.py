"""facing datasets resize: whole pictures in another size and shape."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated

import typer

from facing.cli._datasets._named import Source, keys_of, named_set, report_failed
from facing.cli._shared import data_stream, say


def resize(
    source: Source,
    out: Annotated[Path, typer.Option("--out", help="Folder for one .png per picture and heads.csv.")],
    side: Annotated[
        int | None, typer.Option("--side", min=16, max=16384, help="Longer side of the result, pixels.")
    ] = None,
    aspect: Annotated[
        float | None,
        typer.Option("--aspect", min=0.1, max=10, help="Height over width, such as 0.5625; adds black bars."),
    ] = None,
    stretch: Annotated[
        bool,
        typer.Option("--stretch", help="Squeeze to --aspect, for pixels that were not square; no bars."),
    ] = False,
    keys: Annotated[
        Path | None, typer.Option("--keys", help="Take only the pictures of this list, one key per line.")
    ] = None,
) -> None:
    """Write whole pictures in another size, with their labels in heads.csv.

    Exit code 3 says that a picture could not be read. Its Python twin is facing.datasets.resize.resize_set.
    """
    from facing.datasets.resize import ResizeRule, resize_set
    from facing.datasets.split import only

    if side is None and aspect is None:
        raise typer.BadParameter("give --side, --aspect or both")
    if stretch and aspect is None:
        raise typer.BadParameter("--stretch needs --aspect")
    rule = ResizeRule(side=side, aspect=aspect, stretch=stretch)
    named = named_set(source)
    tally = resize_set(only(named.reader.samples(named.path), keys=keys_of(keys)), out, rule=rule)
    print(f"{out}: {tally.written} heads written", file=data_stream())
    for reason, count in tally.left_out.most_common():
        say(f"facing: {count} left out ({reason})")
    report_failed(tally.failed)


COMMAND = resize
