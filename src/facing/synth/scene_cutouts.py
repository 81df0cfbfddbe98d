"""Rendered heads as cutouts: enlarged, mirrored, tilted, and finished where the render cut the torso off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from facing.shards import ShardSample, read_shard

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

POOL_HEADS = 1500
"""Heads kept decoded while one shard of scenes is written, about 150 kB each."""
BODY_HEADS = 5.0
"""A torso that is carried on downwards ends this many head sides below the render."""
MIRROR = np.diag([-1.0, 1.0, 1.0])


@dataclass(frozen=True, slots=True)
class Cutout:
    """One rendered head with its shoulders, cut out."""

    picture: Image.Image
    """RGBA."""
    box: NDArray[np.float64]
    """(4,), xyxy of the bald head, pixels of the picture."""
    rotation: NDArray[np.float64]
    """(3, 3), head -> camera."""


def cutout_from_sample(sample: ShardSample) -> Cutout:
    """Decode one sample of a `heads-*.tar`."""
    pixels = sample.pixels(coverage=True)
    box = np.asarray(sample.label["box"], dtype=np.float64)
    return Cutout(Image.fromarray(pixels), box, np.asarray(sample.label["rotation"], dtype=np.float64))


def load_pool(rng: np.random.Generator, shards: Sequence[Path]) -> list[Cutout]:
    """Decode enough heads for one shard of scenes.

    Args:
        rng: chooses the shards and the heads.
        shards: `heads-*.tar` files.
    """
    pool: list[Cutout] = []
    for which in rng.permutation(len(shards)):
        samples = list(read_shard(shards[which]))
        few = rng.permutation(len(samples))[: max(POOL_HEADS // min(len(shards), 4), 1)]
        pool += [cutout_from_sample(samples[index]) for index in sorted(few)]
        if len(pool) >= POOL_HEADS:
            break
    return pool


def mirrored(head: Cutout) -> Cutout:
    """Mirror a head left to right."""
    width = head.picture.width
    x0, y0, x1, y1 = head.box
    box = np.array([width - x1, y0, width - x0, y1])
    return Cutout(ImageOps.mirror(head.picture), box, MIRROR @ head.rotation @ MIRROR)


def resized(head: Cutout, *, scale: float) -> Cutout:
    """Scale a head, to whole pixels."""
    width, height = (max(2, round(side * scale)) for side in head.picture.size)
    picture = head.picture.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0)
    factor = np.array([width / head.picture.width, height / head.picture.height] * 2)
    return Cutout(picture, head.box * factor, head.rotation)


def tilted(head: Cutout, *, degrees: float) -> Cutout:
    """Turn a cutout in the plane about its head, which is taken for an oval to get the new box."""
    middle = (head.box[:2] + head.box[2:]) / 2
    picture = head.picture.rotate(
        degrees, Image.Resampling.BILINEAR, center=(float(middle[0]), float(middle[1]))
    )
    a, b = (head.box[2:] - head.box[:2]) / 2
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    half = np.array([np.hypot(a * c, b * s), np.hypot(a * s, b * c)])
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return Cutout(picture, np.concatenate([middle - half, middle + half]), turn @ head.rotation)


def without_head(head: Cutout) -> Image.Image:
    """Erase everything above the chin: a torso alone is no head."""
    picture = head.picture.copy()
    chin = round(head.box[3] - 0.08 * (head.box[3] - head.box[1]))
    picture.paste((0, 0, 0, 0), (0, 0, picture.width, max(chin, 0)))
    return picture


def finished(rng: np.random.Generator, head: Cutout, *, below: int, grounded: bool) -> Image.Image:
    """Hide that the torso was cut off, so that the cut teaches nothing.

    Args:
        rng: where chance comes from.
        head: the cutout at its final size.
        below: rows from the top of the cutout to the lower edge of the frame.
        grounded: carry the torso on to that edge; otherwise it fades out or is cut by a curve.
    """
    picture = head.picture
    width, height = picture.size
    pixels = np.array(picture)
    chin = float(head.box[3])
    across = np.abs(np.linspace(-1, 1, width))
    down = np.clip((np.arange(height) - chin) / max(height - chin, 1), 0, 1)[:, None]
    if (pixels[:, [0, -1], 3] > 127).any():
        # Shoulders that meet the side of the render get arms: a side that is not straight.
        reach = rng.uniform(0.8, 0.98) - rng.uniform(0, 0.15) * (1 - down) ** 2
        keep = np.clip((reach - across) * width / 4 + 0.5, 0, 1)
        pixels[..., 3] = pixels[..., 3] * np.where(down > 0, keep, 1)
    missing = below - height
    if missing <= 0:
        return Image.fromarray(pixels)
    if grounded:
        missing = min(missing, round(BODY_HEADS * float((head.box[2:] - head.box[:2]).max())))
        shade = 1 - rng.uniform(0, 0.4) * np.linspace(0, 1, missing)[:, None, None]
        grown = _cloth(rng, pixels[min(max(round(chin), 0), height - 1) :], rows=missing)
        grown[..., :3] *= shade
        return Image.fromarray(np.concatenate([pixels, grown.astype(np.uint8)]))
    if rng.random() < 0.5:
        start, soft = rng.uniform(0.1, 0.8), rng.uniform(0.05, 0.5)
        keep = np.clip((start + soft - down) / soft, 0, 1)
    else:
        curve = rng.uniform(0.15, 0.9) + rng.normal(0, 0.2) * across**2 + rng.normal(0, 0.15) * across
        keep = np.clip((curve - down) * height / 3 + 0.5, 0, 1)
    pixels[..., 3] = pixels[..., 3] * keep
    return Image.fromarray(pixels)


def _cloth(rng: np.random.Generator, torso: NDArray[np.uint8], *, rows: int) -> NDArray[np.float64]:
    """Carry a torso (h, w, 4) on by so many rows: its lowest one over and over, or its mirror images.

    Streaks below each head are what no photograph shows, so they are the rarer way.
    """
    low = torso[round(0.4 * len(torso)) :]
    if rng.random() < 0.2 or len(low) < 8:
        return np.repeat(torso[-3:].mean(0, keepdims=True), rows, axis=0)
    pair = np.concatenate([low[::-1], low]).astype(np.float64)
    grown = np.tile(pair, (-(-rows // len(pair)), 1, 1))[:rows]
    grown[..., 3] = torso[-3:, :, 3].mean(0)
    return grown


def skin_colour(rng: np.random.Generator, heads: Sequence[Cutout]) -> tuple[int, int, int]:
    """Take the colour of a face of the pool, or a likely one where there is none."""
    if not heads:
        level = rng.uniform(60, 240)
        return int(level), int(level * 0.75), int(level * 0.6)
    head = heads[int(rng.integers(len(heads)))]
    middle, half = (head.box[:2] + head.box[2:]) / 2, (head.box[2:] - head.box[:2]) / 6
    face = head.picture.crop((*(middle - half).round().astype(int), *(middle + half).round().astype(int) + 1))
    colour = face.convert("RGB").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert isinstance(colour, tuple)
    return int(colour[0]), int(colour[1]), int(colour[2])
