"""Whether a box holds a head: the detector's score, weighed by the error that the pose network states.

A pose network states a large error for what is no head: of boxes with scores from 0.35 to 0.5 on the
development photographs, 14 degrees in the median for heads and 60 for lamps, hands and letters. So boxes that
the detector doubts may stay where the pose is clear, and boxes it likes go where no pose is to be seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CANDIDATE_SHARE = 0.6
"""Of the detector's threshold, from which on boxes are put to the pose network."""
# Chosen on the photographs that measure and on pictures of nobody (docs/log.md). Backs of heads have large
# errors, too: with a heavier opinion a third of them would be lost.
WEIGHT = 0.55
"""Of the logarithm of the stated error, in units of the score's log-odds."""
EVEN_DEG = 32.0
"""Stated error that leaves a score as it is."""


class Candidates(NamedTuple):
    """Boxes that may hold heads, best first.

    Attributes:
        boxes: (K, 4) float32 xyxy in pixels of the picture; they may leave it.
        scores: (K,) float32, 0 to 1.
        least: (K,) float32, what each score needs to be after the second opinion.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    least: NDArray[np.float32]


@runtime_checkable
class Proposes(Protocol):
    """A detector that also gives the boxes it is not sure of."""

    def candidates(self, picture: NDArray[np.uint8]) -> Candidates:
        """Find what may be heads in an upright RGB picture, (H, W, 3) uint8."""
        ...


def weighed(scores: NDArray[np.floating], errors_deg: NDArray[np.floating]) -> NDArray[np.float64]:
    """Weigh scores of boxes by the errors that a pose network states for them.

    Args:
        scores: (K,), 0 to 1.
        errors_deg: (K,), degrees.

    Returns:
        (K,) scores, 0 to 1, higher than before for stated errors below `EVEN_DEG`.
    """
    given = np.clip(scores.astype(np.float64), 1e-6, 1 - 1e-6)
    odds = given / (1 - given) * (EVEN_DEG / np.maximum(errors_deg, 1e-3)) ** WEIGHT
    return np.asarray(odds / (1 + odds))
