"""MobileNetV2 (Sandler et al. 2018), torchvision's; a variant is a width, "1.0" or any other.

`compat` gives the layers of the compact system: channels are cut to int(c * width), where torchvision rounds
them to multiples of 8, and ReLU stands for ReLU6. At width 1.0 the weights are the same.
"""

from __future__ import annotations

import re

from torch import nn
from torchvision.models import MobileNetV2
from torchvision.models.mobilenetv2 import InvertedResidual
from torchvision.ops import Conv2dNormActivation

from facing.models.backbones._tapped import Tapped
from facing.models.contracts import IMAGENET, Backbone
from facing.models.pretrained import torchvision_weights

# Expansion, channels, repeats and stride of the first repeat: table 2 of the paper.
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
STEM, LAST = 32, 1280
# Layers that end at strides 4, 8, 16 and 32.
TAPS = {3: 4, 6: 8, 13: 16, 18: 32}
WIDTHS = (0.1, 4.0)


def _published(width: float) -> list[nn.Module]:
    before = int(STEM * width)
    layers: list[nn.Module] = [
        Conv2dNormActivation(3, before, stride=2, activation_layer=nn.ReLU),
    ]
    for expansion, channels, repeats, stride in STAGES:
        after = int(channels * width)
        for index in range(repeats):
            block = InvertedResidual(before, after, stride if index == 0 else 1, expansion)
            block.conv.apply(_plain_relu)
            layers.append(block)
            before = after
    last = int(LAST * max(1.0, width))
    layers.append(Conv2dNormActivation(before, last, kernel_size=1, activation_layer=nn.ReLU))
    for layer in layers:
        layer.apply(_initialise)
    return layers


def _plain_relu(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.ReLU6):
            setattr(module, name, nn.ReLU(inplace=True))


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")


def _build(variant: str, /, *, compat: bool) -> nn.Module:
    width = float(variant)
    layers = _published(width) if compat else list(MobileNetV2(num_classes=1, width_mult=width).features)
    taps = {index: (_channels(layers[index]), stride) for index, stride in TAPS.items()}
    return Tapped(layers, taps=taps, normalisation=IMAGENET)


def _channels(layer: nn.Module) -> int:
    channels = layer.out_channels
    assert isinstance(channels, int)
    return channels


def _accepts(variant: str) -> bool:
    return bool(re.fullmatch(r"\d\.\d+", variant)) and WIDTHS[0] <= float(variant) <= WIDTHS[1]


BUILD = Backbone(
    variants=("0.5", "1.0"),
    build=_build,
    accepts=_accepts,
    further=f"any width from {WIDTHS[0]} to {WIDTHS[1]} such as 0.75",
    pretrained=torchvision_weights({"1.0": "mobilenet_v2"}),
)
