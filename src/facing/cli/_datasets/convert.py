"""facing datasets convert: a set into shards, the four folders of the compact system, CSV or a list."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated

import typer

from facing.cli._datasets._named import Source, keys_of, named_set, report_failed
from facing.cli._shared import data_stream, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from facing.datasets.convert import Tally


def convert(
    source: Source,
    out: Annotated[Path, typer.Option("--out", help="Folder to write; what lies there already is kept.")],
    form: Annotated[
        str, typer.Option("--format", help="shards, quat-folder, csv, list or pyramid-list.")
    ] = "shards",
    max_angle: Annotated[
        float, typer.Option("--max-angle", min=0, max=180, help="Leave out larger angles; 180 keeps all.")
    ] = 99.0,
    side: Annotated[
        int, typer.Option("--side", min=32, max=1024, help="Pixels of a picture in shards.")
    ] = 160,
    scale: Annotated[
        float, typer.Option("--scale", min=1, max=5, help="Region cut for shards, in sides of the head box.")
    ] = 1.9,
    keys: Annotated[
        Path | None, typer.Option("--keys", help="Take only the pictures of this list, one key per line.")
    ] = None,
    shard: Annotated[
        str, typer.Option("--shard", help="This call's part, i/n with 0 <= i < n; others run elsewhere.")
    ] = "0/1",
) -> None:
    """Write a set in another form: shards for training, the four folders of the compact system, CSV, a list.

    Killed at any moment, the same command goes on where it stopped. Exit code 3 says that a picture could not
    be read; the others are written. Its Python twin is facing.datasets.convert.convert.
    """
    from facing.cli.synth import part_of
    from facing.datasets.convert import ConvertJob
    from facing.datasets.convert import convert as convert_set
    from facing.terms import stated_terms

    named = named_set(source)
    job = ConvertJob(
        name=named.name,
        reader=named.reader,
        path=named.path,
        out=out,
        max_angle=max_angle,
        side=side,
        scale=scale,
        part=part_of(shard),
        keys=keys_of(keys),
    )
    with _counter() as update:
        tally = convert_set(job, form=form, progress=update)
    _report(tally, out=out)
    terms = stated_terms(out)
    if terms is not None and not terms["may_train_shipped_weights"]:
        say(f"facing: licence of {terms['title']}: {terms['licence']}")
    report_failed(tally.failed)


@contextmanager
def _counter() -> Iterator[Callable[[int], None]]:
    """Count pictures on standard error where it is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    try:
        yield lambda count: print(f"\r{count} pictures", end="", file=sys.stderr, flush=True)
    finally:
        print("\r\033[K", end="", file=sys.stderr)


def _report(tally: Tally, *, out: Path) -> None:
    kept = f", {tally.kept} files kept" if tally.kept else ""
    print(f"{out}: {tally.written} written{kept}", file=data_stream())
    for reason, count in tally.left_out.most_common():
        say(f"facing: {count} left out ({reason})")


COMMAND = convert
