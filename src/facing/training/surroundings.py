"""Other hair, cloth or scenery painted around the face of a crop, so that a network reads the face.

Networks that learned from renders read photographed faces with long hair up to ten degrees too high, and half
of that went when all but the face was hidden (docs/log.md): rendered hair is too alike to be trusted. Heads
seen from behind have no face; theirs is the smooth hair that rendered strips do not show.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

# Mean colours and how often each is drawn: black, dark brown, brown, light brown, blond, fair, grey, red.
COLOURS = np.array(
    [
        [18, 16, 16],
        [40, 30, 26],
        [70, 48, 34],
        [110, 72, 48],
        [168, 132, 90],
        [205, 180, 140],
        [150, 148, 146],
        [120, 50, 30],
    ]
)
COLOUR_CHANCES = (0.24, 0.20, 0.16, 0.12, 0.10, 0.06, 0.07, 0.05)
AWAY = -0.3
"""Cosine between the face and the direction to the camera below which no face is painted around."""
AWAY_CHANCE = 0.6
LEAST_FACE = 0.15
"""Height of brows over chin, in half crops, below which a face is too foreshortened to be outlined."""
PARTS = ("sides", "one side", "below", "above", "cap", "all")
PART_CHANCES = (0.30, 0.20, 0.12, 0.12, 0.13, 0.13)
FILLS = ("hair", "blur", "other", "flat")
FILL_CHANCES = (0.50, 0.15, 0.25, 0.10)
EDGE = 0.15  # softness of a part's edge, in half faces
USUAL_LEVEL = 110.0  # grey level of a crop under which hair keeps its colour


class _Face(NamedTuple):
    """Pixels of a crop seen from its face, (S, S) each, 1 at the face's edge: right, up, and away from it."""

    across: Tensor
    up: Tensor
    away: Tensor


def paint_surroundings(
    x: Tensor,
    landmarks: NDArray[np.float32],
    rotations: NDArray[np.float32],
    rng: np.random.Generator,
    *,
    chance: float,
) -> Tensor:
    """Paint around the faces of some crops.

    Args:
        x: (n, 3, S, S), 0 to 255; changed in place.
        landmarks: (n, 68, 2) in crop coordinates, -1 to 1; zeros where a head has none.
        rotations: (n, 3, 3), head to camera.
        rng: where all chance comes from.
        chance: per picture.

    Returns:
        `x`.
    """
    S = x.shape[-1]
    for row in np.flatnonzero(rng.random(len(x)) < chance).tolist():
        if rotations[row, 2, 2] < AWAY:
            if rng.random() < AWAY_CHANCE:
                face = _placed(_head(rotations[row], rng), side=S)
                cover = _back_cover(face, rng)
                _mix(x[row], cover, _hair(face, rng, level=float(x[row].mean())))
            continue
        outline = _outline(landmarks[row], rng)
        if outline is None:
            continue
        face = _placed(outline, side=S)
        fill = str(rng.choice(FILLS, p=FILL_CHANCES))
        cover = _face_cover(face, rng, hair=fill == "hair")
        if fill == "hair":
            painted = _hair(face, rng, level=float(x[row].mean()))
        elif fill == "blur":
            coarse = functional.adaptive_avg_pool2d(x[row : row + 1], int(rng.integers(5, 12)))
            painted = functional.interpolate(coarse, size=(S, S), mode="bilinear", align_corners=False)[0]
        elif fill == "other":
            painted = x[int(rng.integers(len(x)))].flip(int(rng.integers(1, 3)))
        else:
            painted = _colour(rng.uniform(0, 255, size=3))
        _mix(x[row], cover, painted)
    return x


def _mix(below: Tensor, cover: Tensor, painted: Tensor) -> None:
    below.copy_(below * (1 - cover) + painted * cover)


def _colour(rgb: NDArray[np.floating]) -> Tensor:
    return torch.from_numpy(rgb.astype(np.float32))[:, None, None]


class _Outline(NamedTuple):
    """An ellipse in crop coordinates: its centre, its unit vector up, and half of its width and height."""

    centre: NDArray[np.float64]
    up: NDArray[np.float64]
    half: NDArray[np.float64]


