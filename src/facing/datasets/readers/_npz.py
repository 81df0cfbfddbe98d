"""Crops with poses in .npz files, as FSA-Net and the pyramid system keep BIWI: image, pose, img_size."""

from __future__ import annotations

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

    Args:
        paths: files with image (H, W, 3) or (N, H, W, 3) BGR and pose (3,) or (N, 3): yaw, pitch, roll in
            degrees, 300W-LP signs.
        title: name of the set, for the error.

    Raises:
        DataError: the only file is none of these; one of many that is broken becomes a `LeftOut`.
    """
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
            yield _sample(path.stem, NpzPicture(path), angles=poses)
            continue
        for index, (angles, bgr) in enumerate(zip(poses, images, strict=True)):
            yield _sample(f"{path.stem}/{index:05d}", BgrPicture(bgr), angles=angles)


def _sample(key: str, picture: NpzPicture | BgrPicture, *, angles: NDArray[np.float64]) -> Sample | LeftOut:
    if angles.shape != (3,) or not np.isfinite(angles).all():
        return LeftOut(key, "label cannot be read")
    yaw, pitch, roll = angles.tolist()
    rotation = rotation_from_euler(yaw=yaw, pitch=pitch, roll=roll)
    return Sample(key, picture, (LabelledHead(None, rotation, known=ANGLES),))


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
