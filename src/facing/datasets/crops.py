"""Heads of a set cut by the crop contract, with their labels beside them."""

from __future__ import annotations

import csv
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from facing.crop import crop_heads
from facing.datasets.convert import Tally, file_name
from facing.datasets.converters.csv import COLUMNS, head_row
from facing.datasets.sample import LeftOut, sample_pixels
from facing.errors import BoxError, FacingError
from facing.output.sink import save_picture, text_sink

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from facing.crop import CropSpec
    from facing.datasets.sample import LabelledHead, Sample


def crop_set(entries: Iterable[Sample | LeftOut], out: Path, *, spec: CropSpec) -> Tally:
    """Cut every head of a set by the crop contract and write the labels beside the crops.

    Args:
        entries: of `Reader.samples`.
        out: folder for one PNG per head and `heads.csv`, which the reader `csv` reads; boxes in it are in
            pixels of the crop.
        spec: how to cut.

    Returns:
        Counts; a picture that cannot be read is in `failed` and stops nothing.

    Raises:
        DataError: the folder cannot be written, or holds not the set.
    """
    tally = Tally()
    with text_sink(out / "heads.csv") as stream:
        table = csv.DictWriter(stream, COLUMNS, restval="", lineterminator="\n")
        table.writeheader()
        for entry in entries:
            if isinstance(entry, LeftOut):
                tally.left_out[entry.reason] += 1
                continue
            for name, head in _cropped(entry, out, spec=spec, tally=tally):
                table.writerow({"picture": name, "source": entry.source or entry.key, **head_row(head)})
                tally.written += 1
    return tally


def _cropped(
    sample: Sample, out: Path, *, spec: CropSpec, tally: Tally
) -> Iterator[tuple[str, LabelledHead]]:
    """Write the crops of one picture; give their names and the heads in crop pixels."""
    try:
        pixels = sample_pixels(sample)
    except (FacingError, OSError) as error:
        tally.failed.append((sample.key, str(error)))
        return
    height, width = pixels.shape[:2]
    for place, head in enumerate(sample.heads):
        box = np.array((0, 0, width, height) if head.box is None else head.box, dtype=np.float64)
        try:
            crops, (crop_from_picture,) = crop_heads(pixels, box[None], spec)
        except BoxError:
            tally.left_out["head box misses the picture or has no area"] += 1
            continue
        suffix = f".head{place}" if len(sample.heads) > 1 else ""
        name = f"{file_name(sample.key)}{suffix}.png"
        save_picture(crops[0], out / name)
        corners = box.reshape(2, 2) @ crop_from_picture[:, :2].T + crop_from_picture[:, 2]
        x0, y0, x1, y1 = corners.ravel().tolist()
        yield name, replace(head, box=(x0, y0, x1, y1))
