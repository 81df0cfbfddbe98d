"""As published for the compact direction-vector system (sevenHsu/HeadPoseNet, branch exp).

A loose crop, its short side resized to 1.0714 of the crop side, a random window of it; grey and blur. No
mirror image. Its margins are laid around our crop region, and the window takes them back on average.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from pydantic import Field
from torch.nn import functional
from torchvision.transforms.v2 import functional as transforms

from facing.training.augmentation import Augmentation, AugmentationSettings
from facing.training.warp import Views, place_views

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

# Per unit of k: left, top, right, bottom, in parts of the box's sides.
MARGINS = (0.6, 1.0, 0.6, 0.6)
RESIZED = 1.0714
"""Side of the resized picture over that of the window."""
# Pillow's ImageFilter.BLUR, which the original uses: a ring of 16 equal weights.
BLUR = ((1, 1, 1, 1, 1), (1, 0, 0, 0, 1), (1, 0, 0, 0, 1), (1, 0, 0, 0, 1), (1, 1, 1, 1, 1))


class CompactSettings(AugmentationSettings):
    """Published values: `grey` 0.85 for reg, 0.05 for cls and sord, 0.5 on its other branch; `mask` 0.

    `loose` is the largest k of the loose crop. `mask` puts a black box over part of the picture. `mirror`
    and `turn_max_deg`, an even turn in the plane, are 0 in the original; labels follow both.
    """

    loose: float = Field(default=0.1, ge=0, le=1)
    grey: float = Field(default=0.05, ge=0, le=1)
    blur: float = Field(default=0.05, ge=0, le=1)
    mask: float = Field(default=0.0, ge=0, le=1)
    mirror: float = Field(default=0.0, ge=0, le=1)
    turn_max_deg: float = Field(default=0.0, ge=0, le=180)


def _views(
    boxes: NDArray[np.float32],
    rng: np.random.Generator,
    /,
    *,
    side: int,
    scale: float,
    settings: CompactSettings,
) -> Views:
    N = len(boxes)
    region = scale * (boxes[:, 2:] - boxes[:, :2]).max(1).astype(np.float64)
    k = rng.uniform(0, settings.loose, size=N)
    left, top, right, bottom = (share * k for share in MARGINS)
    size = np.stack((1 + left + right, 1 + top + bottom), axis=1)
    centre = np.stack((right - left, bottom - top), axis=1) / 2
    short = size.min(1)
    window = short / RESIZED
    centre += rng.uniform(-0.5, 0.5, size=(N, 2)) * (size - window[:, None])
    middle = (boxes[:, :2].astype(np.float64) + boxes[:, 2:]) / 2
    return place_views(
        middle + centre * region[:, None],
        np.repeat((window * region)[:, None], 2, axis=1),
        np.radians(rng.uniform(-1, 1, size=N) * settings.turn_max_deg),
        rng.random(N) < settings.mirror,
        side=side,
    )


def _pixels(x: Tensor, rng: np.random.Generator, settings: CompactSettings, _progress: float) -> Tensor:
    n = len(x)
    grey, blurred, masked = (
        torch.from_numpy(np.flatnonzero(rng.random(n) < chance))
        for chance in (settings.grey, settings.blur, settings.mask)
    )
    if len(blurred):
        x[blurred] = _ring_blur(x[blurred])
    if len(grey):
        x[grey] = transforms.rgb_to_grayscale(x[grey], num_output_channels=3)
    S = x.shape[-1]
    for row in masked.tolist():
        height, width = rng.integers(S // 8, S // 2, size=2)
        top, left = rng.integers(0, S - height), rng.integers(0, S - width)
        x[row, :, top : top + height, left : left + width] = 0
    return x


def _ring_blur(x: Tensor) -> Tensor:
    kernel = torch.tensor(BLUR, dtype=x.dtype, device=x.device) / 16
    padded = functional.pad(x, (2, 2, 2, 2), mode="replicate")
    return functional.conv2d(padded, kernel.expand(3, 1, 5, 5), groups=3)


AUGMENTATION = Augmentation(
    title="as published for the compact system", settings=CompactSettings, views=_views, pixels=_pixels
)
