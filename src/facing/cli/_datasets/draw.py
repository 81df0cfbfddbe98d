"""facing datasets draw: labels over their pictures."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated

import typer

from facing.cli._datasets._named import Source, keys_of, named_set, report_failed
from facing.cli._shared import data_stream

SHEETS = frozenset({".png", ".jpg", ".jpeg", ".webp"})


def draw(
    source: Source,
    out: Annotated[
        Path,
        typer.Option("--out", help="A .png, .jpg or .webp for one sheet, or a folder for single pictures."),
    ],
    count: Annotated[
        int, typer.Option("--count", min=1, help="How many pictures, spread evenly over the set.")
    ] = 48,
    styles: Annotated[
        str, typer.Option("--styles", help="Of axes, cube, arrow, label, box, landmarks, with commas.")
    ] = "axes,box,landmarks",
    side: Annotated[
        int, typer.Option("--side", min=48, max=1024, help="Of a picture in the sheet, pixels.")
    ] = 192,
    columns: Annotated[int, typer.Option("--columns", min=1, help="Pictures in a row of the sheet.")] = 8,
    keys: Annotated[
        Path | None, typer.Option("--keys", help="Draw only the pictures of this list, one key per line.")
    ] = None,
) -> None:
    """Draw labels over their pictures, as one sheet or as single pictures: look before you train.

    Exit code 3 says that a picture could not be drawn. Its Python twins are facing.datasets.draw.draw_sheet
    and draw_pictures.
    """
    from facing.datasets.draw import check_styles, draw_pictures, draw_sheet, spread_samples
    from facing.datasets.split import only
    from facing.output.sink import save_picture

    wanted = check_styles(word.strip() for word in styles.split(","))
    named = named_set(source)
    entries = only(named.reader.samples(named.path), keys=keys_of(keys))
    samples = spread_samples(entries, count=count)
    if out.suffix.lower() in SHEETS:
        sheet, failed = draw_sheet(samples, styles=wanted, side=side, columns=columns)
        save_picture(sheet, out)
        print(out, file=data_stream())
    else:
        written, failed = draw_pictures(samples, out, styles=wanted)
        print(f"{out}: {written} written", file=data_stream())
    report_failed(failed)


COMMAND = draw
