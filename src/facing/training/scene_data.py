"""Scene shards decoded once into memory-mapped arrays, as `training/data.py` does with heads."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facing.errors import DataError
from facing.shards import find_shards, read_shard
from facing.training.pictures import MappedPictures, Pictures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

CACHE_VERSION = 1
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
    stems = [path.parent / ".cache" / f"{path.stem}-{path.stat().st_size}-v{CACHE_VERSION}" for path in files]
    for path, stem in zip(files, stems, strict=True):
        if not stem.with_suffix(".npy").exists():
            _decode(path, stem)
    parts = tuple(np.load(stem.with_suffix(".npy"), mmap_mode="r") for stem in stems)
    for path, part in zip(files, parts, strict=True):
        if part.shape[1:] != parts[0].shape[1:]:
            raise DataError(f"{path} holds scenes of another size than {files[0]}; compose them alike")
    boxes, ignore = [], []
    for stem in stems:
        with np.load(stem.with_suffix(".npz")) as arrays:
            boxes.append(arrays["boxes"])
            ignore.append(arrays["ignore"])
    pictures = MappedPictures(parts, np.cumsum([0, *(len(part) for part in parts)]))
    return Scenes(pictures, np.concatenate(boxes), np.concatenate(ignore))


def _decode(path: Path, stem: Path) -> None:
    samples = list(read_shard(path))
    if not samples:
        raise DataError(f"{path} holds no samples; delete it or compose it again")
    height, width = samples[0].pixels().shape[:2]
    pixels = np.empty((len(samples), 3, height, width), np.uint8)
    boxes = np.zeros((len(samples), MOST_HEADS, 4), np.float32)
    ignore = np.zeros((len(samples), MOST_IGNORED, 4), np.float32)
    for row, sample in enumerate(samples):
        picture = sample.pixels()
        if picture.shape != (height, width, 3):
            raise DataError(
                f"{path}: {sample.key} is {picture.shape}, not {(height, width, 3)}; compose it again"
            )
        pixels[row] = picture.transpose(2, 0, 1)
        found = np.array(sample.label["boxes"], np.float32).reshape(-1, 4)
        found = found[np.argsort(-(found[:, 2] - found[:, 0]), kind="stable")]
        left_out = np.array(sample.label.get("ignore", []), np.float32).reshape(-1, 4)
        left_out = np.concatenate([found[MOST_HEADS:], left_out])[:MOST_IGNORED]
        found = found[:MOST_HEADS]
        boxes[row, : len(found)] = found
        ignore[row, : len(left_out)] = left_out
    stem.parent.mkdir(exist_ok=True)
    # The pictures are renamed into place last, so they stand for both files.
    labels_part = stem.with_name(f".{stem.name}.{os.getpid()}.npz")
    np.savez(labels_part, boxes=boxes, ignore=ignore)
    labels_part.replace(stem.with_suffix(".npz"))
    pixels_part = stem.with_name(f".{stem.name}.{os.getpid()}.npy")
    np.save(pixels_part, pixels)
    pixels_part.replace(stem.with_suffix(".npy"))
