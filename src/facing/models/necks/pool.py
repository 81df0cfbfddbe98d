"""The mean over the last map: what most classifiers do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from facing.models.contracts import Neck

if TYPE_CHECKING:
    from collections.abc import Sequence


class Pool(nn.Module):
    """Global average pooling of the last map."""

    def __init__(self, channels: tuple[int, ...], strides: tuple[int, ...]) -> None:
        super().__init__()
        del strides
        self.features = channels[-1]

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Turn maps, the last (N, C, H, W), into (N, C)."""
        return maps[-1].mean((2, 3))


NECK = Neck(build=Pool)
