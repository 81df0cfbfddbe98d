"""facing datasets split: parts that share no person and no photograph."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated

import typer

from facing.cli._datasets._named import Source, named_set
from facing.cli._shared import data_stream, say


def split(
    source: Source,
    out: Annotated[
        Path, typer.Option("--out", help="A .json file for all parts, or a folder for one list per part.")
    ],
    parts: Annotated[str, typer.Option("--parts", help="Names and shares.")] = "train=0.8,val=0.2",
    seed: Annotated[int, typer.Option("--seed", help="Equal seeds give equal splits.")] = 0,
    by: Annotated[
        str, typer.Option("--by", help="Keep together: source (person, photograph) or picture.")
    ] = "source",
) -> None:
    """Split a set into parts that share no person and no photograph; the lists are taken by --keys.

    Its Python twin is facing.datasets.split.split_keys.
    """
    from facing.datasets.split import Together, split_keys
    from facing.output.sink import text_sink

    if by not in {"source", "picture"}:
        raise typer.BadParameter(f"--by {by} is neither source nor picture")
    together: Together = "source" if by == "source" else "picture"
    shares = _shares(parts)
    named = named_set(source)
    found = split_keys(named.reader.samples(named.path), parts=shares, seed=seed, by=together)
    if out.suffix == ".json":
        content = {"schema": 1, "set": named.name, "seed": seed, "by": by, "parts": found}
        with text_sink(out) as stream:
            stream.write(json.dumps(content, indent=1) + "\n")
    else:
        for name, keys in found.items():
            with text_sink(out / f"{name}.txt") as stream:
                stream.write("".join(f"{key}\n" for key in keys))
    for name, keys in found.items():
        print(f"{name} {len(keys)}", file=data_stream())
    say(f"facing: written to {out}")


def _shares(text: str) -> dict[str, float]:
    shares: dict[str, float] = {}
    for word in text.split(","):
        name, equals, share = word.strip().partition("=")
        try:
            value = float(share)
        except ValueError:
            value = 0.0
        if not (name.isidentifier() and equals and 0 < value < float("inf")) or name in shares:
            raise typer.BadParameter(f"--parts {text} is not NAME=SHARE,..., such as train=0.8,val=0.2")
        shares[name] = value
    return shares


COMMAND = split
