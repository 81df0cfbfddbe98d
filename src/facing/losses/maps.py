"""Distance between the maps of two networks that read the same pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


def map_loss(own: Sequence[Tensor], taught: Sequence[Tensor]) -> Tensor:
    """Give the squared distance of maps from those of a teacher, as a share of the teacher's own square.

    The share makes maps of all strides count alike, whatever their scale.

    Args:
        own: maps that learn, (N, C, H, W) each.
        taught: maps of the teacher, of the same shapes.

    Returns:
        A single number, the sum over the maps: 0 where they agree, 1 for each map that is nought.

    Source: maps as hints, Romero et al. 2015, eq. 3, without its regressor, as both are of the same width.
    """
    shares = [
        (mine.float() - theirs.float()).square().mean() / theirs.float().square().mean().clamp_min(1e-6)
        for mine, theirs in zip(own, taught, strict=True)
    ]
    return torch.stack(shares).sum()


LOSS = map_loss
