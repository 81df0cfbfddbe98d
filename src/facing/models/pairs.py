"""Two neighbouring pixels read as one of six channels, which is how they lie in memory.

First convolutions then have fewer and longer pieces to collect, which is quicker in 8 bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def read_pairs(picture: Tensor, *, mean: Tensor, scale: Tensor) -> Tensor:
    """Turn (N, S, S, 3) uint8, S even, into normalised pairs (N, 6, S, S / 2).

    Args:
        picture: RGB crops.
        mean: (3, 1, 1), taken from every pixel.
        scale: (3, 1, 1), by which it is then multiplied.
    """
    side = picture.shape[1]
    x = picture.reshape(-1, side, side // 2, 6).permute(0, 3, 1, 2).float()
    return (x - mean.repeat(2, 1, 1)) * scale.repeat(2, 1, 1)


def to_pairs(columns: Tensor) -> Tensor:
    """Turn weights over pixels, (C, 3, 3, 2 P), into weights over pairs, (C, 6, 3, P)."""
    # From (out, colour, row, pixel) to (out, pixel of the pair x colour, row, pair).
    return columns.reshape(len(columns), 3, 3, -1, 2).permute(0, 4, 1, 2, 3).flatten(1, 2).contiguous()


def from_pairs(weight: Tensor) -> Tensor:
    """Turn weights over pairs, (C, 6, 3, P), back into weights over pixels, (C, 3, 3, 2 P)."""
    return weight.reshape(len(weight), 2, 3, 3, -1).permute(0, 2, 3, 4, 1).flatten(3)
