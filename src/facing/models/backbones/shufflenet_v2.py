"""ShuffleNetV2 (Ma et al. 2018), torchvision's; variants are its scales.

`compat`: the max pool of the compact system rounds up (`ceil_mode`): 41 x 41 cells instead of 40 x 40 at 160,
24 % more multiplications.
"""

from __future__ import annotations

import torchvision.models
from torch import Tensor, nn

from facing.models.contracts import IMAGENET, Backbone
from facing.models.pretrained import torchvision_weights

NAMES = {
    "0.5": "shufflenet_v2_x0_5",
    "1.0": "shufflenet_v2_x1_0",
    "1.5": "shufflenet_v2_x1_5",
    "2.0": "shufflenet_v2_x2_0",
}
# After the pool, the second, the third stage and the last convolution.
CHANNELS = {
    "0.5": (24, 48, 96, 1024),
    "1.0": (24, 116, 232, 1024),
    "1.5": (24, 176, 352, 1024),
    "2.0": (24, 244, 488, 2048),
}


class ShuffleNet(nn.Module):
    """torchvision's network without its classifier."""

    def __init__(self, variant: str, *, ceil_mode: bool) -> None:
        super().__init__()
        network = torchvision.models.get_model(NAMES[variant], weights=None, num_classes=1)
        self.conv1 = network.conv1
        self.maxpool = nn.MaxPool2d(3, 2, 1, ceil_mode=ceil_mode)
        self.stage2 = network.stage2
        self.stage3 = network.stage3
        self.stage4 = network.stage4
        self.conv5 = network.conv5
        self.channels = CHANNELS[variant]
        self.strides = (4, 8, 16, 32)
        self.normalisation = IMAGENET

    @property
    def stem(self) -> nn.Module:
        """The first convolution with its normalisation."""
        stem: nn.Module = self.conv1
        return stem

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Turn (N, 3, H, W) into maps at strides 4, 8, 16 and 32."""
        first = self.maxpool(self.conv1(x))
        second = self.stage2(first)
        third = self.stage3(second)
        return first, second, third, self.conv5(self.stage4(third))


def _build(variant: str, /, *, compat: bool) -> nn.Module:
    return ShuffleNet(variant, ceil_mode=compat)


BUILD = Backbone(variants=tuple(NAMES), build=_build, pretrained=torchvision_weights(NAMES))
