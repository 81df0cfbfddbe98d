"""Shards decoded once into memory-mapped arrays, so that any batch can be gathered at random.

A training reads each picture dozens of times; decoding WebP every time would cost more than the network.
The cache lies beside the shards, in `.cache`, one pair of files per shard named by its name and size:
new shards are decoded alone, changed ones again.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np

from facing.errors import DataError
from facing.shards import ShardSample, find_shards, read_shard

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

CACHE_VERSION = 1
LANDMARKS = 68
DECODERS = 2


@dataclass(frozen=True, slots=True)
class HeadLabels:
    """Labels of N head pictures, in the pixels of those pictures.

    rotation (N, 3, 3) head -> camera; box (N, 4) xyxy; landmarks (N, 68, 2); visible (N, 68) bool;
    identity (N,).
    """

    rotation: NDArray[np.float32]
    box: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    visible: NDArray[np.bool_]
    identity: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> HeadLabels:
        """Pick rows, in the order given."""
        return HeadLabels(
            self.rotation[rows], self.box[rows], self.landmarks[rows], self.visible[rows], self.identity[rows]
        )


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures of several shards as one array (N, C, H, W) uint8 that stays on disk.

    Head pictures have four planes: red, green and blue already multiplied by coverage, and coverage.
    """

    parts: tuple[NDArray[np.uint8], ...]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.starts[-1])

    @property
    def shape(self) -> tuple[int, int, int]:
        """C, H, W of every picture."""
        planes, height, width = self.parts[0].shape[1:]
        return planes, height, width

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Read rows into memory, (K, C, H, W)."""
        out = np.empty((len(rows), *self.shape), np.uint8)
        owners = np.searchsorted(self.starts, rows, side="right") - 1
        for place, (row, owner) in enumerate(zip(rows, owners, strict=True)):
            out[place] = self.parts[owner][row - self.starts[owner]]
        return out


def open_heads(folders: Sequence[Path]) -> tuple[Pictures, HeadLabels, NDArray[np.int64]]:
    """Open the head shards of several folders, decoding what is not decoded yet.

    Returns:
        Pictures (N, 4, H, W), their labels, and for each picture the index of its folder, (N,).

    Raises:
        DataError: a folder holds no head shards, a shard is broken, or pictures differ in size.
    """
    files = [(number, path) for number, folder in enumerate(folders) for path in find_shards(folder)]
    stems = _decoded([path for _, path in files], kind="heads")
    pictures = _pictures(stems)
    labels = [_load_labels(stem) for stem in stems]
    merged = HeadLabels(
        rotation=np.concatenate([part.rotation for part in labels]),
        box=np.concatenate([part.box for part in labels]),
        landmarks=np.concatenate([part.landmarks for part in labels]),
        visible=np.concatenate([part.visible for part in labels]),
        identity=np.concatenate([part.identity for part in labels]),
    )
    counts = [len(part) for part in pictures.parts]
    return pictures, merged, np.repeat([number for number, _ in files], counts).astype(np.int64)


def open_backgrounds(folder: Path) -> Pictures | None:
    """Open the background shards of a folder, (N, 3, H, W); None where it holds none.

    Raises:
        DataError: a shard is broken or pictures differ in size.
    """
    files = sorted(folder.glob("backgrounds-*.tar"))
    return _pictures(_decoded(files, kind="backgrounds")) if files else None


def _pictures(stems: Sequence[Path]) -> Pictures:
    parts = tuple(np.load(stem.with_suffix(".npy"), mmap_mode="r") for stem in stems)
    if len({part.shape[1:] for part in parts}) != 1:
        odd = next(
            stem for stem, part in zip(stems, parts, strict=True) if part.shape[1:] != parts[0].shape[1:]
        )
        raise DataError(f"{odd.name} holds pictures of another size than {stems[0].name}; render them alike")
    return Pictures(parts, np.cumsum([0, *(len(part) for part in parts)]))


def _decoded(files: Sequence[Path], *, kind: str) -> list[Path]:
    stems = [path.parent / ".cache" / f"{path.stem}-{path.stat().st_size}-v{CACHE_VERSION}" for path in files]
    missing = [(path, stem) for path, stem in zip(files, stems, strict=True) if not _complete(stem)]
    decode = _decode_heads if kind == "heads" else _decode_backgrounds
    if len(missing) < DECODERS:
        for path, stem in missing:
            decode(path, stem)
    else:
        # Spawned, not forked: the parent already runs torch threads.
        with ProcessPoolExecutor(DECODERS, mp_context=get_context("spawn")) as pool:
            for job in [pool.submit(decode, path, stem) for path, stem in missing]:
                job.result()
    return stems


def _complete(stem: Path) -> bool:
    # The picture file is renamed into place last, so it stands for both.
    return stem.with_suffix(".npy").exists()


def _decode_heads(path: Path, stem: Path) -> None:
    samples = list(read_shard(path))
    pixels = _stack(path, samples, planes=4)
    colour, coverage = pixels[:, :3], pixels[:, 3:].astype(np.uint16)
    for picture, cover in zip(colour, coverage, strict=True):
        picture[...] = (picture * cover + 127) // 255
    try:
        labels = [sample.label for sample in samples]
        arrays = {
            "rotation": np.array([label["rotation"] for label in labels], np.float32).reshape(-1, 3, 3),
            "box": np.array([label["box"] for label in labels], np.float32).reshape(-1, 4),
            "landmarks": np.array([label["landmarks"] for label in labels], np.float32).reshape(
                -1, LANDMARKS, 2
            ),
            "visible": np.array([label["visible"] for label in labels], bool).reshape(-1, LANDMARKS),
            "identity": np.array([label["identity"] for label in labels], np.int64).reshape(-1),
        }
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(
            f"{path}: a label is not as facing.shards says ({error!r}); write the shard again"
        ) from error
    _save(stem, pixels, arrays)


def _decode_backgrounds(path: Path, stem: Path) -> None:
    _save(stem, _stack(path, list(read_shard(path)), planes=3), {})


def _stack(path: Path, samples: Sequence[ShardSample], *, planes: int) -> NDArray[np.uint8]:
    if not samples:
        raise DataError(f"{path} holds no samples; delete it or write it again")
    height, width = samples[0].pixels().shape[:2]
    out = np.empty((len(samples), planes, height, width), np.uint8)
    for row, sample in enumerate(samples):
        pixels = sample.pixels(coverage=planes == 4)
        if pixels.shape[:2] != (height, width):
            want = f"{height} x {width}"
            raise DataError(f"{path}: {sample.key} is {pixels.shape[:2]}, not {want}; write the shard again")
        out[row] = pixels.transpose(2, 0, 1)
    return out


def _save(stem: Path, pixels: NDArray[np.uint8], arrays: dict[str, NDArray[np.generic]]) -> None:
    stem.parent.mkdir(exist_ok=True)
    for suffix in (".npz", ".npy"):
        part = stem.with_name(f".{stem.name}.{os.getpid()}{suffix}")
        if suffix == ".npy":
            np.save(part, pixels)
        else:
            np.savez(part, **arrays)  # type: ignore[arg-type]
        part.replace(stem.with_suffix(suffix))


def _load_labels(stem: Path) -> HeadLabels:
    with np.load(stem.with_suffix(".npz")) as arrays:
        return HeadLabels(**{name: arrays[name] for name in arrays.files})
