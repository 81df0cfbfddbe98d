"""How differently a network errs on two crops of one head."""

from __future__ import annotations

import torch
from torch import Tensor

from facing.losses.geodesic import geodesic_angle


def consistency_loss(predicted: Tensor, target: Tensor, *, mirrored: Tensor) -> Tensor:
    """Compare the errors of pairs of crops, as turns of the head's own frame.

    A turn in the picture's plane leaves such an error alone and a mirror image mirrors it, so the crops of a
    pair may differ in both, and in box, light and background.

    Args:
        predicted: rotations, (2 N, 3, 3); rows 2 n and 2 n + 1 show the same head.
        target: their labels, (2 N, 3, 3).
        mirrored: which crops are mirror images, (2 N,) bool.

    Returns:
        (N,), angle between the two errors, radians, 0 to pi.

    Source: own.
    """
    error = target.transpose(1, 2) @ predicted
    signs = torch.where(mirrored[:, None], error.new_tensor([-1.0, 1.0, 1.0]), 1.0)
    error = error * signs[:, :, None] * signs[:, None, :]
    return geodesic_angle(error[0::2], error[1::2])


LOSS = consistency_loss
