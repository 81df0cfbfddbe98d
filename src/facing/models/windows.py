"""A pose network that reads two or three windows of every crop and answers with the mean.

What a network answers depends on which pixels its strides hit: that noise is most of what an answer turns by
when the box moves (docs/log.md). Windows that lie a few pixels apart, no power of two, are hit at other
places by every stride behind the first one, and share what comes before it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from facing.crop import CropSpec
from facing.errors import ModelError
from facing.models.backbones.compact import Compact
from facing.models.heads.rotation_6d import RotationHead
from facing.models.network import PoseNetwork
from facing.models.pairs import from_pairs, read_pairs, to_pairs

STEM_STRIDE = 2
APART = 5
"""How far the outer windows lie from each other, right and down, in pixels of the stem's output, two of the
crop each. Of 1 to 8, 5 turn the answer least (docs/log.md)."""
WINDOWS = {2: ((0, 0), (APART, APART)), 3: ((0, 0), (2, 3), (APART, APART))}
"""Where the windows lie, by their number: two corners, and the middle between them."""
FURTHER = STEM_STRIDE * (APART + 1)
"""Pixels that a crop with windows is larger than one of them, one at every edge for the first convolution."""


def windowed_crop(spec: CropSpec) -> CropSpec:
    """Give the crop that holds all windows of a network: as many pixels per head, further at every edge.

    Args:
        spec: the crop that the network was trained on.

    Raises:
        ModelError: its side is odd.
    """
    if spec.side % STEM_STRIDE:
        raise ModelError(f"--windows needs crops of an even side, not {spec.side} pixels; use --mirror")
    side = spec.side + FURTHER
    return CropSpec(side=side, scale=spec.scale * side / spec.side)


class WindowAverage(nn.Module):
    """Wraps a network with a compact backbone and a rotation head; for export, not for training.

    The mean is taken of the numbers that the head reads, before they are decoded once.
    """

    def __init__(self, network: nn.Module, *, count: int) -> None:
        """Take a trained network and put it into eval mode.

        Args:
            network: to read windows with.
            count: of the windows, one of `WINDOWS`.

        Raises:
            ModelError: there is no such number, its head does not give numbers of rotations, or its backbone
                has no stem.
        """
        super().__init__()
        if count not in WINDOWS:
            raise ModelError(f"--windows {count} cannot be; give {' or '.join(map(str, WINDOWS))}")
        if not isinstance(network, PoseNetwork) or not isinstance(network.head, RotationHead):
            raise ModelError("--windows averages rotations")
        if not isinstance(network.backbone, Compact):
            raise ModelError(
                f"--windows is for compact backbones, not {network.model.backbone}; use --mirror"
            )
        self.windows = WINDOWS[count]
        self.network = network
        self.head = network.head
        self.stem = PairedStem(network.backbone)
        self.eval()

    def forward(self, picture: Tensor) -> dict[str, Tensor]:
        """Read crops, (N, S, S, 3) uint8, S even and `FURTHER` more than the side of a window.

        Returns:
            `rotation` (N, 3, 3) and `spread` (N,), of the mean of all readings.
        """
        backbone = self.network.backbone
        assert isinstance(backbone, Compact)
        seen = self.stem(picture, mean=self.network.mean, scale=self.network.scale)
        side = (picture.shape[1] - FURTHER) // STEM_STRIDE
        windows = [seen[:, :, down : down + side, right : right + side] for right, down in self.windows]
        features = self.network.neck(backbone.after_stem(torch.cat(windows)))
        return self.head.mean_answer(features, mirrored=(False,) * len(windows))


class PairedStem(nn.Module):
    """The stem of a compact backbone over crops, none of it over padding."""

    weight: Tensor
    bias: Tensor

    def __init__(self, backbone: Compact) -> None:
        """Take the stem's weights."""
        super().__init__()
        one, bias = backbone.folded_stem()
        # Columns of the kernel are pixels 2i to 2i + 3, the last of which counts nothing.
        columns = functional.pad(one, (0, 1))
        self.register_buffer("weight", to_pairs(columns))
        self.register_buffer("bias", bias)

    @staticmethod
    def unpaired(weight: Tensor) -> Tensor:
        """Turn the weights that read pairs, (C, 6, 3, 2), into those of the stem, (C, 3, 3, 3)."""
        return from_pairs(weight)[..., :3].contiguous()

    def forward(self, picture: Tensor, *, mean: Tensor, scale: Tensor) -> Tensor:
        """Turn (N, S, S, 3) uint8, S even, into (N, C, S / 2 - 1, S / 2 - 1).

        The first place is what the stem, which pads, sees at the second pixel right and down.
        """
        x = read_pairs(picture, mean=mean, scale=scale)
        return torch.relu(functional.conv2d(x, self.weight, self.bias, stride=(STEM_STRIDE, 1)))
