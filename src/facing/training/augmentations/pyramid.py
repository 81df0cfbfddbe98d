"""As published for the pyramid system (nickuntitled/pyramid_aggregate_head_pose_estimation).

A share of the samples is augmented at all, box and pixels together: one of four box actions, then one of four
pixel actions, each of which fires half of the time. Its pixel actions are Albumentations'; here they are
torchvision's with the ranges that Albumentations 1.3 has by default.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from pydantic import Field
from torchvision.transforms.v2 import functional as transforms

from facing.training.augmentation import Augmentation, AugmentationSettings
from facing.training.warp import Views, place_views

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

FIRES = 0.5
"""Chance of a chosen pixel action."""
KERNELS = (3, 5, 7)
CHANGE = 0.2
"""Largest change of brightness, as a share of the range, and of contrast."""
NOISE_VARIANCE = (10.0, 50.0)
"""Of values from 0 to 255."""
ASPECT = (3 / 4, 4 / 3)
"""Of a random resized crop, width over height."""


class PyramidSettings(AugmentationSettings):
    """Published values: `augment` 0.5, `flip` false, `shift` 0.1, `area` 0.8 to 1.

    `loose_low` and `loose_high` bound k of the training crop, of which 0.2, the test crop's, is ours: the
    region grows by (k - 0.2) times 0.6, 2, 0.6 and 0.6 of its sides at left, top, right and bottom.
    `turn_max_deg`, an even turn in the plane with the label, is 0 in the original.
    """

    augment: float = Field(default=0.5, ge=0, le=1)
    flip: bool = False
    shift: float = Field(default=0.1, ge=0, le=0.5)
    area: float = Field(default=0.8, gt=0, le=1)
    loose_low: float = Field(default=0.2, ge=0, le=1)
    loose_high: float = Field(default=0.4, ge=0, le=1)
    turn_max_deg: float = Field(default=0.0, ge=0, le=180)


def _views(
    boxes: NDArray[np.float32],
    rng: np.random.Generator,
    /,
    *,
    side: int,
    scale: float,
    settings: PyramidSettings,
) -> Views:
    N = len(boxes)
    region = scale * (boxes[:, 2:] - boxes[:, :2]).max(1).astype(np.float64)
    # Of the landmark box the test crop (k = 0.2) is 1.254 wide and 1.568 high; the region stands for it.
    k = rng.uniform(settings.loose_low, settings.loose_high, size=N) - 0.2
    left, top, right, bottom = 0.6 * k / 1.254, 2 * k / 1.568, 0.6 * k / 1.254, 0.6 * k / 1.568
    size = np.stack((1 + left + right, 1 + top + bottom), axis=1)
    centre = np.stack((right - left, bottom - top), axis=1) / 2

    actions = ("mirror", "shift", "resized", "none") if settings.flip else ("shift", "resized", "none")
    augmented = rng.random(N) < settings.augment
    chosen = np.where(augmented, rng.integers(0, len(actions), size=N), len(actions) - 1)
    shifted = chosen == actions.index("shift")
    centre += np.where(shifted[:, None], rng.uniform(-1, 1, size=(N, 2)) * settings.shift, 0.0) * size
    resized = chosen == actions.index("resized")
    area = rng.uniform(settings.area, 1, size=N)
    aspect = np.exp(rng.uniform(math.log(ASPECT[0]), math.log(ASPECT[1]), size=N))
    part = np.minimum(np.stack((np.sqrt(area * aspect), np.sqrt(area / aspect)), axis=1), 1.0)
    part = np.where(resized[:, None], part, 1.0)
    centre += rng.uniform(-0.5, 0.5, size=(N, 2)) * (1 - part) * size

    middle = (boxes[:, :2].astype(np.float64) + boxes[:, 2:]) / 2
    mirrored = chosen == actions.index("mirror") if settings.flip else np.zeros(N, bool)
    turn = np.radians(rng.uniform(-1, 1, size=N) * settings.turn_max_deg)
    views = place_views(
        middle + centre * region[:, None], part * size * region[:, None], turn, mirrored, side=side
    )
    return replace(views, augmented=augmented)


def _pixels(x: Tensor, rng: np.random.Generator, _settings: PyramidSettings, _progress: float) -> Tensor:
    n = len(x)
    chosen = np.where(rng.random(n) < FIRES, rng.integers(0, 4, size=n), 3)
    for row in np.flatnonzero(chosen == 0).tolist():
        size = int(rng.choice(KERNELS))
        x[row] = transforms.gaussian_blur(x[row], [size, size])
    light = np.flatnonzero(chosen == 1)
    if len(light):
        rows = torch.from_numpy(light)
        gain, bias = (
            torch.from_numpy(rng.uniform(-CHANGE, CHANGE, size=(len(light), 1, 1, 1)).astype(np.float32))
            for _ in range(2)
        )
        x[rows] = x[rows] * (1 + gain) + 255 * bias
    for row in np.flatnonzero(chosen == 2).tolist():
        deviation = math.sqrt(rng.uniform(*NOISE_VARIANCE))
        x[row] += torch.from_numpy(rng.normal(0, deviation, size=tuple(x[row].shape)).astype(np.float32))
    return x


AUGMENTATION = Augmentation(
    title="as published for the pyramid system", settings=PyramidSettings, views=_views, pixels=_pixels
)
