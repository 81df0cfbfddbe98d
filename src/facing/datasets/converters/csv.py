"""One table, `heads.csv`, as the `csv` reader reads it: one row per head, paths relative to the table."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facing.datasets.convert import Converter, file_name
from facing.datasets.readers.csv import BOX, TURNS
from facing.datasets.sample import ANGLES, sample_pixels
from facing.datasets.stats import head_angles
from facing.errors import FacingError
from facing.output.sink import save_picture, text_sink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facing.datasets.convert import ConvertJob, Tally
    from facing.datasets.sample import LabelledHead, Sample

COLUMNS = ("picture", *BOX, *ANGLES, *TURNS, "label", "source")


def write_table(job: ConvertJob, samples: Iterator[Sample], tally: Tally) -> None:
    """Write `heads.csv`, whole or not at all.

    Pictures stay where they are; those of shards and array files are written to `pictures` first. The
    rotation is written where yaw, pitch and roll are all known.
    """
    with text_sink(job.out / "heads.csv") as stream:
        table = csv.DictWriter(stream, COLUMNS, restval="", lineterminator="\n")
        table.writeheader()
        for sample in samples:
            try:
                picture = _placed(sample, out=job.out)
            except (FacingError, OSError) as error:
                tally.failed.append((sample.key, str(error)))
                continue
            for head in sample.heads:
                table.writerow({"picture": picture, "source": sample.source, **head_row(head)})
                tally.written += 1


def head_row(head: LabelledHead) -> dict[str, Any]:
    """Give what is known of one head, by column; boxes to 0.01 pixels, angles to 0.0001 degrees."""
    row: dict[str, Any] = {} if head.label is None else {"label": head.label}
    if head.box is not None:
        row |= {name: round(edge, 2) for name, edge in zip(BOX, head.box, strict=True)}
    row |= {angle: round(value, 4) for angle, value in head_angles(head).items()}
    if head.rotation is not None and set(head.known) == set(ANGLES):
        row |= dict(zip(TURNS, head.rotation.round(8).ravel().tolist(), strict=True))
    return row


def _placed(sample: Sample, *, out: Path) -> str:
    """Give the path of a picture relative to the table, with slashes; a stored one is written first."""
    if isinstance(sample.picture, Path):
        path = sample.picture.resolve()
        try:
            return Path(os.path.relpath(path, out.resolve())).as_posix()
        except ValueError:  # another drive
            return path.as_posix()
    name = f"pictures/{file_name(sample.key)}.png"
    if not (out / name).exists():
        save_picture(sample_pixels(sample), out / name)
    return name


CONVERTER = Converter(title="one table, a row per head", write=write_table, in_parts=False)
