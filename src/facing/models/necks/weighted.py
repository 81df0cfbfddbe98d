"""A mean over the last map with a learned weight for every channel and place.

Crops put a head always at the same place, so where something is seen says as much as what is seen; the plain
mean forgets it. Source: the global depthwise convolution of MobileFaceNets (Chen et al. 2018), here for maps
of any size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from facing.models.contracts import Neck

if TYPE_CHECKING:
    from collections.abc import Sequence

GRID = 4  # places along a side: a map of stride 32 over 112 or 128 pixels has as many


class Weighted(nn.Module):
    """Weights (C, 4, 4), resized to the map's own grid; at the start they give the plain mean."""

    def __init__(self, channels: tuple[int, ...], strides: tuple[int, ...]) -> None:
        super().__init__()
        del strides
        self.features = channels[-1]
        self.weight = nn.Parameter(torch.ones(1, channels[-1], GRID, GRID))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Turn maps, the last (N, C, H, W), into (N, C)."""
        x = maps[-1]
        weight: Tensor = self.weight
        if x.shape[2:] != weight.shape[2:]:
            grid = (x.shape[2], x.shape[3])
            weight = functional.interpolate(weight, grid, mode="bilinear", align_corners=True)
        return (x * weight).mean((2, 3))


NECK = Neck(build=Weighted)
