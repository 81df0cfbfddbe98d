"""facing datasets list: every set that can be read."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from facing.cli._shared import data_stream, say


def list_sets(
    form: Annotated[str, typer.Option("--format", help="table or json.")] = "table",
) -> None:
    """List every set that can be read, its licence and whether weights trained on it may be shipped.

    Its Python twins are facing.datasets.sample.reader_names and load_reader.
    """
    from facing.datasets.describe import set_facts, set_table
    from facing.datasets.sample import load_reader, reader_names

    if form not in {"table", "json"}:
        raise typer.BadParameter(f"--format {form} is neither table nor json")
    sets = [(name, load_reader(name)) for name in reader_names()]
    if form == "json":
        facts = [set_facts(reader, name=name) for name, reader in sets]
        print(json.dumps(facts, indent=1), file=data_stream())
        return
    print(set_table(sets), file=data_stream())
    say("\nMore: facing datasets describe NAME")


COMMAND = list_sets
