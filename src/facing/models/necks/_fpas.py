"""FPAS, the feature pyramid of the pyramid system: top-down, then bottom-up, joined by additions.

Convolutions have a bias and are followed by batch normalisation and SiLU, the transposed ones too.
"""

from __future__ import annotations

from torch import Tensor, nn


class Fpas(nn.Module):
    """From four maps at strides 4, 8, 16 and 16 to one at stride 64."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        """Build it.

        Args:
            channels: of the four maps, finest first: C2, C3, C4, C5.
        """
        super().__init__()
        c2, c3, c4, c5 = channels
        self.up1 = _narrow(c5, c4)
        self.up2 = _narrow(c4, c3)
        self.upconv2 = _double(c3)
        self.up3 = _narrow(c3, c2)
        self.upconv3 = _double(c2)
        self.down0 = _pair(c2, c2, strides=(1, 2))
        self.down1 = _pair(c2, c3, strides=(1, 2))
        self.down2 = _pair(c3, c4, strides=(1, 1))
        # Both convolutions stride: 14 -> 7 -> 4 cells at 224 pixels.
        self.down3 = _pair(c4, c5, strides=(2, 2))

    def forward(self, maps: tuple[Tensor, ...]) -> Tensor:
        """Turn (N, C2, 4s, 4s), (N, C3, 2s, 2s), (N, C4, s, s), (N, C5, s, s) into (N, C5, s / 4, s / 4)."""
        m2, m3, m4, m5 = maps
        t1 = self.up1(m5)
        t2 = self.up2(t1 + m4)
        t3 = self.up3(self.upconv2(t2) + m3)
        d0: Tensor = self.down0(self.upconv3(t3) + m2)
        d1 = self.down1(d0 + t3)
        d2 = self.down2(d1 + t2)
        down: Tensor = self.down3(d2 + t1)
        return down


def _convolution(inputs: int, outputs: int, *, size: int, stride: int = 1) -> nn.Sequential:
    layer = nn.Conv2d(inputs, outputs, size, stride, size // 2)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.SiLU(inplace=True))


def _narrow(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(_convolution(inputs, inputs, size=3), _convolution(inputs, outputs, size=1))


def _double(channels: int) -> nn.Sequential:
    layer = nn.ConvTranspose2d(channels, channels, 2, 2)
    return nn.Sequential(layer, nn.BatchNorm2d(channels), nn.SiLU(inplace=True))


def _pair(inputs: int, outputs: int, *, strides: tuple[int, int]) -> nn.Sequential:
    return nn.Sequential(
        _convolution(inputs, outputs, size=3, stride=strides[0]),
        _convolution(outputs, outputs, size=3, stride=strides[1]),
    )
