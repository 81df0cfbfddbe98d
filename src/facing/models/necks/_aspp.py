"""The ASPP of the pyramid system: four branches side by side, two of them with an attention over channels.

Source: Chen et al. 2017 ("Rethinking Atrous Convolution") for the branches; the published attention is
like ECA (Wang et al. 2020) with a 1 x 1 convolution before it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

DROPOUT = 0.5


class Attention(nn.Module):
    """Scale channels by what their means say: 1 x 1 convolution, one along the channels, sigmoid."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(channels, channels, 1, bias=False)
        self.along = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Turn (N, C, H, W) into the same shape."""
        mean = self.mix(x.mean((2, 3), keepdim=True))
        weight = self.along(mean.flatten(1)[:, None])[:, 0].sigmoid()
        scaled: Tensor = x * weight[:, :, None, None]
        return scaled


class Aspp(nn.Module):
    """Branches 1 x 1; 1 x 1 with attention; 3 x 3 of dilation 2 with attention; the mean; then all mixed."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.plain = _convolution(inputs, outputs, size=1)
        self.near = nn.Sequential(_convolution(inputs, outputs, size=1), Attention(outputs))
        self.wide = nn.Sequential(_convolution(inputs, outputs, size=3, dilation=2), Attention(outputs))
        self.mean = _convolution(inputs, outputs, size=1)
        self.project = nn.Sequential(_convolution(4 * outputs, outputs, size=1), nn.Dropout(DROPOUT))
        self.last = _convolution(outputs, outputs, size=3)

    def forward(self, x: Tensor) -> Tensor:
        """Turn (N, inputs, H, W) into (N, outputs, H, W)."""
        # Bilinear resizing of one cell repeats it.
        mean = self.mean(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        joined = torch.cat((self.plain(x), self.near(x), self.wide(x), mean), dim=1)
        out: Tensor = self.last(self.project(joined))
        return out


def _convolution(inputs: int, outputs: int, *, size: int, dilation: int = 1) -> nn.Sequential:
    padding = size // 2 * dilation
    layer = nn.Conv2d(inputs, outputs, size, padding=padding, dilation=dilation, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.SiLU(inplace=True))
