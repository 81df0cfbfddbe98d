"""Pictures without people: views into panoramas and pieces of photographs, to put behind heads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

from facing.shards import SCHEMA, ShardSample, encode

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from facing.synth.assets import Pack


def sample_background(rng: Generator, *, pack: Pack, side: int) -> NDArray[np.uint8]:
    """Draw one background.

    Args:
        rng: source of chance.
        pack: panoramas and photographs.
        side: side of the picture in pixels.

    Returns:
        (side, side, 3) RGB.
    """
    panoramas, photographs = pack.names("panoramas"), pack.names("photographs")
    if not photographs or rng.random() < 0.6:
        picture = _look_around(rng, panorama=pack.picture(str(rng.choice(panoramas))), side=side)
    else:
        picture = _piece(rng, photograph=pack.picture(str(rng.choice(photographs))), side=side)
    if rng.random() < 0.5:  # depth of field
        picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.4, 4.0)) * side / 160))
    if rng.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(picture, np.uint8)


def _look_around(rng: Generator, *, panorama: NDArray[np.uint8], side: int) -> Image.Image:
    """A perspective view of 50 to 110 degrees into an equirectangular picture."""
    half = np.tan(np.deg2rad(rng.uniform(50, 110)) / 2)
    turn, tilt = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.3)
    x, y = np.meshgrid(np.linspace(-half, half, side), np.linspace(half, -half, side))
    z = np.ones_like(x)
    y, z = y * np.cos(tilt) - z * np.sin(tilt), y * np.sin(tilt) + z * np.cos(tilt)
    rows, columns = panorama.shape[:2]
    column = ((np.arctan2(x, z) + turn) / (2 * np.pi) * columns).astype(int) % columns
    row = np.clip(np.arccos(y / np.sqrt(x * x + y * y + z * z)) / np.pi * rows, 0, rows - 1).astype(int)
    return Image.fromarray(panorama[row, column, :3])


def _piece(rng: Generator, *, photograph: NDArray[np.uint8], side: int) -> Image.Image:
    height, width = photograph.shape[:2]
    piece = round(min(height, width) * rng.uniform(0.3, 1.0))
    left, top = rng.integers(0, width - piece + 1), rng.integers(0, height - piece + 1)
    picture = Image.fromarray(photograph[top : top + piece, left : left + piece, :3])
    return picture.resize((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0)


def background_samples(*, seed: int, first: int, count: int, pack: Pack, side: int) -> list[ShardSample]:
    """Draw backgrounds number first .. first + count - 1 of a seed."""
    out = []
    for index in range(first, first + count):
        rng = np.random.default_rng([seed, 1 << 30, index])
        picture = sample_background(rng, pack=pack, side=side)
        out.append(ShardSample(f"{index:08d}", encode(picture, quality=85), {"schema": SCHEMA}))
    return out
