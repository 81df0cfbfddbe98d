"""SqueezeNet (Iandola et al. 2016), torchvision's layers.

The `extended` variants are those of the compact system for class heads: a max pool and two more Fire modules
at stride 32, 1024 channels. Convolution and pools do not pad, so maps are up to two cells smaller than
side / stride.
`compat` changes nothing.
"""

from __future__ import annotations

from torch import nn
from torchvision.models import SqueezeNet
from torchvision.models.squeezenet import Fire

from facing.models.backbones._tapped import Tapped
from facing.models.contracts import IMAGENET, Backbone
from facing.models.pretrained import torchvision_weights

EXTENDED = "-extended"
VARIANTS = ("1.0", "1.1", "1.0-extended", "1.1-extended")
# Layers that end at strides 4, 8 and 16, and their channels.
TAPS = {
    "1.0": {5: (256, 4), 10: (512, 8), 12: (512, 16)},
    "1.1": {4: (128, 4), 7: (256, 8), 12: (512, 16)},
}


def _build(variant: str, /, *, compat: bool) -> nn.Module:
    del compat
    version = variant.removesuffix(EXTENDED)
    layers = list(SqueezeNet(version.replace(".", "_"), num_classes=1).features)
    taps = dict(TAPS[version])
    if variant.endswith(EXTENDED):
        layers += [
            nn.MaxPool2d(3, 2, ceil_mode=True),
            _initialised(Fire(512, 96, 512, 512)),
            _initialised(Fire(1024, 96, 512, 512)),
        ]
        taps[len(layers) - 1] = (1024, 32)
    return Tapped(layers, taps=taps, normalisation=IMAGENET)


def _initialised(fire: nn.Module) -> nn.Module:
    """Start as torchvision starts its own Fire modules."""
    for layer in fire.modules():
        if isinstance(layer, nn.Conv2d):
            assert layer.bias is not None
            nn.init.kaiming_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return fire


BUILD = Backbone(
    variants=VARIANTS,
    build=_build,
    smallest=37,  # below, a pool of the largest variant finds less than it reads
    pretrained=torchvision_weights(
        {variant: "squeezenet" + variant.removesuffix(EXTENDED).replace(".", "_") for variant in VARIANTS}
    ),
)
