"""From head pictures to a training batch: crop, background, other heads, pixels.

Pictures go through in pieces of CHUNK, which stay in the processor's cache: half the time of whole batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from facing.training.augmentation import load_augmentation
from facing.training.surroundings import paint_surroundings
from facing.training.warp import (
    NO_JITTER,
    draw_views,
    move_landmarks,
    move_rotations,
    move_visible,
    warp_pictures,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from facing.training.augmentation import AugmentationSettings
    from facing.training.data import HeadLabels
    from facing.training.pictures import Pictures

CHUNK = 16
# A hidden landmark is still where it is, but no picture shows it exactly.
HIDDEN_WEIGHT = 0.5
# A pasted head lies at least this share of the side off the centre, so that it covers no more than half.
PASTE_OFFSET = (0.45, 0.9)


def crop_batch(
    pictures: NDArray[np.uint8],
    labels: HeadLabels,
    rng: np.random.Generator,
    *,
    side: int,
    scale: float,
    backgrounds: Pictures | None,
    augment: AugmentationSettings | None,
    progress: float = 1.0,
) -> dict[str, Tensor]:
    """Make network inputs and targets from head pictures.

    Args:
        pictures: (N, 4, H, W), colour multiplied by coverage, and coverage.
        labels: of the same N pictures.
        rng: where all chance comes from.
        side: crop side S in pixels.
        scale: crop side over the longer side of the head box.
        backgrounds: what to put behind the heads; flat colours where None.
        augment: settings of an augmentation; None gives the contract's crops and leaves pixels as they are.
        progress: share of the training that is done, 0 to 1.

    Returns:
        `picture` (N, S, S, 3) uint8, `rotation` (N, 3, 3), `landmarks` (N, 68, 2) in crop coordinates -1
        to 1 and their weights `landmark_weight` (N, 68), and which crops are `mirrored` (N,).
    """
    N = len(pictures)
    kind = load_augmentation(augment.kind) if augment else None
    if kind:
        views = kind.views(labels.box, rng, side=side, scale=scale, settings=augment)
    else:
        views = draw_views(labels.box, rng, side=side, scale=scale, jitter=NO_JITTER)
    out = torch.empty((N, side, side, 3), dtype=torch.uint8)
    flat = augment.background_flat if augment else 0.0
    rotations = move_rotations(labels.rotation, views)
    landmarks = move_landmarks(labels.landmarks, views, side=side)
    for start in range(0, N, CHUNK):
        piece = slice(start, min(start + CHUNK, N))
        source = torch.from_numpy(pictures[piece]).float()
        warped = warp_pictures(source, views.crop_from_picture[piece], side=side)
        x = _backgrounds(len(warped), rng, side=side, flat=flat, backgrounds=backgrounds)
        x = _composed(x, warped, rng, augment=augment)
        if augment and augment.surroundings > 0:
            own, turns = landmarks[piece], rotations[piece]
            x = paint_surroundings(x, own, turns, rng, chance=augment.surroundings)
        rows = views.augmented[piece]
        if kind and rows.all():  # without copies
            x = kind.pixels(x, rng, augment, progress)
        elif kind and rows.any():
            x[rows] = kind.pixels(x[rows], rng, augment, progress)
        out[piece] = x.clamp_(0, 255).add_(0.5).to(torch.uint8).permute(0, 2, 3, 1)
    visible = move_visible(labels.visible, views)
    return {
        "picture": out,
        "rotation": torch.from_numpy(rotations),
        "landmarks": torch.from_numpy(landmarks),
        "mirrored": torch.from_numpy(views.mirrored),
        "landmark_weight": torch.from_numpy(
            (np.where(visible, 1.0, HIDDEN_WEIGHT) * labels.landmarked[:, None]).astype(np.float32)
        ),
    }


def _composed(
    background: Tensor, warped: Tensor, rng: np.random.Generator, *, augment: AugmentationSettings | None
) -> Tensor:
    n = len(warped)
    chances = (augment.person_behind, augment.person_before) if augment else (0.0, 0.0)
    behind, before = (np.flatnonzero(rng.random(n) < chance) for chance in chances)
    for row in behind:
        _paste(background[row], warped[rng.integers(n)], rng)
    coverage = warped[:, 3:] * (1 / 255)
    x = background.mul_(1 - coverage).add_(warped[:, :3])
    for row in before:
        _paste(x[row], warped[rng.integers(n)], rng)
    return x


def _paste(below: Tensor, head: Tensor, rng: np.random.Generator) -> None:
    """Put a head, shifted mostly sideways, over a picture (3, S, S), in place."""
    S = below.shape[-1]
    right = int(S * rng.uniform(*PASTE_OFFSET)) * int(rng.choice((-1, 1)))
    down = int(S * rng.uniform(-0.4, 0.4))
    into = [slice(max(move, 0), S + min(move, 0)) for move in (down, right)]
    taken = [slice(max(-move, 0), S + min(-move, 0)) for move in (down, right)]
    part = head[:, taken[0], taken[1]]
    target = below[:, into[0], into[1]]
    target.mul_(1 - part[3:] / 255).add_(part[:3])


def _backgrounds(
    n: int, rng: np.random.Generator, *, side: int, flat: float, backgrounds: Pictures | None
) -> Tensor:
    out = torch.from_numpy(rng.uniform(0, 255, size=(n, 3, 1, 1)).astype(np.float32)).repeat(1, 1, side, side)
    if backgrounds is None:
        return out
    _, H, W = backgrounds.shape
    rows = np.flatnonzero(rng.random(n) >= flat)
    for row, picture in zip(
        rows, backgrounds.take(rng.integers(0, len(backgrounds), size=len(rows))), strict=True
    ):
        window = int(min(H, W) * rng.uniform(0.4, 1.0))
        top, left = rng.integers(0, H - window + 1), rng.integers(0, W - window + 1)
        # Nearest pixels do: backgrounds need no exact scale, and the lens steps soften them.
        steps = np.arange(side) * window // side
        columns = left + (steps if rng.random() < 0.5 else steps[::-1])
        out[row] = torch.from_numpy(picture.take(top + steps, axis=1).take(columns, axis=2))
    return out
