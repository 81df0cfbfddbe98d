"""facing datasets crop: heads cut by the crop contract."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated

import typer

from facing.cli._datasets._named import Source, keys_of, named_set, report_failed
from facing.cli._shared import data_stream, say

if TYPE_CHECKING:
    from facing.crop import CropSpec


def crop(
    source: Source,
    out: Annotated[Path, typer.Option("--out", help="Folder for one .png per head and heads.csv.")],
    rule: Annotated[
        str, typer.Option("--crop", help="A published rule, such as hopenet, or a side in pixels.")
    ] = "112",
    margin: Annotated[
        float | None,
        typer.Option("--margin", min=-0.4, max=4, help="Room on every side, in parts of the head box."),
    ] = None,
    keys: Annotated[
        Path | None, typer.Option("--keys", help="Cut only the pictures of this list, one key per line.")
    ] = None,
) -> None:
    """Cut heads out by our crop rule or a published one, with their labels in heads.csv.

    Every rule starts from the head box here; some published ones start from landmarks or a face box.
    Exit code 3 says that a picture could not be read. Its Python twin is facing.datasets.crops.crop_set.
    """
    from facing.datasets.crops import crop_set
    from facing.datasets.split import only

    spec = _spec(rule, margin=margin)
    named = named_set(source)
    tally = crop_set(only(named.reader.samples(named.path), keys=keys_of(keys)), out, spec=spec)
    print(f"{out}: {tally.written} written", file=data_stream())
    for reason, count in tally.left_out.most_common():
        say(f"facing: {count} left out ({reason})")
    report_failed(tally.failed)


def _spec(rule: str, *, margin: float | None) -> CropSpec:
    from dataclasses import replace

    from facing.crop import PUBLISHED, CropSpec
    from facing.errors import UnknownNameError

    if rule.isdigit() and 1 <= int(rule) <= 4096:
        spec = CropSpec(side=int(rule))
    elif rule in PUBLISHED:
        spec = PUBLISHED[rule]
    else:
        raise UnknownNameError.among(rule, kind="crop rule", known=(*PUBLISHED, "a side in pixels"))
    # A margin of one's own takes the place of the rule's margins and scale.
    return spec if margin is None else replace(spec, margins=(margin,) * 4, scale=1.0)


COMMAND = crop
