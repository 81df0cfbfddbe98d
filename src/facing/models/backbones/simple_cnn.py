"""The seven-layer network of the orientation system: 69,543 parameters with a linear layer of three classes.

Every layer is a convolution with a border of one pixel (the 5 x 5 ones lose two), batch normalisation, ReLU
and a max pool. From 222 pixels on something is left for the last pool; up to 413 it is one cell. `compat`
changes nothing.
"""

from __future__ import annotations

from torch import nn

from facing.models.backbones._tapped import Tapped
from facing.models.contracts import UNIT, Backbone

# Size of the kernel, channels, size of the pool.
LAYERS = ((5, 6, 2), (5, 16, 2), (5, 32, 2), (5, 32, 2), (3, 32, 2), (3, 32, 2), (3, 32, 3))
STRIDE = 192


def _build(variant: str, /, *, compat: bool) -> nn.Module:
    del variant, compat
    layers = []
    before = 3
    for kernel, channels, pool in LAYERS:
        layers.append(
            nn.Sequential(
                nn.Conv2d(before, channels, kernel, padding=1),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(pool),
            )
        )
        before = channels
    return Tapped(layers, taps={len(layers) - 1: (before, STRIDE)}, normalisation=UNIT)


BUILD = Backbone(variants=("7",), build=_build, smallest=222)
