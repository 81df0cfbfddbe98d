"""What stands behind the heads of a scene: pieces of panoramas and photographs, plain and drawn surfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from facing.errors import DataError
from facing.shards import find_shards, read_shard

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LONG_SIDE = 768
"""Sources are kept at most this large: pieces of them become pictures of 256 px."""


def load_backgrounds(folders: Sequence[Path]) -> list[Image.Image]:
    """Read everything that can stand behind a head.

    Args:
        folders: each holds panoramas or photographs without people (`*.jpg`), or `backgrounds-*.tar`.

    Returns:
        RGB pictures, sorted by folder and name; a panorama is a picture twice as wide as high.

    Raises:
        DataError: a folder holds neither.
    """
    found: list[Image.Image] = []
    for folder in folders:
        before = len(found)
        for path in sorted(folder.glob("*.jpg")):
            with Image.open(path) as picture:
                found.append(_small(ImageOps.exif_transpose(picture).convert("RGB")))
        if any(folder.glob("backgrounds-*.tar")):
            for shard in find_shards(folder, kind="backgrounds"):
                found += [_small(Image.fromarray(s.pixels()).convert("RGB")) for s in read_shard(shard)]
        if len(found) == before:
            raise DataError(f"{folder} holds no *.jpg and no backgrounds-*.tar; name a folder of backgrounds")
    return found


def draw_background(
    rng: np.random.Generator, *, sources: Sequence[Image.Image], size: tuple[int, int]
) -> Image.Image:
    """Make one background.

    Args:
        rng: where chance comes from.
        sources: of `load_backgrounds`; may be empty, then all backgrounds are drawn.
        size: width and height, pixels.

    Returns:
        RGB.
    """
    if not sources or rng.random() < 0.2:
        return _drawn(rng, size=size)
    picture = _piece(rng, sources[int(rng.integers(len(sources)))], size=size)
    if rng.random() < 0.12:  # a second place beside or behind the first makes new edges and mixtures
        other = _piece(rng, sources[int(rng.integers(len(sources)))], size=size)
        picture = Image.blend(picture, other, rng.uniform(0.2, 0.8))
    if rng.random() < 0.3:
        picture = picture.filter(ImageFilter.BoxBlur(rng.uniform(0.5, 5)))
    if rng.random() < 0.3:
        tint = np.exp(rng.normal(0, 0.25, size=3))
        table = [min(255, int(v * t)) for t in tint for v in range(256)]
        picture = picture.point(table)
    return picture


def _piece(rng: np.random.Generator, source: Image.Image, *, size: tuple[int, int]) -> Image.Image:
    """Cut a random piece, mirrored half of the time, turned now and then."""
    wide, high = source.size
    panorama = wide == 2 * high
    aspect = size[0] / size[1] * np.exp(rng.normal(0, 0.15))
    # Down to 60 degrees of a panorama, or to a fifth of a photograph.
    side = high * (rng.uniform(0.33, 0.8) if panorama else np.exp(rng.uniform(np.log(0.2), 0)))
    height = min(side, high, wide / aspect)
    width = height * aspect
    x = rng.uniform(0, max(wide - width, 0.0))
    # The poles of a panorama are stretched: stay near the horizon.
    y = (high - height) * (rng.normal(0.5, 0.2) if panorama else rng.uniform(0, 1))
    y = min(max(y, 0.0), high - height)
    piece = source.resize(
        size, Image.Resampling.BILINEAR, box=(x, y, min(x + width, wide), y + height), reducing_gap=2.0
    )
    if rng.random() < 0.5:
        piece = ImageOps.mirror(piece)
    if rng.random() < 0.06:
        piece = ImageOps.flip(piece)
    return piece


def _drawn(rng: np.random.Generator, *, size: tuple[int, int]) -> Image.Image:
    """Draw a studio wall, a black or white frame, clouds of colour, or shapes."""
    wide, high = size
    kind = rng.random()
    if kind < 0.15:
        return Image.new("RGB", size, tuple(int(c) for c in [rng.choice([0, 8, 245, 255])] * 3))
    colours = rng.uniform(0, 255, size=(2, 3)) if rng.random() < 0.5 else rng.uniform(0, 255, size=(2, 1))
    if kind < 0.45:
        x, y = np.linspace(-1, 1, wide), np.linspace(-1, 1, high)[:, None]
        a, b, c = rng.normal(0, 0.5, size=3)
        share = np.clip(0.5 + a * x + b * y + c * (x * x + y * y), 0, 1)[..., None]
        wall = colours[0] * share + colours[1] * (1 - share)
        return Image.fromarray(np.broadcast_to(wall, (high, wide, 3)).astype(np.uint8))
    cells = int(rng.choice([3, 6, 12, 40]))
    clouds = rng.normal(colours[0], rng.uniform(10, 60), size=(cells, cells, 3))
    kept = (Image.Resampling.BICUBIC, Image.Resampling.NEAREST)[int(rng.random() < 0.2)]
    picture = Image.fromarray(np.clip(clouds, 0, 255).astype(np.uint8)).resize(size, kept)
    if kind > 0.75:
        draw = ImageDraw.Draw(picture)
        for _ in range(rng.integers(2, 14)):
            x0, y0 = rng.uniform(-0.2, 1, size=2) * size
            w, h = rng.uniform(0.05, 0.5, size=2) * size
            colour = tuple(int(c) for c in rng.integers(0, 256, size=3))
            (draw.ellipse if rng.random() < 0.4 else draw.rectangle)([x0, y0, x0 + w, y0 + h], fill=colour)
    return picture


def _small(picture: Image.Image) -> Image.Image:
    longest = max(picture.size)
    if longest <= LONG_SIDE:
        return picture
    wide, high = picture.size
    panorama = wide == 2 * high
    width = LONG_SIDE if wide >= high else round(wide * LONG_SIDE / high)
    height = width // 2 if panorama else round(high * width / wide)
    return picture.resize((width, height), Image.Resampling.LANCZOS)
