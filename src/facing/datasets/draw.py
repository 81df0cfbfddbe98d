"""Labels drawn over their pictures, one by one or as a contact sheet: to look at before training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from facing.crop import CropSpec, crop_heads
from facing.datasets.convert import file_name
from facing.datasets.sample import Sample, sample_pixels
from facing.errors import DataError, FacingError, UnknownNameError
from facing.output.drawing import STYLES as HEAD_STYLES
from facing.output.drawing import draw
from facing.output.labels import SMALLEST
from facing.output.sink import save_picture
from facing.pose import HeadPose

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from facing.datasets.sample import LabelledHead, LeftOut

STYLES = (*HEAD_STYLES, "landmarks")
DEFAULT_STYLES = ("axes", "box", "landmarks")
LONGEST = 1600
"""Longer side of a single drawn picture, pixels."""
ROOM = 1.9
"""Region shown of a picture with one head, in sides of its head box."""
INKS = ((64, 192, 87), (255, 193, 7), (51, 154, 240), (240, 62, 62))
"""One for each of a head's sets of landmarks, in the order of their names."""
CAPTION = 16


def check_styles(styles: Iterable[str]) -> frozenset[str]:
    """Refuse styles that do not exist.

    Raises:
        UnknownNameError: a style is none of `STYLES`.
    """
    wanted = frozenset(styles)
    for style in sorted(wanted - set(STYLES)):
        raise UnknownNameError.among(style, kind="drawing style", known=STYLES)
    return wanted


def spread_samples(entries: Iterable[Sample | LeftOut], *, count: int) -> list[Sample]:
    """Pick samples spread evenly over a set, in its order; all of them where there are fewer.

    At most 2 * `count` samples are held at a time, for sets of any size.
    """
    kept: list[Sample] = []
    step = 1
    for place, sample in enumerate(entry for entry in entries if isinstance(entry, Sample)):
        if place % step == 0:
            kept.append(sample)
        if len(kept) > 2 * count:
            kept, step = kept[::2], 2 * step
    if len(kept) <= count:
        return kept
    return [kept[(2 * k + 1) * len(kept) // (2 * count)] for k in range(count)]


def draw_sample(sample: Sample, *, styles: Collection[str] = DEFAULT_STYLES) -> NDArray[np.uint8]:
    """Draw the labels of one picture over it.

    Args:
        sample: picture and heads.
        styles: any of `STYLES`.

    Returns:
        (H, W, 3) uint8; a picture larger than `LONGEST` comes back smaller.

    Raises:
        PictureError, DataError: the picture cannot be read.
        UnknownNameError: a style is none of `STYLES`.
    """
    wanted = check_styles(styles)
    pixels = sample_pixels(sample)
    height, width = pixels.shape[:2]
    shrunk = min(1.0, LONGEST / max(width, height))
    size = (max(1, round(width * shrunk)), max(1, round(height * shrunk)))
    affine = np.array([[size[0] / width, 0, 0], [0, size[1] / height, 0]])
    fitted = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0))
    return _drawn(fitted, sample.heads, affine=affine, frame=(width, height), styles=wanted)


def draw_tile(sample: Sample, *, side: int, styles: Collection[str] = DEFAULT_STYLES) -> NDArray[np.uint8]:
    """Draw one picture for a sheet: the region around its only head, or the whole picture fitted in.

    Args:
        sample: picture and heads.
        side: S of the tile, pixels.
        styles: any of `STYLES`.

    Returns:
        (S, S, 3) uint8, black outside the picture.

    Raises:
        PictureError, DataError, BoxError: the picture cannot be read, or its box misses it.
        UnknownNameError: a style is none of `STYLES`.
    """
    wanted = check_styles(styles)
    pixels = sample_pixels(sample)
    height, width = pixels.shape[:2]
    region, scale = (0.0, 0.0, float(width), float(height)), 1.0
    if len(sample.heads) == 1 and sample.heads[0].box is not None:
        region, scale = sample.heads[0].box, ROOM
    cut, crop_from_picture = crop_heads(pixels, [region], CropSpec(side=side, scale=scale))
    return _drawn(cut[0], sample.heads, affine=crop_from_picture[0], frame=(width, height), styles=wanted)


