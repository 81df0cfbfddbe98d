"""What cameras, light and networks of wires do to a picture, on small batches of float planes.

Every function takes (n, 3, S, S) float32, 0 to 255, and a generator, and gives the same shape; values may
leave the range until the end. Settings that cost time per batch (a kernel, a size) are drawn once per call,
the rest once per picture. Sources of the list and its chances: photographs that a network taught on plain
renders failed on (one-sided light, grey film, infrared cameras, small and compressed heads, hands and
other heads in front, heads cut by the frame).
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Step = Callable[[Tensor, np.random.Generator], Tensor]

GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601
NOISE_LENGTH = 1 << 22
# JPEG standard, annex K, table 1; the highest step of table 2.
CHROMA_LIMIT = 99
LUMINANCE_STEPS = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)


def colour(
    x: Tensor,
    rng: np.random.Generator,
    *,
    grey: float,
    saturation: tuple[float, float],
    white_balance: float,
    contrast: float,
    tone: float,
) -> Tensor:
    """Change white balance, saturation, contrast, brightness and the tone curve of every picture.

    Args:
        x: (n, 3, S, S).
        rng: where the chance comes from.
        grey: share of pictures without colour.
        saturation: range of the factor of the others.
        white_balance: standard deviation of the logarithm of each channel's gain.
        contrast: standard deviation of the logarithm of the contrast, and of the brightness.
        tone: standard deviation of the curvature; 0.5 is about a gamma of 0.65.
    """
    n = len(x)
    colourless = rng.random(n) < grey
    factor = np.where(colourless, 0.0, rng.uniform(*saturation, size=n))
    # Film and infrared sensors weigh the channels differently.
    weights = np.where(colourless[:, None], rng.dirichlet((3.0, 5.0, 2.0), size=n), np.array(GREY))
    matrix = factor[:, None, None] * np.eye(3) + (1 - factor)[:, None, None] * weights[:, None, :]
    gains = np.exp(rng.normal(size=(n, 3)) * np.where(colourless, 0.02, white_balance)[:, None])
    strength = np.exp(rng.normal(size=n) * contrast)
    light = np.exp(rng.normal(size=n) * contrast)
    matrix = matrix * (gains * (strength * light)[:, None])[:, :, None]
    pivot = 110.0 * light * (1 - strength)
    out = torch.baddbmm(_tensor(np.repeat(pivot[:, None, None], 3, axis=1)), _tensor(matrix), x.flatten(2))
    out = out.view_as(x).clamp_(0, 255)
    curve = _per_picture(np.clip(rng.normal(size=n) * tone, -0.9, 0.9))
    # y = x + k x (1 - x): monotone for |k| < 1, and forty times cheaper than a power.
    return out.mul_(1 + curve - out * (curve / 255))


def shade(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Light the picture from one side: bright there, dark down to a tenth on the other."""
    n = len(x)
    angle = rng.uniform(0, 2 * math.pi, size=n)
    steep = rng.uniform(1.5, 8.0, size=n)
    low, high = rng.uniform(0.1, 0.7, size=n), rng.uniform(1.0, 1.4, size=n)
    rows, columns = _axes(x)
    along = columns * _per_picture(steep * np.cos(angle)) + rows * _per_picture(steep * np.sin(angle))
    slope = torch.sigmoid_(along - _per_picture(steep * rng.uniform(-0.4, 0.4, size=n)))
    return x * slope.mul_(_per_picture(high - low)).add_(_per_picture(low))


