"""A pose network that reads four windows of every crop, two of them mirrored, and answers with the mean.

What a network answers depends on which pixels its strides hit: that noise is most of what an answer turns by
when the box moves (docs/log.md). Windows that lie ten pixels apart are hit at other places by every stride
behind the first one, and share what comes before it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from facing.crop import CropSpec
from facing.errors import ModelError
from facing.models.backbones.compact import Compact
from facing.models.heads.rotation_6d import RotationHead
from facing.models.mirror import BothWays
from facing.models.network import PoseNetwork

# How far windows lie apart in pixels of the stem's output, two of the crop each. Odd, so that later strides
# hit other places; of 2 to 16 pixels of the crop, 10 turn the answer least (docs/log.md).
APART = 5
STEM_STRIDE = 2
FURTHER = APART * STEM_STRIDE
"""Pixels that a crop with four windows is larger than one of them."""
# Mirrored or not, right, down: the four corners, one diagonal as it is, the other mirrored. So a mirrored
# crop is read in the same four windows and gives the mirrored pose.
WINDOWS = ((False, 0, 0), (False, 1, 1), (True, 1, 0), (True, 0, 1))


def windowed_crop(spec: CropSpec) -> CropSpec:
    """Give the crop that holds four windows of a network: as many pixels per head, further at every edge.

    Args:
        spec: the crop that the network was trained on.
    """
    side = spec.side + FURTHER
    return CropSpec(side=side, scale=spec.scale * side / spec.side)


class WindowAverage(nn.Module):
    """Wraps a network with a compact backbone and a rotation head; for export, not for training.

    The mean is taken of the numbers that the head reads, before they are decoded once.
    """

    def __init__(self, network: nn.Module) -> None:
        """Take a trained network and put it into eval mode.

        Raises:
            ModelError: its head does not say how its numbers are mirrored, or its backbone has no stem that
                reads both ways.
        """
        super().__init__()
        if not isinstance(network, PoseNetwork) or not isinstance(network.head, RotationHead):
            raise ModelError("--windows averages rotations")
        if not isinstance(network.backbone, Compact):
            raise ModelError(
                f"--windows is for compact backbones, not {network.model.backbone}; use --mirror"
            )
        self.network = network
        self.head = network.head
        self.stem = BothWays(network.backbone)
        self.eval()

    def forward(self, picture: Tensor) -> dict[str, Tensor]:
        """Read crops, (N, S, S, 3) uint8, S even and `FURTHER` more than the side of a window.

        Returns:
            `rotation` (N, 3, 3) and `spread` (N,), of the mean of four readings.
        """
        backbone = self.network.backbone
        assert isinstance(backbone, Compact)
        ways = self.stem(picture, mean=self.network.mean, scale=self.network.scale)
        side = picture.shape[1] // STEM_STRIDE - APART
        windows = []
        for mirrored, right, down in WINDOWS:
            seen = ways[int(mirrored)][
                :, :, down * APART : down * APART + side, right * APART : right * APART + side
            ]
            windows.append(seen.flip(3) if mirrored else seen)
        features = self.network.neck(backbone.after_stem(torch.cat(windows)))
        return self.head.mean_answer(features, mirrored=[mirrored for mirrored, _, _ in WINDOWS])
