"""Head shards as arrays: labels in memory, pictures by row.

What is decoded lies beside the shards, in `.cache`, one pair of files per shard named by its name and size:
new shards are decoded alone, changed ones again.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.errors import DataError
from facing.shards import ShardSample, find_shards, read_shard
from facing.training.pictures import MappedPictures, decoded_head, fits_on_disk, index_encoded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from facing.training.pictures import Pictures

CACHE_VERSION = 2
LANDMARKS = 68
DECODERS = 2
ANGLES = ("yaw", "pitch", "roll")


@dataclass(frozen=True, slots=True)
class HeadLabels:
    """Labels of N head pictures, in the pixels of those pictures.

    rotation (N, 3, 3) head -> camera, identity where none is stated; known (N, 3) bool, which of yaw, pitch
    and roll it states; box (N, 4) xyxy; landmarks (N, 68, 2), 0 where there are none; landmarked (N,) bool,
    whether there are; visible (N, 68) bool; identity (N,); label (N,) text, the class or empty.
    """

    rotation: NDArray[np.float32]
    known: NDArray[np.bool_]
    box: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    landmarked: NDArray[np.bool_]
    visible: NDArray[np.bool_]
    identity: NDArray[np.int64]
    label: NDArray[np.str_]

    def take(self, rows: NDArray[np.int64]) -> HeadLabels:
        """Pick rows, in the order given."""
        return HeadLabels(*(getattr(self, field.name)[rows] for field in fields(self)))


def open_heads(folders: Sequence[Path]) -> tuple[Pictures, HeadLabels, NDArray[np.int64]]:
    """Open the head shards of several folders, decoding what is not decoded yet.

    Returns:
        Pictures (N, 4, H, W), their labels, and for each picture the index of its folder, (N,).

    Raises:
        DataError: a folder holds no head shards, a shard is broken, or pictures differ in size.
    """
    files = [(number, path) for number, folder in enumerate(folders) for path in find_shards(folder)]
    paths = [path for _, path in files]
    encoded = index_encoded(paths)
    decode = fits_on_disk(encoded)
    stems = _decoded(paths, kind="heads" if decode else "labels")
    pictures: Pictures = _mapped(stems) if decode else encoded
    parts = [_load_labels(stem) for stem in stems]
    merged = HeadLabels(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(HeadLabels))
    )
    counts = [len(part.identity) for part in parts]
    return pictures, merged, np.repeat([number for number, _ in files], counts).astype(np.int64)


def open_backgrounds(folder: Path) -> Pictures | None:
    """Open the background shards of a folder, (N, 3, H, W); None where it holds none.

    Raises:
        DataError: a shard is broken or pictures differ in size.
    """
    files = sorted(folder.glob("backgrounds-*.tar"))
    return _mapped(_decoded(files, kind="backgrounds")) if files else None


def _mapped(stems: Sequence[Path]) -> MappedPictures:
    parts = tuple(np.load(stem.with_suffix(".npy"), mmap_mode="r") for stem in stems)
    if len({part.shape[1:] for part in parts}) != 1:
        odd = next(
            stem for stem, part in zip(stems, parts, strict=True) if part.shape[1:] != parts[0].shape[1:]
        )
        raise DataError(f"{odd.name} holds pictures of another size than {stems[0].name}; render them alike")
    return MappedPictures(parts, np.cumsum([0, *(len(part) for part in parts)]))


def _decoded(files: Sequence[Path], *, kind: str) -> list[Path]:
    stems = [path.parent / ".cache" / f"{path.stem}-{path.stat().st_size}-v{CACHE_VERSION}" for path in files]
    # Of a pair the pictures are renamed into place last, so they stand for both.
    last = ".npz" if kind == "labels" else ".npy"
    missing = [
        (path, stem) for path, stem in zip(files, stems, strict=True) if not stem.with_suffix(last).exists()
    ]
    if len(missing) < DECODERS:
        for path, stem in missing:
            _decode(path, stem, kind)
    else:
        # Spawned, not forked: the parent already runs torch threads.
        with ProcessPoolExecutor(DECODERS, mp_context=get_context("spawn")) as pool:
            for job in [pool.submit(_decode, path, stem, kind) for path, stem in missing]:
                job.result()
    return stems


def _decode(path: Path, stem: Path, kind: str) -> None:
    samples = list(read_shard(path))
    if not samples:
        raise DataError(f"{path} holds no samples; delete it or write it again")
    stem.parent.mkdir(exist_ok=True)
    if kind != "backgrounds":
        try:
            arrays = _label_arrays([sample.label for sample in samples])
        except (KeyError, ValueError, TypeError) as error:
            raise DataError(
                f"{path}: a label is not as facing.shards says ({error!r}); write the shard again"
            ) from error
        _save(stem, ".npz", arrays)
    if kind != "labels":
        _save(stem, ".npy", _stack(path, samples, coverage=kind == "heads"))


def _label_arrays(labels: Sequence[dict[str, Any]]) -> dict[str, NDArray[Any]]:
    N = len(labels)
    posed = [label["rotation"] is not None for label in labels]
    pointed = [label["landmarks"] is not None for label in labels]
    rotation = np.tile(np.eye(3, dtype=np.float32), (N, 1, 1))
    rotation[posed] = np.array(
        [label["rotation"] for label in labels if label["rotation"] is not None], np.float32
    ).reshape(-1, 3, 3)
    landmarks = np.zeros((N, LANDMARKS, 2), np.float32)
    visible = np.zeros((N, LANDMARKS), bool)
    for key, out in (("landmarks", landmarks), ("visible", visible)):
        given = [label[key] for label in labels if label["landmarks"] is not None]
        out[pointed] = np.array(given, out.dtype).reshape(-1, *out.shape[1:])
    # Renders state no `known`: their pose is exact.
    known = [[name in label.get("known", ANGLES) for name in ANGLES] for label in labels]
    return {
        "rotation": rotation,
        "known": np.array(known, bool) & np.array(posed)[:, None],
        "box": np.array([label["box"] for label in labels], np.float32).reshape(N, 4),
        "landmarks": landmarks,
        "landmarked": np.array(pointed),
        "visible": visible,
        "identity": np.array([label["identity"] for label in labels], np.int64).reshape(N),
        "label": np.array([label.get("label") or "" for label in labels], np.str_),
    }


def _stack(path: Path, samples: Sequence[ShardSample], *, coverage: bool) -> NDArray[np.uint8]:
    rows = (
        decoded_head(sample.encoded) if coverage else sample.pixels(coverage=False).transpose(2, 0, 1)
        for sample in samples
    )
    first = next(rows)
    out = np.empty((len(samples), *first.shape), np.uint8)
    out[0] = first
    for number, (sample, pixels) in enumerate(zip(samples[1:], rows, strict=True), start=1):
        if pixels.shape != first.shape:
            (_, height, width), (_, h, w) = first.shape, pixels.shape
            raise DataError(
                f"{path}: {sample.key} is {h} x {w}, not {height} x {width}; write the shard again"
            )
        out[number] = pixels
    return out


def _save(stem: Path, suffix: str, content: Any) -> None:
    part = stem.with_name(f".{stem.name}.{os.getpid()}{suffix}")
    if suffix == ".npy":
        np.save(part, content)
    else:
        np.savez(part, **content)
    part.replace(stem.with_suffix(suffix))


def _load_labels(stem: Path) -> HeadLabels:
    with np.load(stem.with_suffix(".npz")) as arrays:
        return HeadLabels(**{name: arrays[name] for name in arrays.files})