def infrared(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Make it look like a near-infrared camera with its own lamp: grey, bright spot, dark surroundings."""
    n = len(x)
    weights = _tensor(rng.dirichlet((6.0, 2.0, 1.0), size=n))[:, :, None, None]
    grey = (x * weights).sum(1, keepdim=True)
    rows, columns = _axes(x)
    centre = rng.uniform(-0.4, 0.4, size=(2, n))
    distance = (columns - _per_picture(centre[0])).square() + (rows - _per_picture(centre[1])).square()
    spot = 1 / (1 + distance * _per_picture(rng.uniform(0.3, 2.5, size=n)))
    return (grey * spot.mul_(_per_picture(rng.uniform(0.9, 1.8, size=n)))).expand_as(x)


def patches(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Put rectangles and ellipses, skin-coloured or of any colour or out of the picture itself, in front."""
    out = x.clone()
    S = x.shape[-1]
    rows, columns = _axes(x)
    for picture in out:
        for _ in range(rng.integers(1, 4)):
            half = rng.uniform(0.06, 0.32, size=2)
            centre = rng.uniform(-1, 1, size=2)
            turn = rng.uniform(0, math.pi)
            across = (columns[0, 0] - centre[0]) * math.cos(turn) + (rows[0, 0] - centre[1]) * math.sin(turn)
            along = (rows[0, 0] - centre[1]) * math.cos(turn) - (columns[0, 0] - centre[0]) * math.sin(turn)
            across, along = across.abs() / half[0], along.abs() / half[1]
            inside = torch.maximum(across, along) if rng.random() < 0.4 else across.square() + along.square()
            if rng.random() < 0.25:
                filling = picture.roll((int(rng.integers(S // 4, S)), int(rng.integers(S // 4, S))), (1, 2))
            else:
                filling = _tensor(_patch_colour(rng))[:, None, None]
            picture.copy_(torch.where(inside < 1, filling, picture))
    return out


def low_resolution(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Take the picture as a smaller sensor would have, down to a fifth of its side, and enlarge it again."""
    S = x.shape[-1]
    small = max(int(S * rng.uniform(0.2, 0.7)), 8)
    eye = torch.eye(S)[None]
    down = functional.interpolate(eye, small, mode="area")
    mode = ("linear", "linear", "nearest")[rng.integers(3)]
    return _filtered(x, functional.interpolate(down, S, mode=mode)[0].T)


def blur(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Put the picture out of focus, by a normal kernel of 0.4 to 2 pixels at a side of 112."""
    S = x.shape[-1]
    sigma = rng.uniform(0.4, 2.0) * S / 112
    distance = np.arange(S)[:, None] - np.arange(S)[None, :]
    # Cut at 4 sigma: further out are denormal numbers, which make the product twenty times slower.
    kernel = np.where(np.abs(distance) <= 4 * sigma, np.exp(-0.5 * (distance / sigma) ** 2), 0.0)
    return _filtered(x, _tensor(kernel / kernel.sum(1, keepdims=True)))


def motion(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Move the camera along a line of 3 to 9 pixels at a side of 112 while the shutter is open."""
    length = rng.uniform(3, 9) * x.shape[-1] / 112
    angle = rng.uniform(0, math.pi)
    taps = max(int(length), 2)
    reach = int(length / 2 + 1)
    S = x.shape[-1]
    padded = functional.pad(x, (reach,) * 4, mode="replicate")
    out = torch.zeros_like(x)
    for along in np.linspace(-length / 2, length / 2, taps):
        row, column = reach + round(along * math.sin(angle)), reach + round(along * math.cos(angle))
        out += padded[:, :, row : row + S, column : column + S]
    return out.div_(taps)


def noise(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Add sensor noise of up to 25 grey values, of one colour or of three."""
    n, _, S, _ = x.shape
    bank = _noise_bank()
    planes = 1 if rng.random() < 0.4 else 3
    own = planes * S * S
    if n * own < NOISE_LENGTH:
        start = int(rng.integers(0, NOISE_LENGTH - n * own))
        grain = bank[start : start + n * own]
    else:  # large crops: a slice for each
        starts = rng.integers(0, NOISE_LENGTH - own, size=n).tolist()
        grain = torch.stack([bank[start : start + own] for start in starts])
    return torch.addcmul(x, grain.view(n, planes, S, S), _per_picture(25 * rng.random(n) ** 2))


def jpeg(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Round the coefficients of 8 x 8 blocks as JPEG does, quality about 10 to 60.

    Where the side is no multiple of 8, the last pixels stay as they are.
    """
    n, _, S, _ = x.shape
    whole = S // 8 * 8
    part = x[:, :, :whole, :whole]
    forward, backward = _colour_transforms()
    basis = _block_basis(whole)
    planes = (forward @ part.flatten(2)).view(part.shape)
    steps = (_jpeg_steps(whole) * _per_picture(rng.uniform(0.8, 5.0, size=n))).contiguous()
    coefficients = _filtered(planes, basis).div_(steps).round_().mul_(steps)
    out = x.clone()
    out[:, :, :whole, :whole] = (backward @ _filtered(coefficients, basis.T).flatten(2)).view(part.shape)
    return out


def border(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Black out up to a third on one or two sides: the head was cut by the frame of its picture."""
    out = x.clone()
    S = x.shape[-1]
    for picture in out:
        for _ in range(rng.integers(1, 3)):
            depth = int(S * rng.uniform(0.02, 0.33))
            edge = rng.integers(4)
            strip = picture[:, :depth] if edge == 0 else picture[:, S - depth :]
            if edge >= 2:
                strip = picture[:, :, :depth] if edge == 2 else picture[:, :, S - depth :]
            strip.zero_()
    return out


def _patch_colour(rng: np.random.Generator) -> NDArray[np.float64]:
    if rng.random() < 0.5:
        # Skin from dark to light: its hue hardly changes, its red leads.
        skin = np.array([1.0, 0.74, 0.6]) * rng.uniform(60, 250)
        return np.clip(skin * np.exp(rng.normal(size=3) * 0.08), 0, 255)
    return rng.uniform(0, 255, size=3)


def _axes(x: Tensor) -> tuple[Tensor, Tensor]:
    line = torch.linspace(-1, 1, x.shape[-1])
    return line[None, None, :, None], line[None, None, None, :]


def _tensor(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))


def _per_picture(values: NDArray[np.float64]) -> Tensor:
    return _tensor(values)[:, None, None, None]


@functools.cache
def _noise_bank() -> Tensor:
    # Normal numbers cost more than all the rest together; slices of one long row are as good here.
    return torch.randn(NOISE_LENGTH, generator=torch.Generator().manual_seed(0))


def _filtered(x: Tensor, matrix: Tensor) -> Tensor:
    """Apply one matrix (S, S) to rows and columns: as dense products, faster than any small convolution."""
    return matrix @ (x @ matrix.T)


@functools.cache
def _colour_transforms() -> tuple[Tensor, Tensor]:
    forward = np.array([GREY, (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312)])
    return _tensor(forward), _tensor(np.linalg.inv(forward))


@functools.cache
def _block_basis(side: int) -> Tensor:
    """Give the cosine transform of every block of 8 along a side, as one block-diagonal matrix."""
    k, i = np.arange(8)[:, None], np.arange(8)[None, :]
    basis = np.cos((2 * i + 1) * k * math.pi / 16) / 2
    basis[0] /= math.sqrt(2)
    return _tensor(np.kron(np.eye(side // 8), basis).astype(np.float64))


@functools.cache
def _jpeg_steps(side: int) -> Tensor:
    k = np.arange(8)
    # Table 2 of annex K in short: 17 at the mean colour, 99 from the third wave on.
    steps = np.repeat(np.minimum(17 + 20 * (k[:, None] + k), CHROMA_LIMIT)[None].astype(float), 3, axis=0)
    steps[0] = LUMINANCE_STEPS
    return _tensor(np.tile(steps, (1, side // 8, side // 8)))[None]
