"""The pose network that is trained and exported: uint8 pictures in, rotation and spread out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from facing.models.contracts import build_backbone, build_head

# Pixel values become about -1 to 1; the same for every channel, so grey stays grey.
PIXEL_MEAN = 127.5
PIXEL_SCALE = 1 / 64.0


class PoseNetwork(nn.Module):
    """Normalise, backbone, mean over the last map, head."""

    def __init__(self, backbone: str, *, variant: str, head: str, landmarks: bool) -> None:
        super().__init__()
        self.backbone, _ = build_backbone(backbone, variant=variant)
        channels = self.backbone.channels
        assert isinstance(channels, tuple)
        self.head = build_head(head, channels=channels[-1], landmarks=landmarks)

    def forward(self, picture: Tensor) -> dict[str, Tensor]:
        """Read the pose of heads.

        Args:
            picture: uint8 RGB crops, (N, S, S, 3).

        Returns:
            The outputs of the head, float32; in eval mode they are the graph contract's names.
        """
        x = (picture.permute(0, 3, 1, 2).float() - PIXEL_MEAN) * PIXEL_SCALE
        features = self.backbone(x)[-1].mean((2, 3))
        if torch.compiler.is_compiling():
            return self.head(features)  # type: ignore[no-any-return]
        # Eight bits of bfloat16 are half a degree: the head stays float32 whatever the precision.
        with torch.autocast(features.device.type, enabled=False):
            return self.head(features.float())  # type: ignore[no-any-return]
