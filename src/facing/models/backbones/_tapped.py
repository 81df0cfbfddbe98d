"""Backbones that are one chain of layers, read at some of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from facing.models.contracts import Normalisation


class Tapped(nn.Module):
    """A chain of layers, read after some of them; its weights are named as torchvision's."""

    def __init__(
        self,
        features: Iterable[nn.Module],
        *,
        taps: Mapping[int, tuple[int, int]],
        normalisation: Normalisation,
    ) -> None:
        """Hold the layers.

        Args:
            features: the layers in order; the first is the stem, and none comes after the last tap.
            taps: index of a layer -> channels and stride of the map it gives.
            normalisation: of the pixels it reads.
        """
        super().__init__()
        self.features = nn.Sequential(*features)
        self.taps = tuple(taps)
        self.channels = tuple(channels for channels, _ in taps.values())
        self.strides = tuple(stride for _, stride in taps.values())
        self.normalisation = normalisation
        assert self.taps[-1] == len(self.features) - 1

    @property
    def stem(self) -> nn.Module:
        """The first layer."""
        return self.features[0]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Turn (N, 3, H, W) into the maps, finest first."""
        maps = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.taps:
                maps.append(x)
        return tuple(maps)
