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

    @staticmethod
    def from_grid(weight: Tensor) -> Tensor:
        """Turn weights of a map's own grid, (1, C, H, W), into weights (1, C, 4, 4) that resize to them.

        Exported graphs of other sides than 128 hold the former alone.
        """
        rows, columns = (
            functional.interpolate(torch.eye(GRID)[None], size=side, mode="linear", align_corners=True)[0]
            for side in weight.shape[2:]
        )
        # Of interpolation along rows with weights (4, H), its inverse; if there are several, the least.
        own: Tensor = torch.linalg.pinv(rows.T) @ weight @ torch.linalg.pinv(columns.T).T
        return own


NECK = Neck(build=Weighted)
