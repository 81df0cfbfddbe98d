"""A contact sheet: many labelled heads in one picture, to look at before anything is trained on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from facing.errors import DataError
from facing.shards import find_shards, read_shard

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from facing.shards import ShardSample

_KINDS = ("heads", "scenes", "backgrounds")
_GROUND = np.array([104, 112, 120], np.float32)


def draw_sheet(folder: Path, *, columns: int = 8, rows: int = 6, labels: bool = False) -> NDArray[np.uint8]:
    """Draw the first pictures of a folder of shards, spread evenly over the shards.

    Args:
        folder: holds `heads-*.tar`, `scenes-*.tar` or `backgrounds-*.tar`; the first kind found is drawn.
        columns: pictures in a row.
        rows: number of rows.
        labels: also draw the boxes and, on heads, the landmarks (green seen, red hidden) and axes.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        DataError: the folder holds no shards.
    """
    kind = next((k for k in _KINDS if any(folder.glob(f"{k}-*.tar"))), "heads")
    shards = find_shards(folder, kind=kind)
    wanted = columns * rows
    step = max(1, len(shards) // wanted)
    samples: list[ShardSample] = []
    each = -(-wanted // len(shards[::step]))
    for path in shards[::step]:
        for number, sample in enumerate(read_shard(path)):
            if number == each or len(samples) == wanted:
                break
            samples.append(sample)
    if not samples:
        raise DataError(f"{folder} holds shards without a picture; write them again with: facing synth")
    tiles = [_tile(sample, labels=labels) for sample in samples]
    side_y, side_x = tiles[0].shape[:2]
    sheet = np.zeros((rows * side_y, columns * side_x, 3), np.uint8)
    for k, tile in enumerate(tiles):
        y, x = k // columns * side_y, k % columns * side_x
        sheet[y : y + side_y, x : x + side_x] = tile[:side_y, :side_x]
    return sheet


def _tile(sample: ShardSample, *, labels: bool) -> NDArray[np.uint8]:
    pixels = sample.pixels()
    if pixels.shape[2] == 4:
        cover = pixels[..., 3:].astype(np.float32) / 255
        pixels = (pixels[..., :3] * cover + _GROUND * (1 - cover)).astype(np.uint8)
    if not labels:
        return pixels
    picture = Image.fromarray(pixels)
    pen = ImageDraw.Draw(picture)
    boxes = sample.label.get("boxes") or ([sample.label["box"]] if "box" in sample.label else [])
    for box in boxes:
        pen.rectangle(tuple(box), outline=(255, 220, 0))
    points, seen_at = (sample.label.get(key) or [] for key in ("landmarks", "visible"))
    for (x, y), seen in zip(points, seen_at, strict=True):
        pen.point((x, y), fill=(0, 255, 0) if seen else (255, 0, 0))
    if sample.label.get("rotation") is not None:
        _axes(pen, rotation=np.array(sample.label["rotation"]), box=sample.label["box"])
    return np.asarray(picture)


def _axes(pen: ImageDraw.ImageDraw, *, rotation: NDArray[np.float64], box: list[float]) -> None:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    length = max(box[2] - box[0], box[3] - box[1]) * 0.6
    for axis, colour in enumerate(((230, 60, 60), (70, 200, 70), (80, 130, 255))):
        tip = rotation[:, axis] * length
        pen.line((x, y, x + tip[0], y - tip[1]), fill=colour, width=2)
