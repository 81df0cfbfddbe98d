"""Synthetic shifts: what bad cameras, bad light, things in front and inexact boxes do to a labelled head.

Steps are plain numpy and Pillow and none of those that networks are trained with, so that no network has
seen them. Sizes are parts of the head's longer side: a step does the same to a head of 20 and of 400 pixels.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from facing.errors import BoxError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Step = Callable[["View", np.random.Generator], "View"]

REACH = 1.5
"""Half the side of what is kept, in longer sides of the head: room for the crop of a moved and turned box."""
LONGEST_PX = 400
"""Longer side of a head, above which it is shrunk first: networks see 224 pixels at most."""
MOST_STEPS = 3


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One head as a camera might have shown it.

    Attributes:
        pixels: (H, W, 3) uint8 RGB.
        box: of the head, xyxy, pixels.
        turn_deg: by which the head turned in the plane, counter-clockwise as the viewer sees it.
    """

    pixels: NDArray[np.uint8]
    box: tuple[float, float, float, float]
    turn_deg: float = 0.0


def shifted(
    picture: NDArray[np.uint8], box: tuple[float, float, float, float], rng: np.random.Generator
) -> View:
    """Disturb a head by one to three drawn steps.

    Args:
        picture: (H, W, 3) uint8 RGB.
        box: of the head, xyxy, pixels; it may leave the picture in part.
        rng: what is drawn, and how strongly.

    Raises:
        BoxError: nothing of the box is in the picture.
    """
    view = surroundings(picture, box)
    chosen = rng.permutation(len(STEPS))[: rng.integers(1, MOST_STEPS + 1)]
    # In the order of the world: head, light, lens, sensor, file, detector.
    for place in sorted(chosen.tolist()):
        view = list(STEPS.values())[place](view, rng)
    return view


def surroundings(picture: NDArray[np.uint8], box: tuple[float, float, float, float]) -> View:
    """Cut out a head with all that a crop of it may show, and shrink a huge one.

    Raises:
        BoxError: nothing of the box is in the picture.
    """
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = box
    if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height or not (x1 > x0 and y1 > y0):
        raise BoxError(f"box {list(box)} misses the {width} x {height} picture; give its pixels")
    side = max(x1 - x0, y1 - y0)
    left, right = (round((x0 + x1) / 2 + sign * REACH * side) for sign in (-1, 1))
    top, bottom = (round((y0 + y1) / 2 + sign * REACH * side) for sign in (-1, 1))
    left, top = max(left, 0), max(top, 0)
    right, bottom = min(max(right, left + 1), width), min(max(bottom, top + 1), height)
    view = View(picture[top:bottom, left:right], (x0 - left, y0 - top, x1 - left, y1 - top))
    return _resized(view, LONGEST_PX / side) if side > LONGEST_PX else view


def turn(view: View, rng: np.random.Generator) -> View:
    """Turn the camera about its axis by up to 45 degrees."""
    angle = rng.uniform(-45, 45)
    x0, y0, x1, y1 = view.box
    middle = ((x0 + x1) / 2, (y0 + y1) / 2)
    image = Image.fromarray(view.pixels).rotate(angle, Image.Resampling.BILINEAR, center=middle)
    # A head fills the ellipse in its box; this is the box of the turned ellipse.
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    a, b = (x1 - x0) / 2, (y1 - y0) / 2
    half = math.hypot(a * c, b * s), math.hypot(a * s, b * c)
    box = (middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1])
    return View(np.asarray(image), box, view.turn_deg + angle)


def cover(view: View, rng: np.random.Generator) -> View:
    """Put one to three patches of a colour, up to 0.7 of the head wide, over parts of it."""
    image = Image.fromarray(view.pixels)
    draw = ImageDraw.Draw(image)
    start, side = np.array(view.box[:2]), _side(view)
    extent = np.array(view.box[2:]) - start
    for _ in range(rng.integers(1, 4)):
        middle = start + rng.random(2) * extent
        half = rng.uniform(0.1, 0.35, size=2) * side
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        red, green, blue = rng.integers(0, 256, size=3).tolist()
        shape([*(middle - half), *(middle + half)], fill=(red, green, blue))
    return replace(view, pixels=np.asarray(image))


