"""Compact residual network of plain 3 x 3 convolutions.

Depthwise layers save multiplications and lose time: on a CPU they train 4 to 10 times slower than these,
which run as dense matrix products in bfloat16. Batch normalisation folds into the convolutions at export.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from facing.models.contracts import PLAIN, Backbone

# Channels per stage; every stage halves the picture. The last figure of each: extra blocks at the last stage.
VARIANTS: dict[str, tuple[tuple[int, ...], int]] = {
    "nano": ((16, 32, 48, 64, 96), 0),
    "tiny": ((24, 32, 64, 128, 160), 0),
    "small": ((24, 32, 64, 128, 192), 1),
    "medium": ((32, 64, 128, 192, 256), 1),
}


class Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut (He et al. 2016, figure 5 left)."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.first = _convolution(inputs, outputs, size=3, stride=stride)
        self.second = _convolution(outputs, outputs, size=3, stride=1)
        straight = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if straight else _convolution(inputs, outputs, size=1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Turn (N, inputs, H, W) into (N, outputs, H / stride, W / stride)."""
        inner = self.second(torch.relu(self.first(x)))
        return torch.relu(inner + self.shortcut(x))


class Compact(nn.Module):
    """Stem and one residual stage per further halving."""

    def __init__(self, channels: tuple[int, ...], *, further: int) -> None:
        super().__init__()
        self.channels = channels[2:]
        self.strides = (8, 16, 32)
        self.normalisation = PLAIN
        self.stem = _convolution(3, channels[0], size=3, stride=2)
        self.stages = nn.ModuleList(
            Block(before, after, stride=2) for before, after in itertools.pairwise(channels)
        )
        self.further = nn.Sequential(*(Block(channels[-1], channels[-1], stride=1) for _ in range(further)))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Turn (N, 3, H, W) into maps at strides 8, 16 and 32."""
        x = torch.relu(self.stem(x))
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        maps[-1] = self.further(x)
        return tuple(maps[1:])


def _convolution(inputs: int, outputs: int, *, size: int, stride: int) -> nn.Sequential:
    layer = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(layer, nn.BatchNorm2d(outputs))


def _build(variant: str, /, *, compat: bool) -> nn.Module:
    del compat  # our own network, in no published system
    channels, further = VARIANTS[variant]
    return Compact(channels, further=further)


BUILD = Backbone(variants=tuple(VARIANTS), build=_build)
