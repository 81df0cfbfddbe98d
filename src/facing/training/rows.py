"""Which rows each batch takes: by chance for training, evenly for validation."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.training.sampling import draw_chances

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facing.training.data import HeadLabels

log = logging.getLogger(__name__)


class DrawnRows:
    """Draws the rows of every batch from the heads a recipe may learn from; `len` counts those."""

    def __init__(
        self, labels: HeadLabels, folders: NDArray[np.int64], usable: NDArray[np.bool_], *, recipe: Any
    ) -> None:
        """Fix the chances.

        Args:
            labels: of N heads.
            folders: which set of the recipe each head belongs to, (N,).
            usable: which heads may be drawn, (N,).
            recipe: with `data`, `sampling`, `seed` and `optim`.
        """
        chances = draw_chances(
            labels,
            np.where(usable, folders, -1),
            weights=[entry.weight for entry in recipe.data],
            sampling=recipe.sampling,
        )
        self._upto = np.cumsum(chances)
        self._count = int(usable.sum())
        self._seed, self._optim = recipe.seed, recipe.optim

    def __len__(self) -> int:
        return self._count

    def draw(self, step: int) -> tuple[NDArray[np.int64], np.random.Generator, float]:
        """Give the rows of batch number `step`, the chance for its pictures, and the share that is done."""
        rng = np.random.default_rng((self._seed, step))
        rows = np.searchsorted(self._upto, rng.random(self._optim.batch) * self._upto[-1], side="right")
        return rows, rng, step / self._optim.steps


def evenly(count: int, *, most: int) -> NDArray[np.int64]:
    """Choose rows of 0 to count - 1 at equal distances, so that every shard has its share."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def warn_unsourced(identity: NDArray[np.int64], folders: NDArray[np.int64], *, paths: Sequence[str]) -> None:
    """Warn of sets of which a share is to be held out although no two of their heads share a source.

    Args:
        identity: of the source of N heads, (N,).
        folders: which set each head belongs to, (N,).
        paths: of the sets.
    """
    for number, path in enumerate(paths):
        own = identity[folders == number]
        if len(own) > 1 and len(np.unique(own)) == len(own):
            log.warning(
                "%s: no two heads have one source (person, photograph), so the share held out to validate on "
                "is drawn picture by picture and flatters where there are copies, turns or frames of one "
                "person; name another set with --val",
                path,
            )
