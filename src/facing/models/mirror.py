"""A pose network that also reads the mirror image of every crop and answers with the mean of both.

The mean of a crop and its mirror image errs by half a degree less (docs/log.md) and costs a second pass.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from facing.models.heads.rotation_6d import rotation_from_6d

# Mirroring a picture turns a rotation M into S M S with S = diag(-1, 1, 1).
_MIRROR = ((1.0, -1.0, -1.0), (-1.0, 1.0, 1.0), (-1.0, 1.0, 1.0))


class MirrorAverage(nn.Module):
    """Wraps a network with outputs `rotation` and `spread`; for export, not for training."""

    def __init__(self, network: nn.Module) -> None:
        """Take a trained network."""
        super().__init__()
        self.network = network
        self.register_buffer("signs", torch.tensor(_MIRROR))

    def forward(self, picture: Tensor) -> dict[str, Tensor]:
        """Read crops, (N, S, S, 3) uint8.

        Returns:
            `rotation` (N, 3, 3) and `spread` (N,), the mean of both readings.
        """
        both = self.network(torch.cat([picture, picture.flip(2)]))
        seen, mirrored = both["rotation"].unflatten(0, (2, -1)).unbind(0)
        total = seen + mirrored * self.signs
        # Gram-Schmidt commutes with mirroring, so the mean of a mirrored picture is the mirrored mean.
        rotation = rotation_from_6d(total[:, :, :2].transpose(1, 2).flatten(1))
        return {"rotation": rotation, "spread": both["spread"].unflatten(0, (2, -1)).mean(0)}
