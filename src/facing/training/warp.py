"""Geometry of training crops: the crop contract with jitter, and labels that move along.

Without jitter the result is what `facing.crop.crop_heads` cuts: a square on the centre of the head box,
side = scale x longer side of the box.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from pydantic import Field
from torch.nn import functional

from facing.models.settings import Section

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

# iBUG order: the index that each of the 68 landmarks has in the mirrored picture.
MIRRORED_LANDMARKS = np.array(
    [
        *range(16, -1, -1),
        *range(26, 16, -1),
        *(27, 28, 29, 30, 35, 34, 33, 32, 31),
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
        *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
        *(64, 63, 62, 61, 60, 67, 66, 65),
    ]
)


class JitterSettings(Section):
    """How far a crop may lie from the contract's, so that a box need not be exact.

    `scale` and `shift` are standard deviations as shares of the crop side, cut at 3.5 and 2 of them;
    `turn_deg` is that of the in-plane turn for `turn_small` of the crops, the others turn evenly up to
    `turn_max_deg`, and a share `turned` of all turns to any side; `mirror` is a chance.
    """

    scale: float = Field(default=0.10, ge=0, le=0.2)
    shift: float = Field(default=0.05, ge=0, le=0.2)
    turn_deg: float = Field(default=10.0, ge=0, le=180)
    turn_max_deg: float = Field(default=34.0, ge=0, le=180)
    turn_small: float = Field(default=0.6, ge=0, le=1)
    mirror: float = Field(default=0.5, ge=0, le=1)
    turned: float = Field(default=0.0, ge=0, le=1)


NO_JITTER = JitterSettings(scale=0.0, shift=0.0, turn_deg=0.0, turn_small=1.0, mirror=0.0)


@dataclass(frozen=True, slots=True)
class Views:
    """N crops to cut: where they lie, and how they turn the label.

    crop_from_picture (N, 2, 3); turn_rad (N,) clockwise as seen; mirrored (N,) bool, after the turn;
    augmented (N,) bool, whether an augmentation may change the pixels too.
    """

    crop_from_picture: NDArray[np.float64]
    turn_rad: NDArray[np.float64]
    mirrored: NDArray[np.bool_]
    augmented: NDArray[np.bool_]


def draw_views(
    boxes: NDArray[np.float32],
    rng: np.random.Generator,
    *,
    side: int,
    scale: float,
    jitter: JitterSettings,
) -> Views:
    """Draw one crop around each head box.

    Args:
        boxes: xyxy in pixels, (N, 4).
        rng: where the chance comes from.
        side: crop side in pixels.
        scale: crop side over the longer side of the box, as in CropSpec.
        jitter: how far crops may lie from the contract's.
    """
    N = len(boxes)
    sides = scale * np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]).astype(np.float64)
    shift = np.clip(rng.normal(size=(N, 2)), -2, 2) * jitter.shift * sides[:, None]
    centres = (boxes[:, :2].astype(np.float64) + boxes[:, 2:]) / 2 + shift
    sides *= np.exp(np.clip(rng.normal(size=N), -3.5, 3.5) * jitter.scale)
    small = rng.random(N) < jitter.turn_small
    turn_deg = np.where(
        small, rng.normal(size=N) * jitter.turn_deg, rng.uniform(-1, 1, size=N) * jitter.turn_max_deg
    )
    if jitter.turned > 0:
        turn_deg = np.where(rng.random(N) < jitter.turned, rng.uniform(-180, 180, size=N), turn_deg)
    turn_rad = np.radians(turn_deg)
    mirrored = rng.random(N) < jitter.mirror
    return place_views(centres, np.stack((sides, sides), axis=1), turn_rad, mirrored, side=side)


def place_views(
    centres: NDArray[np.float64],
    sizes: NDArray[np.float64],
    turn_rad: NDArray[np.float64],
    mirrored: NDArray[np.bool_],
    *,
    side: int,
) -> Views:
    """Lay crops over regions of pictures.

    Args:
        centres: of the regions, (N, 2), pixels.
        sizes: their widths and heights before the turn, (N, 2), pixels; both fill the crop.
        turn_rad: (N,), clockwise as seen.
        mirrored: (N,).
        side: crop side in pixels.

    Returns:
        Views of which all may be augmented.
    """
    scale = side / sizes
    cosine, sine = np.cos(turn_rad), np.sin(turn_rad)
    crop_from_picture = np.zeros((len(centres), 2, 3))
    crop_from_picture[:, 0, 0], crop_from_picture[:, 0, 1] = cosine, -sine
    crop_from_picture[:, 1, 0], crop_from_picture[:, 1, 1] = sine, cosine
    crop_from_picture[:, :, :2] *= scale[:, :, None]
    crop_from_picture[mirrored, 0] *= -1
    moved = np.einsum("nij,nj->ni", crop_from_picture[:, :, :2], centres)
    crop_from_picture[:, :, 2] = side / 2 - moved
    return Views(crop_from_picture, turn_rad, mirrored, np.ones(len(centres), bool))


def warp_pictures(pictures: Tensor, crop_from_picture: NDArray[np.float64], *, side: int) -> Tensor:
    """Cut crops by bilinear sampling; what lies outside the picture is 0.

    Args:
        pictures: (N, C, H, W) float32.
        crop_from_picture: (N, 2, 3), pixel centres at .5.
        side: crop side S in pixels.

    Returns:
        (N, C, S, S) float32.
    """
    N, _, H, W = pictures.shape
    inverse = np.linalg.inv(crop_from_picture[:, :, :2])
    offset = -np.einsum("nij,nj->ni", inverse, crop_from_picture[:, :, 2])
    size = np.array([W, H], np.float64)
    # affine_grid counts from -1 to 1 between the outer edges of both pictures.
    linear = inverse * (side / size)[None, :, None]
    shift = linear.sum(2) + 2 * offset / size - 1
    theta = torch.from_numpy(np.concatenate((linear, shift[:, :, None]), axis=2).astype(np.float32))
    grid = functional.affine_grid(theta, [N, 1, side, side], align_corners=False)
    return functional.grid_sample(pictures, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def move_rotations(rotations: NDArray[np.float32], views: Views) -> NDArray[np.float32]:
    """Turn and mirror rotations (N, 3, 3) as the crops do.

    Convention: a clockwise turn by a gives Rz(-a) M, a mirrored picture S M S with S = diag(-1, 1, 1).
    """
    cosine, sine = np.cos(views.turn_rad), np.sin(views.turn_rad)
    turns: NDArray[np.float64] = np.zeros((len(rotations), 3, 3))
    turns[:, 0, 0], turns[:, 0, 1] = cosine, sine
    turns[:, 1, 0], turns[:, 1, 1] = -sine, cosine
    turns[:, 2, 2] = 1
    moved: NDArray[np.float64] = np.matmul(turns, rotations, dtype=np.float64)
    signs = np.where(views.mirrored[:, None], np.array([-1.0, 1.0, 1.0]), 1.0)
    moved *= signs[:, :, None] * signs[:, None, :]
    return moved.astype(np.float32)


def move_landmarks(landmarks: NDArray[np.float32], views: Views, *, side: int) -> NDArray[np.float32]:
    """Bring landmarks (N, 68, 2) from picture pixels into crop coordinates, -1 to 1 from edge to edge."""
    linear, shift = views.crop_from_picture[:, :, :2], views.crop_from_picture[:, :, 2]
    placed = np.einsum("nij,nkj->nki", linear, landmarks) + shift[:, None]
    moved: NDArray[np.float64] = placed * (2 / side) - 1
    moved[views.mirrored] = moved[views.mirrored][:, MIRRORED_LANDMARKS]
    return moved.astype(np.float32)


def move_visible(visible: NDArray[np.bool_], views: Views) -> NDArray[np.bool_]:
    """Reorder the marks of visible landmarks (N, 68) in mirrored crops."""
    moved = visible.copy()
    moved[views.mirrored] = moved[views.mirrored][:, MIRRORED_LANDMARKS]
    return moved
