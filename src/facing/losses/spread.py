"""Likelihood of the angle of error under the predicted spread."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def spread_loss(spread: Tensor, angle: Tensor) -> Tensor:
    """Score a predicted spread against the error that was made.

    The exponential likelihood, log s + angle / s, is least where s is the expected angle. No gradient goes
    into the angle: otherwise easy pictures, whose spread is small, would take over the learning.

    Args:
        spread: predicted expected angle in radians, (N,), above 0.
        angle: angle of error in radians, (N,).

    Returns:
        (N,), unbounded below.

    Source: Kendall and Gal 2017, eq. 8, with an exponential in place of the normal distribution.
    """
    return spread.log() + angle.detach() / spread


LOSS = spread_loss
