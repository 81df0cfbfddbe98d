"""facing datasets check: the doctor."""

from __future__ import annotations

import json
import sys
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated

import typer

from facing.cli._datasets._named import keys_of, named_set
from facing.cli._shared import data_stream

if TYPE_CHECKING:
    from facing.datasets.doctor import Report

EVERY = 20  # pictures between two words of progress


def check(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME:PATH...", help="Sets and where they lie, such as aflw2000:pictures/AFLW2000."
        ),
    ],
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the reports here, with all keys.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Look at this many pictures of each set only.")
    ] = None,
    keys: Annotated[
        Path | None, typer.Option("--keys", help="Check only the pictures of this list, one key per line.")
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:PATH", help="Another split, to find what is in both; several times."),
    ] = None,
    against_keys: Annotated[
        Path | None, typer.Option("--against-keys", help="Only the pictures of this list are in that split.")
    ] = None,
    max_angle: Annotated[
        float, typer.Option("--max-angle", min=1, help="Report angles over this many degrees.")
    ] = 99.0,
    look_at: Annotated[
        int, typer.Option("--look-at", min=0, help="Pictures that are compared with our own networks.")
    ] = 60,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Threads of one network call.")
    ] = None,
) -> None:
    """Find what is wrong with labelled sets: files, labels, signs, landmarks, boxes, copies and leaks.

    Every finding says what, how often, where, and what to do. Exit code 3 says that there are faults.

    One set is written to --json as one object, several as {"schema": 1, "sets": [...]}. Its Python twins are
    facing.datasets.doctor.check_set and report_text.
    """
    from facing.datasets.doctor import check_set, report_text, survey
    from facing.datasets.split import only
    from facing.output.sink import text_sink

    sets = [named_set(text) for text in sources]
    chosen, other_keys = keys_of(keys), keys_of(against_keys)
    others = []
    for text in against or ():
        other = named_set(text)
        entries = only(other.reader.samples(other.path), keys=other_keys)
        others.append((against_keys.name if against_keys else text, survey(entries, progress=_progress)))
    reports: list[Report] = []
    for one in sets:
        report = check_set(
            one.reader,
            one.path,
            limit=limit,
            keys=chosen,
            most_deg=max_angle,
            look_at=look_at,
            against=others,
            threads=threads,
            progress=_progress,
        )
        _clear()
        reports.append(report)
        print(report_text(report), end="\n" if one is sets[-1] else "\n\n", file=data_stream())
    if json_file is not None:
        rows = [report.to_dict() for report in reports]
        content = rows[0] if len(rows) == 1 else {"schema": 1, "sets": rows}
        with text_sink(json_file) as stream:
            stream.write(json.dumps(content, indent=1, allow_nan=False) + "\n")
    if not all(report.healthy for report in reports):
        raise typer.Exit(3)


def _progress(what: str, done: int) -> None:
    if sys.stderr.isatty() and done % EVERY == 0:
        print(f"\r\033[K{done} {what}", end="", file=sys.stderr, flush=True)


def _clear() -> None:
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


COMMAND = check
