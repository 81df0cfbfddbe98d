"""Crops with poses in .npz files, as FSA-Net and the pyramid system keep BIWI: image, pose, img_size."""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.datasets.sample import ANGLES, LabelledHead, LeftOut, Sample
from facing.errors import DataError
from facing.geometry.rotation import rotation_from_euler

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

NPZ_ENDING = ".npz"
BLOCKS = 24
"""Stretches of frames that are kept together; as many as BIWI has sequences."""


@dataclass(frozen=True, slots=True)
class BgrPicture:
    """One crop, blue first as OpenCV has it."""

    bgr: NDArray[np.uint8]
    """(H, W, 3)."""

    def pixels(self) -> NDArray[np.uint8]:
        """Give it as RGB, (H, W, 3) uint8."""
        return np.ascontiguousarray(self.bgr[..., ::-1])


@dataclass(frozen=True, slots=True)
class NpzPicture:
    """The crop of a file that holds one; read when asked for."""

    path: Path

    def pixels(self) -> NDArray[np.uint8]:
        """Read it as RGB, (H, W, 3) uint8. Raises OSError where the file is broken."""
        try:
            bgr = np.asarray(_array(self.path, "image"))
        except DataError as error:
            raise OSError(str(error)) from error
        if bgr.ndim != 3 or bgr.shape[-1] != 3:
            raise OSError(f"image has the shape {bgr.shape}")
        return BgrPicture(bgr.astype(np.uint8)).pixels()


def npz_samples(paths: Sequence[Path], *, title: str) -> Iterator[Sample | LeftOut]:
    """Yield one sample per crop; the whole crop is the head.

    The files name no persons, and frames beside each other come from one video. So the frames, in the order
    of their numbers, are cut into stretches, and a stretch is the source of its samples.

    Args:
        paths: files with image (H, W, 3) or (N, H, W, 3) BGR and pose (3,) or (N, 3): yaw, pitch, roll in
            degrees, 300W-LP signs.
        title: name of the set, for the error.

    Raises:
        DataError: the only file is none of these; one of many that is broken becomes a `LeftOut`.
    """
    stretches = _stretches([path.stem for path in paths])
    for path in paths:
        try:
            poses = np.asarray(_array(path, "pose"), dtype=np.float64)
            images = _images(path, count=len(poses)) if poses.ndim == 2 else None
        except (DataError, TypeError, ValueError) as error:
            if len(paths) == 1:
                raise DataError(f"{path} holds no crops of {title} ({error}); name another .npz") from error
            yield LeftOut(path.stem, "label cannot be read")
            continue
        if images is None:
            yield _sample(path.stem, NpzPicture(path), angles=poses, source=stretches[path.stem])
            continue
        within = _stretches([f"{path.stem}/{index:05d}" for index in range(len(poses))])
        for (key, source), angles, bgr in zip(within.items(), poses, images, strict=True):
            yield _sample(key, BgrPicture(bgr), angles=angles, source=source)


def _stretches(keys: Sequence[str]) -> dict[str, str]:
    """Give for each frame the stretch that it lies in, named by the first frame of that."""
    ordered = sorted(keys, key=_by_number)
    length = math.ceil(len(ordered) / BLOCKS)
    first = {key: ordered[place - place % length] for place, key in enumerate(ordered)}
    return {key: f"frames from {first[key]}" for key in keys}


def _by_number(key: str) -> list[str | int]:
    """Sort frame 10 behind frame 9."""
    return [int(part) if part.isdigit() else part for part in re.split(r"([0-9]+)", key)]


def _sample(
    key: str, picture: NpzPicture | BgrPicture, *, angles: NDArray[np.float64], source: str
) -> Sample | LeftOut:
    if angles.shape != (3,) or not np.isfinite(angles).all():
        return LeftOut(key, "label cannot be read")
    yaw, pitch, roll = angles.tolist()
    rotation = rotation_from_euler(yaw=yaw, pitch=pitch, roll=roll)
    return Sample(key, picture, (LabelledHead(None, rotation, known=ANGLES),), source=source)


def _images(path: Path, *, count: int) -> NDArray[np.uint8]:
    images = np.asarray(_array(path, "image"))
    if images.ndim != 4 or images.shape[-1] != 3 or len(images) != count:
        raise DataError(f"image has the shape {images.shape}, pose has {count} rows")
    return images.astype(np.uint8, copy=False)


def _array(path: Path, name: str) -> Any:
    try:
        with np.load(path) as arrays:
            return arrays[name]
    # EOFError: an empty file; TypeError and AttributeError: a bare array, which is no archive.
    except (
        OSError,
        ValueError,
        KeyError,
        EOFError,
        AttributeError,
        TypeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise DataError(f"{path} is no .npz with {name} ({error}); copy it again") from error
