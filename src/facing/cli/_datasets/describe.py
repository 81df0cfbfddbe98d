"""facing datasets describe: what is known about a set."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated

import typer

from facing.cli._shared import data_stream


def describe(
    name: Annotated[str, typer.Argument(metavar="NAME", help="One of: facing datasets list.")],
    path: Annotated[
        Path | None, typer.Argument(metavar="[PATH]", help="Where the set lies, to count what is there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Say what is known about a set: licence, labels, signs, head box; with PATH also what lies there.

    Its Python twins are facing.datasets.describe.set_text and facing.datasets.stats.count_set.
    """
    from facing.datasets.describe import set_facts, set_text
    from facing.datasets.sample import load_reader
    from facing.datasets.stats import count_set, ranges_text, stats_dict
    from facing.terms import stated_terms

    reader = load_reader(name)
    counts = None if path is None else count_set(reader.samples(path))
    origin = None if path is None else stated_terms(path)
    if as_json:
        facts = set_facts(reader, name=name)
        if counts is not None:
            facts["converted_from"] = origin
            facts["found"] = stats_dict(counts, by=())
        print(json.dumps(facts, indent=1), file=data_stream())
        return
    print(set_text(reader, name=name), file=data_stream())
    if counts is not None:
        if origin is not None:
            word = "" if origin["title"] == reader.title else "converted from "
            print(f"\n{word}{origin['title']}: {origin['licence']}", file=data_stream())
        print(f"\n{path}:", *ranges_text(counts), sep="\n", file=data_stream())


COMMAND = describe
