"""Shards decoded once: pictures as memory-mapped arrays, labels as small ones, for heads and scenes alike.

What is decoded lies beside the shards, in `.cache`, one pair of files per shard named by its name, size and
time of writing: new shards are decoded alone, changed ones again, and what they were before is deleted.
"""

from __future__ import annotations

import os
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from facing.errors import DataError
from facing.shards import read_shard
from facing.training.pictures import MappedPictures, decoded_head

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from facing.shards import ShardSample

    Labels = Callable[[Sequence[dict[str, Any]]], dict[str, NDArray[Any]]]

VERSION = 2
"""Of the arrays; files of another version are left alone and made again beside it."""
DECODERS = 2

Planes = Literal["none", "colour", "coverage"]


def decoded(files: Sequence[Path], *, labels: Labels | None, planes: Planes) -> list[Path]:
    """Decode what is not decoded yet.

    Args:
        files: shards.
        labels: turns the labels of one shard into arrays, one row per sample; a function of a module, so
            that other processes find it. None where there are none.
        planes: of the pictures: red, green, blue ("colour"), with "coverage" too and colour multiplied by
            it, or "none" of them.

    Returns:
        For each shard the path of its arrays without ending: `.npy` pictures, `.npz` labels.

    Raises:
        DataError: a shard is broken, holds no samples or pictures of several sizes, or a label is wrong.
    """
    missing = [(path, _stem(path)) for path in undecoded(files, planes=planes)]
    if len(missing) < DECODERS:
        for path, stem in missing:
            _decode(path, stem, labels, planes)
    else:
        # Spawned, not forked: the parent already runs torch threads.
        with ProcessPoolExecutor(DECODERS, mp_context=get_context("spawn")) as pool:
            with _script_left_alone():
                jobs = [pool.submit(_decode, path, stem, labels, planes) for path, stem in missing]
            for job in jobs:
                job.result()
    return [_stem(path) for path in files]


def undecoded(files: Sequence[Path], *, planes: Planes) -> list[Path]:
    """Give the shards that `decoded` would have to decode."""
    # Of a pair the pictures are renamed into place last, so they stand for both.
    last = ".npz" if planes == "none" else ".npy"
    return [path for path in files if not _stem(path).with_suffix(last).exists()]


def _stem(path: Path) -> Path:
    # Tars are padded, so the size alone would take new labels for the old ones.
    found = path.stat()
    return path.parent / ".cache" / f"{path.stem}-{found.st_size}-{found.st_mtime_ns}-v{VERSION}"


def _forget_others(path: Path, *, stem: Path) -> None:
    """Delete what was decoded of a shard before it changed; earlier versions named it by size alone."""
    entry = re.compile(rf"{re.escape(path.stem)}-\d+(-\d+)?-v{VERSION}")
    for file in stem.parent.iterdir():
        if file.stem != stem.name and entry.fullmatch(file.stem):
            with suppress(OSError):  # Windows keeps what another training has open
                file.unlink()


@contextmanager
def _script_left_alone() -> Iterator[None]:
    """Keep processes that are spawned here from running our caller's script: it needs no main guard."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def mapped(stems: Sequence[Path]) -> MappedPictures:
    """Open decoded pictures of several shards as one.

    Raises:
        DataError: they differ in size.
    """
    parts = tuple(np.load(stem.with_suffix(".npy"), mmap_mode="r") for stem in stems)
    if len({part.shape[1:] for part in parts}) != 1:
        odd = next(
            stem for stem, part in zip(stems, parts, strict=True) if part.shape[1:] != parts[0].shape[1:]
        )
        raise DataError(f"{odd.name} holds pictures of another size than {stems[0].name}; make them alike")
    return MappedPictures(parts, np.cumsum([0, *(len(part) for part in parts)]))


def merged_labels(stems: Sequence[Path]) -> dict[str, NDArray[Any]]:
    """Read the label arrays of several shards, one after the other."""
    read = []
    for stem in stems:
        with np.load(stem.with_suffix(".npz")) as arrays:
            read.append({name: arrays[name] for name in arrays.files})
    return {name: np.concatenate([one[name] for one in read]) for name in read[0]}


def _decode(path: Path, stem: Path, labels: Labels | None, planes: Planes) -> None:
    samples = list(read_shard(path))
    if not samples:
        raise DataError(f"{path} holds no samples; delete it or write it again")
    stem.parent.mkdir(exist_ok=True)
    if labels is not None:
        try:
            arrays = labels([sample.label for sample in samples])
        except (KeyError, ValueError, TypeError) as error:
            raise DataError(
                f"{path}: a label is not as facing.shards says ({error!r}); write the shard again"
            ) from error
        _save(stem, ".npz", arrays)
    if planes != "none":
        _save(stem, ".npy", _stack(path, samples, coverage=planes == "coverage"))
    _forget_others(path, stem=stem)


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