def dark(view: View, rng: np.random.Generator) -> View:
    """Leave a half to a twenty-fifth of the light, with the noise that a sensor then shows."""
    factor = math.exp(rng.uniform(math.log(0.04), math.log(0.5)))
    return _noisy(view, rng, factor=factor, deviation=2.0)


def grey(view: View, _rng: np.random.Generator) -> View:
    """Take the colour away."""
    return replace(view, pixels=np.asarray(Image.fromarray(view.pixels).convert("L").convert("RGB")))


def blur(view: View, rng: np.random.Generator) -> View:
    """Put the head out of focus: a normal kernel of 0.01 to 0.06 of the head."""
    radius = rng.uniform(0.01, 0.06) * _side(view)
    return replace(
        view, pixels=np.asarray(Image.fromarray(view.pixels).filter(ImageFilter.GaussianBlur(radius)))
    )


def small(view: View, rng: np.random.Generator) -> View:
    """Show the head with 8 to 48 pixels on its longer side, small sizes as often as large ones."""
    return _resized(view, min(1.0, math.exp(rng.uniform(math.log(8), math.log(48))) / _side(view)))


def noise(view: View, rng: np.random.Generator) -> View:
    """Add sensor noise of 4 to 40 grey values."""
    return _noisy(view, rng, factor=1.0, deviation=rng.uniform(4, 40))


def jpeg(view: View, rng: np.random.Generator) -> View:
    """Compress to JPEG of quality 4 to 40."""
    stream = io.BytesIO()
    Image.fromarray(view.pixels).save(stream, "JPEG", quality=int(rng.integers(4, 41)))
    with Image.open(stream) as image:
        return replace(view, pixels=np.asarray(image.convert("RGB")))


def box(view: View, rng: np.random.Generator) -> View:
    """Move the box by up to 0.3 of the head either way and scale it by 0.74 to 1.35."""
    x0, y0, x1, y1 = view.box
    side, scale = _side(view), math.exp(rng.uniform(-0.3, 0.3))
    x, y = np.array([x0 + x1, y0 + y1]) / 2 + rng.uniform(-0.3, 0.3, size=2) * side
    a, b = (x1 - x0) / 2 * scale, (y1 - y0) / 2 * scale
    return replace(view, box=(float(x - a), float(y - b), float(x + a), float(y + b)))


STEPS: Mapping[str, Step] = {
    "turn": turn,
    "cover": cover,
    "dark": dark,
    "grey": grey,
    "blur": blur,
    "small": small,
    "noise": noise,
    "jpeg": jpeg,
    "box": box,
}


def _side(view: View) -> float:
    x0, y0, x1, y1 = view.box
    return max(x1 - x0, y1 - y0)


def _resized(view: View, factor: float) -> View:
    height, width = view.pixels.shape[:2]
    size = max(1, round(width * factor)), max(1, round(height * factor))
    image = Image.fromarray(view.pixels).resize(size, Image.Resampling.BILINEAR)
    # The whole picture is scaled to whole pixels; its two factors differ a little.
    along, down = size[0] / width, size[1] / height
    x0, y0, x1, y1 = view.box
    return replace(view, pixels=np.asarray(image), box=(x0 * along, y0 * down, x1 * along, y1 * down))


def _noisy(view: View, rng: np.random.Generator, *, factor: float, deviation: float) -> View:
    grain = rng.standard_normal(view.pixels.shape, dtype=np.float32) * np.float32(deviation)
    lit = view.pixels * np.float32(factor) + grain
    return replace(view, pixels=np.clip(np.rint(lit), 0, 255).astype(np.uint8))
