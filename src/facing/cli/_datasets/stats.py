"""facing datasets stats: counts and histograms of a set."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from facing.cli._datasets._named import Source, angles_of, named_set
from facing.cli._shared import data_stream


def stats(
    source: Source,
    by: Annotated[
        str, typer.Option("--by", help="Angles to draw bins of: yaw, pitch, roll, with commas.")
    ] = ("yaw,pitch,roll"),
    width: Annotated[float, typer.Option("--bin", min=0.1, help="Width of a bin in degrees.")] = 15.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Count a set: pictures, heads, sources, classes, and how angles and box sizes are spread.

    Its Python twins are facing.datasets.stats.count_set, stats_text and stats_dict.
    """
    from facing.datasets.stats import count_set, stats_dict, stats_text

    wanted = angles_of(by)
    named = named_set(source)
    counts = count_set(named.reader.samples(named.path))
    if as_json:
        print(json.dumps(stats_dict(counts, by=wanted, width=width), indent=1), file=data_stream())
    else:
        print(f"{named.name}: {stats_text(counts, by=wanted, width=width)}", file=data_stream())


COMMAND = stats
