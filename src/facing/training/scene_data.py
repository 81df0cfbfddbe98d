"""Scene shards decoded once into memory-mapped arrays, as `training/cache.py` keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.shards import find_shards
from facing.training.cache import decoded, mapped, merged_labels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from facing.training.pictures import Pictures

MOST_HEADS = 48
"""Rows of boxes per picture; the largest heads are kept, further ones become ignored boxes."""
MOST_IGNORED = 24


@dataclass(frozen=True, slots=True)
class Scenes:
    """N scenes: pictures (N, 3, S, S) on disk; boxes (N, 48, 4) and ignore (N, 24, 4) xyxy.

    Rows of zeros are empty.
    """

    pictures: Pictures
    boxes: NDArray[np.float32]
    ignore: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.boxes)


def open_scenes(folders: Sequence[Path]) -> Scenes:
    """Open the scene shards of several folders, decoding what is not decoded yet.

    Raises:
        DataError: a folder holds no scene shards, a shard is broken, or pictures differ in size.
    """
    files = [path for folder in folders for path in find_shards(folder, kind="scenes")]
    stems = decoded(files, labels=_label_arrays, planes="colour")
    return Scenes(mapped(stems), **merged_labels(stems))


def _label_arrays(labels: Sequence[dict[str, Any]]) -> dict[str, NDArray[Any]]:
    boxes = np.zeros((len(labels), MOST_HEADS, 4), np.float32)
    ignore = np.zeros((len(labels), MOST_IGNORED, 4), np.float32)
    for row, label in enumerate(labels):
        found = np.array(label["boxes"], np.float32).reshape(-1, 4)
        found = found[np.argsort(-(found[:, 2] - found[:, 0]), kind="stable")]
        left_out = np.array(label.get("ignore", []), np.float32).reshape(-1, 4)
        left_out = np.concatenate([found[MOST_HEADS:], left_out])[:MOST_IGNORED]
        found = found[:MOST_HEADS]
        boxes[row, : len(found)] = found
        ignore[row, : len(left_out)] = left_out
    return {"boxes": boxes, "ignore": ignore}
