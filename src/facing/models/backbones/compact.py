"""Compact residual network of plain 3 x 3 convolutions.

Depthwise layers save multiplications and lose time: on a CPU they train 4 to 10 times slower than these,
which run as dense matrix products in bfloat16. Batch normalisation folds into the convolutions at export.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import torch
from torch import Tensor, nn

from facing.models.contracts import PLAIN, Backbone


class Shape(NamedTuple):
    """What tells the variants apart."""

    channels: tuple[int, ...]
    """Of the stem and the stages, each of which halves the picture."""
    further: tuple[int, ...]
    """Further blocks of each stage."""
    smooth: tuple[int, ...] = ()
    """Stages, from 0, whose block smooths its map before it halves it."""


VARIANTS = {
    "nano": Shape((16, 32, 48, 64, 96), (0, 0, 0, 0)),
    "tiny": Shape((24, 32, 64, 128, 160), (0, 0, 0, 0)),
    "small": Shape((24, 32, 64, 128, 192), (0, 0, 0, 1)),
    "small-deep": Shape((24, 32, 64, 128, 192), (0, 1, 0, 2)),
    "small-smooth": Shape((24, 32, 64, 128, 192), (0, 1, 0, 2), smooth=(1, 2, 3)),
    "medium": Shape((32, 64, 128, 192, 256), (0, 0, 0, 1)),
    "base": Shape((24, 32, 64, 128, 192), (0, 1, 2, 3)),
}


class Smooth(nn.Conv2d):
    """Mean over the 3 x 3 places around each, weighted (1, 2, 1) along a side, ahead of a stride.

    What a network answers changes with the places that its strides hit; of a smooth map it changes less.
    Source: Zhang 2019, "Making Convolutional Networks Shift-Invariant Again". There the smoothing comes
    behind the convolution, whose stride moves to it; ahead of it, it does the same for less.
    """

    weight: Tensor

    def __init__(self, width: int) -> None:
        super().__init__(width, width, 3, padding=1, groups=width, bias=False)
        row = torch.tensor([1.0, 2.0, 1.0]) / 4
        del self.weight
        # Constants: no training moves them and no checkpoint holds them.
        self.register_buffer("weight", torch.outer(row, row).repeat(width, 1, 1, 1), persistent=False)


class Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut (He et al. 2016, figure 5 left)."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, smooth: bool = False) -> None:
        super().__init__()
        self.smooth = Smooth(inputs) if smooth else nn.Identity()
        self.first = _convolution(inputs, outputs, size=3, stride=stride)
        self.second = _convolution(outputs, outputs, size=3, stride=1)
        straight = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if straight else _convolution(inputs, outputs, size=1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Turn (N, inputs, H, W) into (N, outputs, H / stride, W / stride)."""
        x = self.smooth(x)
        inner = self.second(torch.relu(self.first(x)))
        return torch.relu(inner + self.shortcut(x))


class Compact(nn.Module):
    """Stem and one residual stage per further halving.

    Further blocks start as the identity (zero scale of their last normalisation, Goyal et al. 2017), so a
    network may start from the weights of a shallower one: "base" from those of "small". They stay near it:
    without half of base's further blocks "small-deep" goes on from nearly base's error (docs/log.md).
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        channels, further, smooth = shape
        self.channels = channels[2:]
        self.strides = (8, 16, 32)
        self.normalisation = PLAIN
        self.stem = _convolution(3, channels[0], size=3, stride=2)
        self.stages = nn.ModuleList(
            Block(before, after, stride=2, smooth=stage in smooth)
            for stage, (before, after) in enumerate(itertools.pairwise(channels))
        )
        self.further = nn.ModuleList(
            nn.Sequential(*(_unchanging(width) for _ in range(count)))
            for width, count in zip(channels[1:], further, strict=True)
        )

    def folded_stem(self) -> tuple[Tensor, Tensor]:
        """Give the weights of the stem, (C, 3, 3, 3), and its bias, its normalisation folded in."""
        convolution, normalisation = self.stem
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(normalisation, nn.BatchNorm2d)
        folded = nn.utils.fuse_conv_bn_eval(convolution.eval(), normalisation.eval())
        assert folded.bias is not None
        return folded.weight.detach(), folded.bias.detach()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Turn (N, 3, H, W) into maps at strides 8, 16 and 32."""
        return self.after_stem(torch.relu(self.stem(x)))

    def after_stem(self, x: Tensor) -> tuple[Tensor, ...]:
        """Turn what the stem gives, (N, C, H / 2, W / 2), into the maps."""
        maps = []
        for stage, further in zip(self.stages, self.further, strict=True):
            x = further(stage(x))
            maps.append(x)
        return tuple(maps[1:])


def _unchanging(width: int) -> Block:
    block = Block(width, width, stride=1)
    normalisation = block.second[1]
    assert isinstance(normalisation, nn.BatchNorm2d)
    nn.init.zeros_(normalisation.weight)
    return block


def _convolution(inputs: int, outputs: int, *, size: int, stride: int) -> nn.Sequential:
    layer = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(layer, nn.BatchNorm2d(outputs))


def _build(variant: str, /, *, compat: bool) -> nn.Module:
    del compat  # our own network, in no published system
    return Compact(VARIANTS[variant])


BUILD = Backbone(variants=tuple(VARIANTS), build=_build)
