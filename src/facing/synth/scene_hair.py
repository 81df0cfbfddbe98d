"""Smooth hair painted over heads that are seen from behind.

Rendered hair is made of strips and frays. What the detector missed most on photographs is smooth, mostly dark
hair from behind, of all lengths, in which nothing of the head itself is seen.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facing.synth.scene_cutouts import Cutout

BEHIND = -0.5
"""Cosine of the angle between the face and the camera's view below which a head is seen from behind."""
UPRIGHT = 0.75
"""Cosine of the lean above which hair hangs down the picture."""
SHORT_SHARE = 0.35
# Mean colours and how often each is drawn: black, dark brown, brown, blond, grey.
COLOURS = np.array([[18, 16, 16], [42, 30, 24], [84, 58, 40], [168, 132, 84], [150, 148, 146]], np.float64)
CHANCES = (0.5, 0.2, 0.14, 0.1, 0.06)


def can_be_painted(head: Cutout) -> bool:
    """Tell whether a head is seen from behind and upright."""
    return bool(head.rotation[2, 2] < BEHIND and head.rotation[1, 1] > UPRIGHT)


def with_smooth_hair(rng: np.random.Generator, head: Cutout) -> Cutout:
    """Paint hair over the back of a head.

    Args:
        rng: draws length, width, colour, strands and shine.
        head: for which `can_be_painted` is true.

    Returns:
        The same head and box under other hair.
    """
    pixels = np.asarray(head.picture, dtype=np.float64)
    across, below, width, height = _grid(rng, head, shape=pixels.shape[:2])
    cover, half = _outline(rng, across, below)
    colour = _coloured(rng, across, below, half=half, pixels_per_head=max(width, height))
    kept = pixels[..., 3:] / 255
    alpha = cover[..., None] + kept * (1 - cover[..., None])
    mixed = colour * cover[..., None] + pixels[..., :3] * kept * (1 - cover[..., None])
    rgb = mixed / np.maximum(alpha, 1e-6)
    painted = np.concatenate([rgb, 255 * alpha], axis=-1).clip(0, 255).round().astype(np.uint8)
    return replace(head, picture=Image.fromarray(painted))


def _grid(
    rng: np.random.Generator, head: Cutout, *, shape: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64], float, float]:
    """Give every pixel's place right of the hair's middle in half widths and below the crown in heights."""
    x0, y0, x1, y1 = head.box.tolist()
    width, height = x1 - x0, y1 - y0
    # The face looks out on one side, so the hair lies towards the other.
    middle = (x0 + x1) / 2 - 0.14 * width * float(head.rotation[0, 2])
    half = 0.5 * width * rng.uniform(1.02, 1.25) * (1 - 0.15 * abs(float(head.rotation[0, 2])))
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    top = y0 - rng.uniform(0.02, 0.1) * height
    lean = rng.normal(0, 0.05)
    across = (columns - middle) / half - lean * (rows - top) / height
    return across, (rows - top) / height, width, height


def _outline(
    rng: np.random.Generator, across: NDArray[np.float64], below: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give coverage and half width of each row: a dome, then a fall of hair with an own lower edge."""
    short = rng.random() < SHORT_SHARE
    end = rng.uniform(0.72, 1.0) if short else rng.uniform(1.0, 2.2)
    widest = rng.uniform(0.4, 0.55)
    slope = rng.uniform(-0.9, -0.2) if short else rng.uniform(-0.35, 0.3)
    dome = np.sqrt(np.clip(1 - (np.clip(widest - below, 0, None) / widest) ** 2, 0, 1))
    fall = np.clip(below - widest, 0, None)
    # A little narrower at the neck, then as the hair falls.
    half = dome * np.clip(
        1 + slope * fall - rng.uniform(0, 0.12) * np.exp(-((below - 0.95) ** 2) / 0.02), 0.2, 2
    )
    waves = 0.03 * np.sin(rng.uniform(4, 12) * below + rng.uniform(0, 6.28))
    edge = end + rng.normal(0, 0.08) * across**2 + rng.normal(0, 0.06) * across
    tips = 0.03 * np.sin(across * rng.uniform(8, 25) + rng.uniform(0, 6.28)) * rng.random()
    soft = rng.uniform(0.02, 0.08)
    inside = np.clip((half + waves - np.abs(across)) / soft + 0.5, 0, 1)
    above = np.clip((edge + tips - below) / soft + 0.5, 0, 1)
    return inside * above * (below > 0), np.maximum(half, 0.05)


def _coloured(
    rng: np.random.Generator,
    across: NDArray[np.float64],
    below: NDArray[np.float64],
    *,
    half: NDArray[np.float64],
    pixels_per_head: float,
) -> NDArray[np.float64]:
    """Colour with strands that run down, a band of shine around the crown and darker sides, (H, W, 3)."""
    base = COLOURS[rng.choice(len(COLOURS), p=CHANCES)] * np.exp(rng.normal(0, 0.25))
    strands = _smooth_noise(rng, count=max(round(pixels_per_head * rng.uniform(0.3, 1.0)), 8))
    where = across / half * 0.5 + 0.5 + 0.04 * np.sin(3 * below + rng.uniform(0, 6.28)) * rng.random()
    place = np.clip(where, 0, 1) * (len(strands) - 1)
    light = 1 + rng.uniform(0.03, 0.28) * np.interp(place, np.arange(len(strands)), strands)
    shine = np.exp(-(((below - rng.uniform(0.15, 0.4) - 0.12 * across**2) / rng.uniform(0.05, 0.15)) ** 2))
    light *= 1 - rng.uniform(0.1, 0.5) * np.clip(np.abs(across) / half, 0, 1) ** 2
    glow = rng.uniform(0, 70) * shine * (0.5 + 0.5 * np.clip(light, 0, 2))
    if rng.random() < 0.25:
        light *= 1 - 0.5 * np.exp(-(((across - rng.normal(0, 0.15)) / 0.03) ** 2)) * (below < 0.5)
    return np.asarray(base * np.clip(light, 0.1, 2.5)[..., None] + glow[..., None])


def _smooth_noise(rng: np.random.Generator, *, count: int) -> NDArray[np.float64]:
    fine = rng.normal(size=count)
    wide = np.interp(np.linspace(0, 1, count), np.linspace(0, 1, 8), rng.normal(size=8))
    return np.asarray(0.6 * fine + 0.6 * wide)
