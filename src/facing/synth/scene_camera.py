"""What a camera and a file format do to a composed scene: light, colour, blur, noise, JPEG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    from numpy.typing import NDArray


def photograph(rng: np.random.Generator, scene: Image.Image) -> Image.Image:
    """Take a picture of a scene with a random camera.

    Geometry stays: every box of the scene holds for the result.

    Args:
        rng: where chance comes from.
        scene: RGB.

    Returns:
        RGB of the same size.
    """
    if rng.random() < 0.25:
        scene = _blurred(rng, scene)
    if rng.random() < 0.15:
        scene = _low_resolution(rng, scene)
    scene = Image.fromarray(_exposed(rng, scene))
    if rng.random() < 0.45:
        scene = _compressed(scene, quality=int(rng.integers(15, 85)))
    return scene


def _exposed(rng: np.random.Generator, scene: Image.Image) -> NDArray[np.uint8]:
    """Apply exposure, white balance, saturation, contrast, vignette and sensor noise."""
    x: NDArray[np.float32] = np.asarray(scene, dtype=np.float32) / np.float32(255)
    grey_share = rng.random()
    if grey_share < 0.16:
        x = _grey(rng, x, infrared=grey_share < 0.05)
    else:
        x = x * rng.normal(1, 0.07, size=3).astype(np.float32)
        if rng.random() < 0.4:
            middle = x.mean(-1, keepdims=True)
            x = middle + (x - middle) * np.float32(rng.uniform(0.3, 1.5))
    if rng.random() < 0.6:
        x = np.clip(x, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.28)))
    if rng.random() < 0.5:
        x = 0.5 + (x - 0.5) * np.float32(np.exp(rng.normal(0, 0.2))) + np.float32(rng.normal(0, 0.06))
    noise = abs(rng.normal(0, 0.03)) if rng.random() < 0.4 else 0.0
    if rng.random() < 0.1:
        x = x * np.float32(rng.uniform(0.12, 0.5))
        noise += rng.uniform(0, 0.03)
    if rng.random() < 0.12:
        x = x * _slope(rng, x.shape[:2])[..., None]
    if noise > 0:
        grain = rng.standard_normal(x.shape if rng.random() < 0.5 else (*x.shape[:2], 1), dtype=np.float32)
        x = x + np.float32(noise) * grain
    return (np.clip(x, 0, 1) * 255).astype(np.uint8)


def _grey(rng: np.random.Generator, x: NDArray[np.float32], *, infrared: bool) -> NDArray[np.float32]:
    if infrared:
        # Near infrared: skin is bright and flat, red counts most, a lamp sits beside the lens.
        grey = x @ np.array([0.9, 0.15, 0.05], dtype=np.float32)
        rows, columns = x.shape[:2]
        v, u = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j].astype(np.float32)
        grey = np.clip(grey, 0, 1) ** np.float32(0.8) * np.exp(
            -np.float32(rng.uniform(0, 1)) * (u * u + v * v)
        )
    else:
        grey = x @ rng.dirichlet([3, 5, 2]).astype(np.float32)
    tint = 1 + (rng.normal(0, 0.05, size=3) if rng.random() < 0.2 else np.zeros(3))
    return np.asarray(grey[..., None] * tint, dtype=np.float32)


def _slope(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    rows, columns = shape
    a, b = rng.normal(0, 0.35, size=2)
    light = 0.9 + a * np.linspace(-1, 1, columns) + b * np.linspace(-1, 1, rows)[:, None]
    return np.asarray(np.clip(light, 0.1, 1.6), dtype=np.float32)


def _blurred(rng: np.random.Generator, scene: Image.Image) -> Image.Image:
    if rng.random() < 0.7:
        return scene.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.8)))
    kernel = np.zeros((5, 5))
    dx, dy = rng.uniform(-2, 2, size=2)
    for step in np.linspace(-1, 1, 9):  # a straight movement of the camera
        kernel[2 + round(dy * step), 2 + round(dx * step)] += 1
    return scene.filter(ImageFilter.Kernel((5, 5), kernel.ravel().tolist(), kernel.sum()))


def _low_resolution(rng: np.random.Generator, scene: Image.Image) -> Image.Image:
    width, height = scene.size
    factor = rng.uniform(1.3, 2.6)
    small = scene.resize((round(width / factor), round(height / factor)), Image.Resampling.BOX)
    back = rng.choice([Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.NEAREST])
    return small.resize((width, height), Image.Resampling(int(back)))


def _compressed(scene: Image.Image, *, quality: int) -> Image.Image:
    stream = io.BytesIO()
    scene.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")
