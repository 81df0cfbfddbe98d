"""EfficientNetV2 (Tan and Le 2021) up to its fifth stage, torchvision's: what the pyramid system reads.

What follows that stage is not built; blocks are dropped in training as often as in the whole network.
`compat`: batch normalisation adds 1e-5 to variances, as the pyramid system does; the ImageNet weights were
learned with 1e-3.
"""

from __future__ import annotations

import functools

from torch import nn
from torchvision.models.efficientnet import EfficientNet, FusedMBConvConfig, MBConvConfig

from facing.models.backbones._tapped import Tapped
from facing.models.contracts import IMAGENET, Backbone
from facing.models.pretrained import torchvision_weights

FUSED, MOBILE = FusedMBConvConfig, MBConvConfig
# Stages: kind, expansion, stride, channels before and after, blocks; kernels are 3 x 3 (tables 4 and 9 of the
# paper and its code). Then the blocks of the whole network, by which dropping is scaled.
VARIANTS = {
    "s": (
        (
            (FUSED, 1, 1, 24, 24, 2),
            (FUSED, 4, 2, 24, 48, 4),
            (FUSED, 4, 2, 48, 64, 4),
            (MOBILE, 4, 2, 64, 128, 6),
            (MOBILE, 6, 1, 128, 160, 9),
        ),
        40,
    ),
    "m": (
        (
            (FUSED, 1, 1, 24, 24, 3),
            (FUSED, 4, 2, 24, 48, 5),
            (FUSED, 4, 2, 48, 80, 5),
            (MOBILE, 4, 2, 80, 160, 7),
            (MOBILE, 6, 1, 160, 176, 14),
        ),
        57,
    ),
    "l": (
        (
            (FUSED, 1, 1, 32, 32, 4),
            (FUSED, 4, 2, 32, 64, 7),
            (FUSED, 4, 2, 64, 96, 7),
            (MOBILE, 4, 2, 96, 192, 10),
            (MOBILE, 6, 1, 192, 224, 19),
        ),
        79,
    ),
}
DROP = 0.2
"""Probability with which the last block of the whole network is dropped; it rises evenly from 0."""
# Stages whose ends are read, and their strides.
TAPS = {2: 4, 3: 8, 4: 16, 5: 16}


def _build(variant: str, /, *, compat: bool) -> nn.Module:
    stages, blocks_of_all = VARIANTS[variant]
    blocks = sum(stage[-1] for stage in stages)
    network = EfficientNet(
        [
            kind(expansion, 3, stride, before, after, count)
            for kind, expansion, stride, before, after, count in stages
        ],
        dropout=0.0,
        stochastic_depth_prob=DROP * blocks / blocks_of_all,
        num_classes=1,
        norm_layer=functools.partial(nn.BatchNorm2d, eps=1e-5 if compat else 1e-3),
        last_channel=1,
    )
    layers = list(network.features)[:-1]
    return Tapped(
        layers,
        taps={index: (stages[index - 1][4], stride) for index, stride in TAPS.items()},
        normalisation=IMAGENET,
    )


BUILD = Backbone(
    variants=tuple(VARIANTS),
    build=_build,
    pretrained=torchvision_weights({variant: f"efficientnet_v2_{variant}" for variant in VARIANTS}),
)
