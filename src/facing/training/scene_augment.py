"""From stored scenes to a training batch: zoom, mirror, colour and camera, with boxes that move along."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from pydantic import Field

from facing.geometry.boxes import quarter_turned
from facing.training.develop import PixelSettings, develop
from facing.training.warp import warp_pictures

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

CHUNK = 8
"""Pictures go through in pieces that stay in the processor's cache."""
LEAST_SIDE_PX = 6.0
"""A head whose longer side is below this, after zooming, is ignored."""
LEAST_PORTRAIT_PX = 36.0
"""Smaller heads are not brought close: their pixels would be seen."""
LEAST_INSIDE = 0.3
"""A head of whose box less than this share lies inside the frame is ignored."""


class SceneAugmentSettings(PixelSettings):
    """Strength of the augmentation; names without a unit are chances per picture.

    Scenes went through a random camera already; this adds what differs from pass to pass. `zoom` is the
    chance that scale, place and, a little, proportions change. `portrait` is the chance that one head is
    brought close until its side is `portrait_low` to `portrait_high` of the picture's: scenes seldom show a
    head that fills the frame, portraits always do. `turn` is the chance of one to three
    quarter turns. Small heads would not outlive `low_resolution`; `zoom` stands in.
    """

    zoom: float = Field(default=0.7, ge=0, le=1)
    zoom_low: float = Field(default=0.55, gt=0)
    zoom_high: float = Field(default=1.9, gt=0)
    aspect_sd: float = Field(default=0.06, ge=0, le=0.5)
    portrait: float = Field(default=0.25, ge=0, le=1)
    portrait_low: float = Field(default=0.4, gt=0)
    portrait_high: float = Field(default=1.15, gt=0)
    mirror: float = Field(default=0.5, ge=0, le=1)
    turn: float = Field(default=0.0, ge=0, le=1)
    low_resolution: float = Field(default=0.0, ge=0, le=1)


def scene_batch(
    pictures: NDArray[np.uint8],
    *,
    boxes: NDArray[np.float32],
    ignore: NDArray[np.float32],
    rng: np.random.Generator,
    augment: SceneAugmentSettings | None,
) -> dict[str, Tensor]:
    """Make network inputs and targets from scenes.

    Args:
        pictures: (N, 3, S, S).
        boxes: (N, M, 4) xyxy of heads; rows of zeros are empty.
        ignore: (N, J, 4) xyxy of heads that do not count; rows of zeros are empty.
        rng: where all chance comes from.
        augment: strength of the augmentation; None leaves everything as it is.

    Returns:
        `picture` (N, S, S, 3) uint8, `boxes` (N, M, 4) and `ignore` (N, J + M, 4) float32.
    """
    N, _, side, _ = pictures.shape
    if augment is None:
        still = torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 2, 3, 1)))
        return {"picture": still, "boxes": torch.from_numpy(boxes), "ignore": torch.from_numpy(ignore)}
    views = _draw_views(rng, count=N, side=side, augment=augment)
    _bring_close(views, boxes, rng=rng, side=side, augment=augment)
    out = torch.empty((N, side, side, 3), dtype=torch.uint8)
    for start in range(0, N, CHUNK):
        piece = slice(start, start + CHUNK)
        x = warp_pictures(torch.from_numpy(pictures[piece]).float(), views[piece], side=side)
        out[piece] = develop(x, rng, augment).clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
    moved, doubtful = _move_boxes(boxes, views, side=side)
    left_out, _ = _move_boxes(ignore, views, side=side, keep_all=True)
    left_out = np.concatenate([left_out, doubtful], axis=1)
    for row in np.flatnonzero(rng.random(N) < augment.turn):
        quarters = int(rng.integers(1, 4))
        out[row] = torch.rot90(out[row], quarters, (0, 1))
        for found in (moved[row], left_out[row]):
            real = (found[:, 2:] > found[:, :2]).all(1)  # empty rows stay empty
            for _ in range(quarters):
                found[real] = quarter_turned(found[real], width=side)
    return {"picture": out, "boxes": torch.from_numpy(moved), "ignore": torch.from_numpy(left_out)}


def _draw_views(
    rng: np.random.Generator, *, count: int, side: int, augment: SceneAugmentSettings
) -> NDArray[np.float64]:
    """Draw `crop_from_picture` (N, 2, 3): a window inside the picture, or the picture inside black."""
    logs = rng.uniform(np.log(augment.zoom_low), np.log(augment.zoom_high), size=count)
    zoomed = rng.random(count) < augment.zoom
    scale = np.exp(np.where(zoomed, logs, 0.0)[:, None])
    stretch = np.where(zoomed, rng.normal(size=count) * augment.aspect_sd, 0.0)[:, None]
    scale = scale * np.exp(stretch * np.array([1.0, -1.0]))
    mirrored = rng.random(count) < augment.mirror
    views = np.zeros((count, 2, 3))
    views[:, 0, 0], views[:, 1, 1] = scale[:, 0], scale[:, 1]
    views[:, :, 2] = rng.random((count, 2)) * (side - scale * side)
    views[mirrored, 0, 0] *= -1
    views[mirrored, 0, 2] = side - views[mirrored, 0, 2]
    return views


def _bring_close(
    views: NDArray[np.float64],
    boxes: NDArray[np.float32],
    *,
    rng: np.random.Generator,
    side: int,
    augment: SceneAugmentSettings,
) -> None:
    """Turn some of the views, in place, into portraits of one of their heads."""
    for row in np.flatnonzero(rng.random(len(views)) < augment.portrait):
        sizes = (boxes[row, :, 2:] - boxes[row, :, :2]).max(-1)
        large = np.flatnonzero(sizes >= LEAST_PORTRAIT_PX)
        if not len(large):
            continue
        head = boxes[row, rng.choice(large)]
        share = np.exp(rng.uniform(np.log(augment.portrait_low), np.log(augment.portrait_high)))
        scale = share * side / float((head[2:] - head[:2]).max())
        place = side / 2 + rng.normal(0, 0.1 * side, 2) - scale * (head[:2] + head[2:]) / 2
        if scale >= 1:  # a window inside the picture
            place = np.clip(place, side - scale * side, 0)
        mirrored = views[row, 0, 0] < 0
        views[row] = [[scale, 0, place[0]], [0, scale, place[1]]]
        if mirrored:
            views[row, 0] = [-scale, 0, side - place[0]]


def _move_boxes(
    boxes: NDArray[np.float32], views: NDArray[np.float64], *, side: int, keep_all: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Move boxes into the crops.

    Returns:
        Boxes that count and boxes that became too small or left the frame, both (N, M, 4); empty rows are 0.
    """
    scale, shift = views[:, None, (0, 1), (0, 1)], views[:, None, :, 2]
    low, high = boxes[..., :2] * scale + shift, boxes[..., 2:] * scale + shift
    low, high = np.minimum(low, high), np.maximum(low, high)
    real = (boxes[..., 2:] > boxes[..., :2]).all(-1)
    inside = np.clip(np.minimum(high, side) - np.maximum(low, 0), 0, None).prod(-1)
    share = inside / np.maximum((high - low).prod(-1), 1e-9)
    counts = real & ((share >= LEAST_INSIDE) & ((high - low).max(-1) >= LEAST_SIDE_PX) | keep_all)
    moved = np.concatenate([low, high], axis=-1).astype(np.float32)
    return moved * counts[..., None], moved * (real & ~counts)[..., None]
