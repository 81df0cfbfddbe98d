"""Two looks of a detector at one picture, such as at its mirror image -> the mean of both.

What a detector says of a head depends on which pixels its strides hit, and what holds no head seldom passes
for one in both looks (docs/log.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facing.geometry.boxes import overlap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Look = tuple[NDArray[np.floating], NDArray[np.floating]]

SAME = 0.5
"""Overlap above which boxes of two looks may be of one head."""
LEAST_SCORE = 0.08
"""Boxes below it count as not seen: every look ends in rows that hold nothing."""


def mirrored_boxes(boxes: NDArray[np.floating], *, width: int) -> NDArray[np.floating]:
    """Give the boxes of what lies at (K, 4) xyxy in a picture of this width in its mirror image."""
    out = boxes.copy()
    out[:, 0], out[:, 2] = width - boxes[:, 2], width - boxes[:, 0]
    return out


def mean_look(first: Look, second: Look) -> Look:
    """Match the boxes of two looks one to one, the surest first, and take the mean of each pair.

    Args:
        first: boxes (K, 4) xyxy and scores (K,).
        second: the same of another look, in the same pixels.

    Returns:
        Boxes, weighed by their scores, and mean scores. A box of one look alone keeps half of its score.
    """
    boxes, scores = _seen(*first)
    others, other_scores = _seen(*second)
    order = np.argsort(-scores, kind="stable")
    boxes, scores = boxes[order], scores[order]
    common = overlap(boxes, others)
    free = np.ones(len(others), dtype=bool)
    pairs = np.full(len(boxes), -1)
    for row, shared in enumerate(common):
        fits = np.where(free & (shared > SAME), other_scores, 0.0)
        if fits.any():
            pairs[row] = fits.argmax()
            free[pairs[row]] = False
    alone = pairs < 0
    paired = others[pairs[~alone]]
    share = scores[~alone] / (scores[~alone] + other_scores[pairs[~alone]])
    means = share[:, None] * boxes[~alone] + (1 - share)[:, None] * paired
    found = np.concatenate([means, boxes[alone], others[free]])
    sure = np.concatenate(
        [(scores[~alone] + other_scores[pairs[~alone]]) / 2, scores[alone] / 2, other_scores[free] / 2]
    )
    best = np.argsort(-sure, kind="stable")
    return found[best], sure[best]


def _seen(boxes: NDArray[np.floating], scores: NDArray[np.floating]) -> Look:
    seen = scores >= LEAST_SCORE
    return boxes[seen], scores[seen]