def _outline(landmarks: NDArray[np.float32], rng: np.random.Generator) -> _Outline | None:
    """Lay an ellipse around brows, jaw and some of the forehead; None where the face is too narrow."""
    points = landmarks.astype(np.float64)
    up = points[17:27].mean(0) - points[8]
    height = float(np.hypot(*up))
    if height < LEAST_FACE:
        return None
    right = np.array([-up[1], up[0]]) / height
    centre = points.mean(0) + 0.12 * up
    across = (points - centre) @ right
    centre = centre + (across.max() + across.min()) / 2 * right
    wide = max((across.max() - across.min()) / 2, 0.45 * height)
    half = np.array([wide * rng.uniform(0.9, 1.3), 0.66 * height * rng.uniform(0.95, 1.35)])
    return _Outline(centre, up / height, half)


def _head(rotation: NDArray[np.float32], rng: np.random.Generator) -> _Outline:
    """Lay an ellipse over a head seen from behind, which fills the crop."""
    up = rotation[:2, 1].astype(np.float64) * (1, -1)
    up /= max(float(np.hypot(*up)), 1e-6)
    centre = np.array([rng.normal(0, 0.05), rng.normal(-0.05, 0.05)])
    return _Outline(centre, up, np.array([0.66, 0.86]) * rng.uniform(0.95, 1.15))


def _placed(outline: _Outline, *, side: int) -> _Face:
    grid = (torch.arange(side) + 0.5) * (2 / side) - 1
    x, y = grid[None, :] - float(outline.centre[0]), grid[:, None] - float(outline.centre[1])
    (up_x, up_y), (wide, high) = outline.up.tolist(), outline.half.tolist()
    across, up = (x * -up_y + y * up_x) / wide, (x * up_x + y * up_y) / high
    return _Face(across, up, torch.sqrt(across * across + up * up))


def _back_cover(face: _Face, rng: np.random.Generator) -> Tensor:
    """Cover the head and hair that falls below it."""
    soft, end = rng.uniform(0.04, 0.2), rng.uniform(-1.6, -0.6)
    inside = torch.where(face.up > 0, face.away, face.across.abs())
    return _ramp(1 - inside, soft) * _ramp(face.up - end, soft)


def _face_cover(face: _Face, rng: np.random.Generator, *, hair: bool) -> Tensor:
    """Cover a part of what lies outside the face; hair stands off only so far."""
    across, up = face.across, face.up
    soft = rng.uniform(0.04, 0.2)
    part = str(rng.choice(PARTS, p=PART_CHANCES))
    beside = _above(across.abs(), 0.35)
    cover = _ramp(face.away - 1, soft)
    if part == "sides":
        cover = cover * beside * _above(up, rng.uniform(-2.5, -0.2))
    elif part == "one side":
        cover = cover * _above(across * float(rng.choice((-1, 1))), rng.uniform(-0.1, 0.6))
    elif part == "below":
        cover = cover * _above(-up, rng.uniform(0.3, 0.9))
    elif part == "above":
        cover = cover * _above(up, rng.uniform(0.2, 0.8))
    elif part == "cap":
        cover = cover * torch.maximum(_above(up, 0.4), beside * _above(up, rng.uniform(-2.5, 0.2)))
    return cover * _ramp(rng.uniform(1.25, 2.6) - face.away, soft) if hair else cover


def _ramp(x: Tensor, soft: float) -> Tensor:
    """0 to 1 around 0."""
    return (x / soft + 0.5).clamp(0, 1)


def _above(x: Tensor, limit: float) -> Tensor:
    """0 to 1 from a limit on."""
    return ((x - limit) / EDGE).clamp(0, 1)


def _hair(face: _Face, rng: np.random.Generator, *, level: float) -> Tensor:
    """Colour hair whose strands hang down or run around the face, (3, S, S)."""
    base = COLOURS[rng.choice(len(COLOURS), p=COLOUR_CHANCES)] * math.exp(rng.normal(0, 0.25))
    strands = np.interp(np.linspace(0, 63, 256), np.arange(64), rng.normal(size=64)) * rng.uniform(0.03, 0.25)
    hangs = rng.random() < 0.5
    along = (face.across if hangs else face.away) + rng.uniform(0, 0.15) * torch.sin(
        rng.uniform(2, 3) * face.up + rng.uniform(0, 2 * math.pi)
    )
    place = (along * rng.uniform(20, 60) + 128).clamp(0, 255).long()
    light = 1 + torch.from_numpy(strands.astype(np.float32))[place]
    light = light * (
        1 + rng.normal(0, 0.25) * face.across.clamp(-1.5, 1.5) + rng.normal(0, 0.2) * face.up.clamp(-1.5, 1.5)
    )
    shade = float(np.clip(level / USUAL_LEVEL, 0.5, 1.5))
    return _colour(base * shade) * light.clamp(0.2, 2.5)