def draw_sheet(
    samples: Sequence[Sample], *, styles: Collection[str] = DEFAULT_STYLES, side: int = 192, columns: int = 8
) -> tuple[NDArray[np.uint8], list[tuple[str, str]]]:
    """Draw a contact sheet, each picture with its key below.

    Args:
        samples: in the order wanted.
        styles: any of `STYLES`.
        side: of a tile, pixels.
        columns: tiles in a row.

    Returns:
        (H, W, 3) uint8, and key and reason of each picture that could not be drawn; its tile stays grey.

    Raises:
        DataError: there are no samples.
        UnknownNameError: a style is none of `STYLES`.
    """
    if not samples:
        raise DataError("there is no picture to draw; name a set that holds some")
    check_styles(styles)
    columns = min(columns, len(samples))
    rows = -(-len(samples) // columns)
    sheet = Image.new("RGB", (columns * side, rows * (side + CAPTION)), (52, 58, 64))
    pen = ImageDraw.Draw(sheet)
    failed: list[tuple[str, str]] = []
    for place, sample in enumerate(samples):
        x, y = place % columns * side, place // columns * (side + CAPTION)
        try:
            sheet.paste(Image.fromarray(draw_tile(sample, side=side, styles=styles)), (x, y))
        except (FacingError, OSError) as error:
            failed.append((sample.key, str(error)))
        pen.text((x + 2, y + side + 1), _caption(sample, pen=pen, width=side - 4), fill=(222, 226, 230))
    return np.asarray(sheet), failed


def draw_pictures(
    samples: Iterable[Sample], out: Path, *, styles: Collection[str] = DEFAULT_STYLES
) -> tuple[int, list[tuple[str, str]]]:
    """Write one drawn picture per sample into a folder.

    Args:
        samples: pictures and heads.
        out: folder, made where it is not there.
        styles: any of `STYLES`.

    Returns:
        How many were written, and key and reason of each that could not be drawn.

    Raises:
        DataError: the folder cannot be written.
        UnknownNameError: a style is none of `STYLES`.
    """
    check_styles(styles)
    written, failed = 0, []
    for sample in samples:
        try:
            drawn = draw_sample(sample, styles=styles)
        except (FacingError, OSError) as error:
            failed.append((sample.key, str(error)))
            continue
        save_picture(drawn, out / f"{file_name(sample.key)}.jpg")
        written += 1
    return written, failed


def _drawn(
    picture: NDArray[np.uint8],
    heads: Sequence[LabelledHead],
    *,
    affine: NDArray[np.float64],
    frame: tuple[int, int],
    styles: frozenset[str],
) -> NDArray[np.uint8]:
    """Draw heads into a picture that `affine` made of one of the size `frame`."""
    posed = [(head, _pose(head, affine=affine, frame=frame)) for head in heads]
    turned = [pose for head, pose in posed if head.rotation is not None]
    flat = [pose for head, pose in posed if head.rotation is None]
    picture = draw(picture, turned, styles=styles - {"landmarks"})
    if "box" in styles:
        picture = draw(picture, flat, styles=("box",))
    canvas = Image.fromarray(picture)
    pen = ImageDraw.Draw(canvas)
    for head, pose in posed:
        if "landmarks" in styles:
            _dots(pen, head, affine=affine, box=pose.box)
        if head.label is not None:
            x, y = max(2.0, pose.box[0] + 3), max(2.0, pose.box[1] + 2)
            pen.text((x, y), head.label, fill=(255, 255, 255), stroke_width=2, stroke_fill=(12, 14, 18))
    return np.asarray(canvas)


def _pose(head: LabelledHead, *, affine: NDArray[np.float64], frame: tuple[int, int]) -> HeadPose:
    box = (0, 0, *frame) if head.box is None else head.box
    x0, y0, x1, y1 = (np.reshape(box, (2, 2)) @ affine[:, :2].T + affine[:, 2]).ravel().tolist()
    rotation = np.eye(3) if head.rotation is None else np.asarray(head.rotation, dtype=np.float64)
    return HeadPose(box=(x0, y0, x1, y1), score=1.0, rotation=rotation, known=frozenset(head.known))


def _dots(
    pen: ImageDraw.ImageDraw,
    head: LabelledHead,
    *,
    affine: NDArray[np.float64],
    box: tuple[float, float, float, float],
) -> None:
    radius = max(0.7, 0.008 * max(box[2] - box[0], box[3] - box[1]))
    for place, name in enumerate(sorted(head.landmarks)):
        points = np.asarray(head.landmarks[name], dtype=np.float64)[:, :2]
        for x, y in (points[np.isfinite(points).all(1)] @ affine[:, :2].T + affine[:, 2]).tolist():
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=INKS[place % len(INKS)])


def _caption(sample: Sample, *, pen: ImageDraw.ImageDraw, width: int) -> str:
    """Shorten a key from the left, where keys of one set are alike."""
    text = sample.key
    while text and pen.textlength(text, font_size=SMALLEST) > width:
        text = text[1:]
    return text
