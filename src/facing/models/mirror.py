"""A pose network that also reads the mirror image of every crop and answers with the mean of both.

The mean of a crop and its mirror image errs by half a degree less (docs/log.md) and costs a second pass.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from facing.errors import ModelError
from facing.models.backbones.compact import Compact
from facing.models.heads.rotation_6d import RotationHead
from facing.models.network import PoseNetwork
from facing.models.pairs import from_pairs, read_pairs, to_pairs


class MirrorAverage(nn.Module):
    """Wraps a network with a rotation head; for export, not for training.

    The mean is taken of the numbers that the head reads, before they are decoded: as good as the mean of
    two rotations (docs/log.md) and a third of its operators.
    """

    def __init__(self, network: nn.Module) -> None:
        """Take a trained network and put it into eval mode.

        Raises:
            ModelError: its head does not say how its numbers are mirrored.
        """
        super().__init__()
        if not isinstance(network, PoseNetwork) or not isinstance(network.head, RotationHead):
            raise ModelError("--mirror averages rotations")
        self.network = network
        self.head = network.head
        self.stem = BothWays(network.backbone) if isinstance(network.backbone, Compact) else None
        self.eval()

    def forward(self, picture: Tensor) -> dict[str, Tensor]:
        """Read crops, (N, S, S, 3) uint8.

        Returns:
            `rotation` (N, 3, 3) and `spread` (N,), of the mean of both readings.
        """
        if self.stem is None or picture.shape[1] % 2:
            features = self.network.features(torch.cat([picture, picture.flip(2)]))
        else:
            seen, mirrored = self.stem(picture, mean=self.network.mean, scale=self.network.scale)
            seen = torch.cat([seen, mirrored.flip(3)])
            backbone = self.network.backbone
            assert isinstance(backbone, Compact)
            features = self.network.neck(backbone.after_stem(seen))
        return self.head.mean_answer(features, mirrored=(False, True))


class BothWays(nn.Module):
    """The stem of a compact backbone over crops and their mirror images, without mirroring a picture.

    A mirror image seen by a convolution is the mirror image of what the mirrored convolution sees. So one
    convolution gives both, and what is mirrored is its output.
    """

    weight: Tensor
    bias: Tensor
    PAIRS = 3
    """Width of the kernel."""

    def __init__(self, backbone: Compact) -> None:
        """Take the stem's weights."""
        super().__init__()
        one, bias = backbone.folded_stem()
        channels = len(one)
        # Columns of the kernel are pairs of pixels 2i - 2 and 2i - 1, 2i and 2i + 1, 2i + 2 and 2i + 3. The
        # convolution about pixel 2i reads 2i - 1 to 2i + 1, that of the mirror image 2i + 2 down to 2i.
        columns = torch.zeros(2 * channels, 3, 3, 6)
        columns[:channels, :, :, 1:4] = one
        columns[channels:, :, :, 2:5] = one.flip(3)
        self.register_buffer("weight", to_pairs(columns))
        self.register_buffer("bias", bias.repeat(2))

    @staticmethod
    def one_way(weight: Tensor) -> Tensor:
        """Turn the weights of both ways, (2 C, 6, 3, 3), into those of the stem, (C, 3, 3, 3)."""
        return from_pairs(weight)[: len(weight) // 2, :, :, 1:4].contiguous()

    def forward(self, picture: Tensor, *, mean: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Turn (N, S, S, 3) uint8, S even, into two maps (N, C, S / 2, S / 2).

        The first is the stem's; the second that of the mirror image, still to be flipped.
        """
        x = read_pairs(picture, mean=mean, scale=scale)
        both = torch.relu(functional.conv2d(x, self.weight, self.bias, stride=(2, 1), padding=1))
        seen, mirrored = both.chunk(2, dim=1)
        return seen, mirrored
