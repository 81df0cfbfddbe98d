"""Head shards: our own renders, heads-*.tar as `facing synth` writes them, and sets converted into shards.

Pose and box of renders are exact. What a converted set is, and under which licence, says
`facing.terms.stated_terms`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from facing.datasets.sample import ANGLES, LabelledHead, LeftOut, Reader, Sample
from facing.shards import find_shards, read_shard

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


def read_samples(folder: Path) -> Iterator[Sample | LeftOut]:
    """Yield one sample per head, shard by shard; heads of one identity share a source."""
    for path in find_shards(folder, kind="heads"):
        for entry in read_shard(path):
            key = f"{path.stem}/{entry.key}"
            try:
                head = _head(entry.label)
                source = entry.label.get("identity")
                tags = dict(entry.label.get("tags", {}))
            except (KeyError, TypeError, ValueError):
                yield LeftOut(key, "label cannot be read")
                continue
            yield Sample(key, entry, (head,), source=None if source is None else str(source), tags=tags)


def _head(label: Mapping[str, Any]) -> LabelledHead:
    x0, y0, x1, y1 = (float(value) for value in label["box"])
    rotation = points = None
    if label["rotation"] is not None:
        rotation = np.asarray(label["rotation"], dtype=np.float64).reshape(3, 3)
    if label.get("landmarks") is not None:
        points = np.asarray(label["landmarks"], dtype=np.float64).reshape(-1, 2)
    numbers = [x0, y0, x1, y1, *([] if rotation is None else rotation.ravel())]
    if not np.isfinite(numbers).all():
        raise ValueError("the box or the rotation is no number")
    # Renders state no `known`: their pose is exact.
    stated = label.get("known", ANGLES) if rotation is not None else ()
    return LabelledHead(
        (x0, y0, x1, y1),
        rotation,
        known=tuple(name for name in ANGLES if name in stated),
        label=label.get("label"),
        landmarks={} if points is None else {"68": points},
    )


READER = Reader(
    title="facing renders",
    licence="renders: from CC0 and MIT material; converted sets: as the set they were converted from",
    may_train_shipped_weights=True,
    box_rule="from the mesh: the bald head as the camera sees it",
    convention="our own: rotation head -> camera",
    complete_labels=True,
    known=ANGLES,
    samples=read_samples,
)
