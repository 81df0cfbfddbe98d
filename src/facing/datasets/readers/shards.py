"""Our own rendered heads: heads-*.tar as `facing synth` writes them; pose and box are exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facing.datasets.sample import ANGLES, LabelledHead, LeftOut, Reader, Sample
from facing.shards import find_shards, read_shard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def read_samples(folder: Path) -> Iterator[Sample | LeftOut]:
    """Yield one sample per head, shard by shard."""
    for path in find_shards(folder, kind="heads"):
        for entry in read_shard(path):
            key = f"{path.stem}/{entry.key}"
            try:
                x0, y0, x1, y1 = (float(value) for value in entry.label["box"])
                rotation = np.asarray(entry.label["rotation"], dtype=np.float64).reshape(3, 3)
            except (KeyError, TypeError, ValueError):
                yield LeftOut(key, "label cannot be read")
                continue
            yield Sample(key, entry, (LabelledHead((x0, y0, x1, y1), rotation, known=ANGLES),))


READER = Reader(
    title="facing renders",
    licence="rendered from CC0 and MIT material",
    may_train_shipped_weights=True,
    box_rule="from the mesh: the bald head as the camera sees it",
    convention="our own: rotation head -> camera",
    complete_labels=True,
    known=ANGLES,
    samples=read_samples,
)
