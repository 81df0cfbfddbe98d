"""Whole pictures of a set in another size and shape, with their labels beside them."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from facing.datasets.convert import Tally, file_name
from facing.datasets.converters.csv import COLUMNS, head_row
from facing.datasets.sample import LeftOut, sample_pixels
from facing.errors import DataError, FacingError
from facing.output.sink import save_picture, text_sink

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from facing.datasets.sample import LabelledHead, Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizeRule:
    """How a picture is brought to its new size.

    Attributes:
        side: longer side of the result in pixels; None keeps the scale.
        aspect: height over width of the result; None keeps that of the picture.
        stretch: squeeze or stretch to `aspect`, right only for cameras whose pixels are not square. Otherwise
            black bars are added, and heads keep their shape and so their pose.
    """

    side: int | None = None
    aspect: float | None = None
    stretch: bool = False

    def __post_init__(self) -> None:
        """Check every field."""
        if self.side is None and self.aspect is None:
            raise DataError("a side or an aspect must be given, else nothing changes")
        if self.aspect is not None and not 0.1 <= self.aspect <= 10:
            raise DataError(f"the aspect is {self.aspect}; give height over width from 0.1 to 10")


def resize_set(entries: Iterable[Sample | LeftOut], out: Path, *, rule: ResizeRule) -> Tally:
    """Write every picture of a set in its new size, and the labels beside them.

    Args:
        entries: of `Reader.samples`.
        out: folder for one PNG per picture and `heads.csv`, which the reader `csv` reads; boxes in it are in
            pixels of the new pictures.
        rule: the new size.

    Returns:
        Counts of heads; a picture that cannot be read is in `failed` and stops nothing.

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
            try:
                pixels = sample_pixels(entry)
            except (FacingError, OSError) as error:
                tally.failed.append((entry.key, str(error)))
                continue
            resized, new_from_old = resize_picture(pixels, rule)
            name = f"{file_name(entry.key)}.png"
            save_picture(resized, out / name)
            for head in entry.heads:
                moved = _moved(head, size=(pixels.shape[1], pixels.shape[0]), new_from_old=new_from_old)
                table.writerow({"picture": name, "source": entry.source or entry.key, **head_row(moved)})
                tally.written += 1
    return tally


def resize_picture(
    pixels: NDArray[np.uint8], rule: ResizeRule
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Bring a picture to its new size.

    Args:
        pixels: (H, W, 3) RGB uint8.
        rule: the new size.

    Returns:
        The picture, and (2, 3): pixel edges of the new picture from those of the old one.
    """
    height, width = pixels.shape[:2]
    frame = np.array([width, height], dtype=np.float64)
    if rule.aspect is not None and not rule.stretch:
        frame = np.maximum(frame, (height / rule.aspect, width * rule.aspect))
    elif rule.aspect is not None:
        frame[1] = width * rule.aspect
    scale = 1.0 if rule.side is None else rule.side / frame.max()
    new_width, new_height = (max(round(edge), 1) for edge in (frame * scale).tolist())
    if rule.aspect is None or rule.stretch:
        factors = np.array([new_width / width, new_height / height])
        inner = (new_width, new_height)
    else:
        factors = np.array([scale, scale])
        inner = (min(max(round(width * scale), 1), new_width), min(max(round(height * scale), 1), new_height))
    small = np.asarray(Image.fromarray(pixels).resize(inner, Image.Resampling.BILINEAR))
    left, top = (new_width - inner[0]) // 2, (new_height - inner[1]) // 2
    canvas = np.zeros((new_height, new_width, 3), dtype=np.uint8)
    canvas[top : top + inner[1], left : left + inner[0]] = small
    return canvas, np.column_stack([np.diag(factors), (left, top)])


def _moved(head: LabelledHead, *, size: tuple[int, int], new_from_old: NDArray[np.float64]) -> LabelledHead:
    """Move the box of a head; where the whole picture is the head it stays what the picture was."""
    box = np.array((0, 0, *size) if head.box is None else head.box, dtype=np.float64)
    x0, y0, x1, y1 = (box.reshape(2, 2) @ new_from_old[:, :2].T + new_from_old[:, 2]).ravel().tolist()
    return replace(head, box=(x0, y0, x1, y1))
