"""The augmentations of the published orientation system, drawn first and applied then.

The original calls imgaug; these are the same operations and ranges with Pillow, numpy and scipy. A plan is
drawn without looking at the picture, so what happened to it can be told without doing it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

from facing.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

# Chance of each step, as published.
CHANCES = {
    "blur": 0.5,
    "noise": 0.5,
    "crop": 0.5,
    "hue": 0.7,
    "elastic": 0.5,
    "mirror": 0.5,
    "sharpen": 0.5,
    "turn": 0.5,
}
EXTRAS = ("light", "gamma", "clahe", "more_blur")
EXTRA_CHANCE = 1.6 / 2.6
"""The original makes one plain variant of a picture and four with one extra each, at 0.4."""
TURN_DEG = 5.0
"""The original turns by +5 alone; both ways here, so that a lean says nothing."""
ELASTIC_ALPHA, ELASTIC_SIGMA = 90.0, 9.0
CLAHE_TILES, CLAHE_LIMIT = 8, (1.5, 4.0)


@dataclass(frozen=True, slots=True)
class Step:
    """One operation with what was drawn for it; `values` is empty where nothing was."""

    name: str
    values: tuple[float, ...] = ()


def draw_plan(rng: np.random.Generator) -> tuple[Step, ...]:
    """Draw which steps a picture goes through, in random order, and the extra at the end."""
    names = [name for name, chance in CHANCES.items() if rng.random() < chance]
    plan = [Step(name, _drawn(name, rng)) for name in rng.permutation(names).tolist()]
    if rng.random() < EXTRA_CHANCE:
        name = EXTRAS[int(rng.integers(len(EXTRAS)))]
        plan.append(Step(name, _drawn(name, rng)))
    return tuple(plan)


def apply_plan(picture: Picture, plan: tuple[Step, ...]) -> Picture:
    """Put a picture (S, S, 3) RGB through the steps of a plan; same shape.

    Raises:
        MissingExtraError: the plan bends the picture and scipy is not installed.
    """
    for step in plan:
        picture = _STEPS[step.name](picture, *step.values)
    return picture


def moved_rotation(rotation: NDArray[np.floating], plan: tuple[Step, ...]) -> NDArray[np.float64]:
    """Turn and mirror a rotation (3, 3), head -> camera, as a plan does its picture."""
    moved = np.array(rotation, dtype=np.float64)
    for step in plan:
        if step.name == "mirror":
            signs = np.diag([-1.0, 1.0, 1.0])
            moved = signs @ moved @ signs
        elif step.name == "turn":
            cosine, sine = np.cos(np.radians(step.values[0])), np.sin(np.radians(step.values[0]))
            # Clockwise as seen, y up: Rz(-a).
            moved = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]]) @ moved
    return moved


def _drawn(name: str, rng: np.random.Generator) -> tuple[float, ...]:
    """Draw the values of one step; ranges as published."""
    if name == "crop":
        return tuple(rng.uniform(0, 0.2, size=4).tolist())
    if name == "sharpen":
        return (rng.uniform(0, 1), rng.uniform(0.75, 1.5))
    if name == "noise":
        return (rng.uniform(5, 15), float(rng.integers(1 << 31)))
    if name == "elastic":
        return (float(rng.integers(1 << 31)),)
    if name == "light":
        return (rng.uniform(0.8, 1.2), rng.uniform(-25, 25))
    ranges = {
        "blur": (0.0, 2.0),
        "hue": (-30.0, 30.0),
        "turn": (-TURN_DEG, TURN_DEG),
        "gamma": (0.7, 1.4),
        "clahe": CLAHE_LIMIT,
        "more_blur": (0.0, 2.0),
    }
    return (rng.uniform(*ranges[name]),) if name in ranges else ()


def _blur(picture: Picture, sigma: float) -> Picture:
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(sigma)))


def _noise(picture: Picture, sd: float, seed: float) -> Picture:
    grain = np.random.default_rng(int(seed)).normal(size=(*picture.shape[:2], 1)) * sd
    return _pixels(picture + grain)


def _crop(picture: Picture, left: float, top: float, right: float, bottom: float) -> Picture:
    height, width = picture.shape[:2]
    region = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR, box=region))


def _hue(picture: Picture, shift: float) -> Picture:
    """Add one number to hue and saturation, both from 0 to 255, as imgaug does."""
    values = np.array(Image.fromarray(picture).convert("HSV"), dtype=np.int16)
    values[..., 0] = (values[..., 0] + round(shift)) % 256
    values[..., 1] = np.clip(values[..., 1] + round(shift), 0, 255)
    return np.asarray(Image.fromarray(values.astype(np.uint8), "HSV").convert("RGB"))


def _elastic(picture: Picture, seed: float) -> Picture:
    """Bend the picture by a smooth random field (Simard et al. 2003)."""
    try:
        from scipy.ndimage import gaussian_filter, map_coordinates
    except ImportError as error:
        raise MissingExtraError.of(need="bending pictures", extra="data") from error
    rng = np.random.default_rng(int(seed))
    height, width = picture.shape[:2]
    places = np.mgrid[:height, :width].astype(np.float64)
    field = rng.uniform(-1, 1, size=(2, height, width))
    places += ELASTIC_ALPHA * gaussian_filter(field, (0, ELASTIC_SIGMA, ELASTIC_SIGMA))
    planes = [map_coordinates(picture[..., plane], places, order=1, mode="nearest") for plane in range(3)]
    return np.stack(planes, axis=-1)


def _mirror(picture: Picture) -> Picture:
    return np.ascontiguousarray(picture[:, ::-1])


def _sharpen(picture: Picture, alpha: float, lightness: float) -> Picture:
    kernel = np.full((3, 3), -alpha)
    kernel[1, 1] = (1 - alpha) + alpha * (8 + lightness)
    filtered = ImageFilter.Kernel((3, 3), kernel.ravel().tolist(), scale=1.0)
    return np.asarray(Image.fromarray(picture).filter(filtered))


def _turn(picture: Picture, clockwise_deg: float) -> Picture:
    return np.asarray(Image.fromarray(picture).rotate(-clockwise_deg, Image.Resampling.BILINEAR))


def _light(picture: Picture, contrast: float, brightness: float) -> Picture:
    return _pixels((picture - 127.5) * contrast + 127.5 + brightness)


def _gamma(picture: Picture, power: float) -> Picture:
    return _pixels(255 * (picture / 255.0) ** power)


def _clahe(picture: Picture, limit: float) -> Picture:
    """Equalise the brightness of 8 x 8 tiles, blended between their middles (Zuiderveld 1994).

    `limit` is the most that a bin may hold, in means; what is cut off goes to all bins alike.
    """
    planes = np.array(Image.fromarray(picture).convert("YCbCr"))
    light = planes[..., 0]
    height, width = light.shape
    rows, columns = (_tile_edges(size) for size in (height, width))
    curves = np.empty((CLAHE_TILES, CLAHE_TILES, 256))
    for i in range(CLAHE_TILES):
        for j in range(CLAHE_TILES):
            tile = light[rows[i] : rows[i + 1], columns[j] : columns[j + 1]]
            counts = np.bincount(tile.ravel(), minlength=256).astype(np.float64)
            most = limit * tile.size / 256
            spare = np.maximum(counts - most, 0).sum()
            counts = np.minimum(counts, most) + spare / 256
            curves[i, j] = 255 * np.cumsum(counts) / tile.size
    (top, bottom, down), (left, right, across) = (_between(size) for size in (height, width))
    down, across = down[:, None], across[None, :]
    top, bottom, left, right = top[:, None], bottom[:, None], left[None, :], right[None, :]
    upper = curves[top, left, light] * (1 - across) + curves[top, right, light] * across
    lower = curves[bottom, left, light] * (1 - across) + curves[bottom, right, light] * across
    planes[..., 0] = _pixels(upper * (1 - down) + lower * down)
    return np.asarray(Image.fromarray(planes, "YCbCr").convert("RGB"))


def _tile_edges(size: int) -> NDArray[np.int_]:
    return np.linspace(0, size, CLAHE_TILES + 1).round().astype(int)


def _between(size: int) -> tuple[NDArray[np.int_], NDArray[np.int_], NDArray[np.float64]]:
    """Give for each pixel the tiles before and after it and its place between their middles, 0 to 1."""
    place = np.clip((np.arange(size) + 0.5) * CLAHE_TILES / size - 0.5, 0, CLAHE_TILES - 1)
    before = np.minimum(place.astype(int), CLAHE_TILES - 2)
    return before, before + 1, place - before


def _pixels(values: NDArray[np.floating]) -> Picture:
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)


_STEPS: dict[str, Callable[..., Picture]] = {
    "blur": _blur,
    "noise": _noise,
    "crop": _crop,
    "hue": _hue,
    "elastic": _elastic,
    "mirror": _mirror,
    "sharpen": _sharpen,
    "turn": _turn,
    "light": _light,
    "gamma": _gamma,
    "clahe": _clahe,
    "more_blur": _blur,
}
