"""Pictures of shards, gathered at random: decoded once into memory-mapped arrays, or decoded when asked for.

A training reads each picture dozens of times; decoding WebP every time would cost a small network more than
its own arithmetic. The arrays lie beside the shards, in `.cache`. Sets whose decoded pictures would fill the
disk are read encoded, which large networks do not notice.
"""

from __future__ import annotations

import io
import logging
import shutil
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from PIL import Image

from facing.errors import DataError
from facing.shards import PICTURE_ENDINGS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

log = logging.getLogger(__name__)

DISK_SHARE = 0.4
"""Of the free disk that decoded pictures may take."""


class Pictures(Protocol):
    """N pictures of one size that are read by row.

    Head pictures have four planes: red, green and blue already multiplied by coverage, and coverage.
    """

    def __len__(self) -> int:
        """Give N."""
        ...

    @property
    def shape(self) -> tuple[int, int, int]:
        """C, H, W of every picture."""
        ...

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Read rows into memory, (K, C, H, W)."""
        ...


@dataclass(frozen=True, slots=True)
class MappedPictures:
    """Decoded pictures of several shards, (N, C, H, W) uint8 in all, that stay on disk."""

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


@dataclass(frozen=True, slots=True)
class EncodedPictures:
    """Head pictures that lie encoded in their tars; `where` is (N, 3): file, offset and length."""

    files: tuple[Path, ...]
    where: NDArray[np.int64]
    shape: tuple[int, int, int]

    def __len__(self) -> int:
        return len(self.where)

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Decode rows, (K, 4, H, W)."""
        out = np.empty((len(rows), *self.shape), np.uint8)
        for place, row in enumerate(rows):
            file, offset, length = self.where[row].tolist()
            with self.files[file].open("rb") as stream:
                stream.seek(offset)
                encoded = stream.read(length)
            out[place] = decoded_head(encoded)
        return out


def decoded_head(encoded: bytes) -> NDArray[np.uint8]:
    """Decode one head picture into planes: colour multiplied by coverage, and coverage, (4, H, W)."""
    with Image.open(io.BytesIO(encoded)) as picture:
        pixels = np.asarray(picture.convert("RGBA")).transpose(2, 0, 1).copy()
    cover = pixels[3].astype(np.uint16)
    if cover.min() < 255:
        pixels[:3] = (pixels[:3] * cover + 127) // 255
    return pixels


def index_encoded(files: Sequence[Path]) -> EncodedPictures:
    """Find every head picture of shards without decoding more than the first of each.

    Raises:
        DataError: a shard cannot be read, or its pictures have another size than the first one's.
    """
    where: list[tuple[int, int, int]] = []
    sizes: list[tuple[Path, tuple[int, int]]] = []
    for number, path in enumerate(files):
        before = len(where)
        try:
            with tarfile.open(path) as tar:
                where += [
                    (number, member.offset_data, member.size)
                    for member in tar
                    if member.name.endswith(PICTURE_ENDINGS)
                ]
            with path.open("rb") as stream:
                stream.seek(where[before][1])
                with Image.open(io.BytesIO(stream.read(where[before][2]))) as first:
                    sizes.append((path, first.size))
        except (tarfile.TarError, OSError, IndexError) as error:
            raise DataError(f"{path} cannot be read as a shard ({error}); write it again") from error
    for path, size in sizes:
        if size != sizes[0][1]:
            raise DataError(
                f"{path.name} holds pictures of another size than {sizes[0][0].name}; write them alike"
            )
    width, height = sizes[0][1]
    return EncodedPictures(tuple(files), np.array(where, np.int64), (4, height, width))


def fits_on_disk(found: EncodedPictures, *, undecoded: Sequence[Path]) -> bool:
    """Whether the pictures of shards that are not decoded yet would leave most of the free disk alone."""
    still = np.isin(found.where[:, 0], [found.files.index(path) for path in undecoded])
    needed = int(still.sum()) * int(np.prod(found.shape))
    free = shutil.disk_usage(found.files[0].parent).free
    if needed > DISK_SHARE * free:
        log.info(
            "pictures stay encoded: decoded they would take %.1f of %.1f GB free", needed / 1e9, free / 1e9
        )
        return False
    return True
