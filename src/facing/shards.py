"""Tar shards: pictures and their labels side by side, the one format that rendering and training share.

A shard is a plain tar. Each sample is two members with one key: `KEY.webp` (or `.jpg`, `.png`)
and `KEY.json`. Any tool that reads WebDataset tars reads these.

Head samples (`heads-*.tar`), label keys:
    schema     1
    rotation   3 x 3, head -> camera, docs/conventions.md
    box        xyxy of the bald head, pixels of this picture; it may leave the frame
    landmarks  68 x 2, iBUG order, pixels
    visible    68 of 0 or 1
    camera     focal_px, centre_px [x, y]
    identity   whole number; heads of one person share it
    tags       free words and figures (hair, glasses, light ...)
A head picture is RGBA: alpha is coverage, so the background is put in while training.

Scene samples (`scenes-*.tar`), label keys:
    schema     1
    boxes      K x 4, xyxy of the bald heads; K may be 0
    rotations  K x 3 x 3
    ignore     L x 4, heads too hidden to be asked for; finding them is no fault

Background samples (`backgrounds-*.tar`) are RGB pictures without people; their label holds `schema` only.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from facing.atomic import new_file
from facing.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

SCHEMA = 1
PICTURE_ENDINGS = (".webp", ".jpg", ".png")


class ShardSample(NamedTuple):
    """One picture, still encoded, and its label."""

    key: str
    encoded: bytes
    label: dict[str, Any]

    def pixels(self, *, coverage: bool | None = None) -> NDArray[np.uint8]:
        """Decode the picture.

        Args:
            coverage: True gives (H, W, 4) always, False (H, W, 3); None gives what is stored. WebP stores no
                coverage for a picture that is covered all over.

        Returns:
            uint8 RGB or RGB + coverage.
        """
        with Image.open(io.BytesIO(self.encoded)) as picture:
            stored = "A" in picture.getbands()
            wanted = stored if coverage is None else coverage
            return np.asarray(picture.convert("RGBA" if wanted else "RGB"))


def encode(pixels: NDArray[np.uint8], *, quality: int = 90) -> bytes:
    """Encode a picture as WebP.

    Args:
        pixels: (H, W, 3) RGB or (H, W, 4) RGB + coverage, uint8.
        quality: 1 to 100, of colour and coverage alike.
    """
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "WEBP", quality=quality, alpha_quality=quality, method=0, exact=False)
    return out.getvalue()


def write_shard(path: Path, samples: Iterable[ShardSample]) -> int:
    """Write one shard, whole or not at all.

    The bytes depend on the samples alone (no clock, no user), so equal input gives equal files.

    Args:
        path: where the tar goes; its folder is made.
        samples: pictures encoded by `encode`, in order.

    Returns:
        How many samples were written.

    Raises:
        DataError: it cannot be written there.
    """
    count = 0
    with (
        new_file(path, keep_ending=False) as part,
        tarfile.open(part, "w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for sample in samples:
            label = json.dumps(sample.label, separators=(",", ":")).encode()
            for ending, data in ((".webp", sample.encoded), (".json", label)):
                info = tarfile.TarInfo(sample.key + ending)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
            count += 1
    return count


def read_shard(path: Path) -> Iterator[ShardSample]:
    """Read one shard in order.

    Raises:
        DataError: the file is no tar, is cut off, or a picture has no label beside it.
    """
    waiting: dict[str, tuple[str, bytes]] = {}
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                stream = tar.extractfile(member)
                if stream is None:
                    continue
                key, ending = os.path.splitext(member.name)  # noqa: PTH122 - names inside a tar are no paths
                data = stream.read()
                if key not in waiting:
                    waiting[key] = (ending, data)
                    continue
                pair = dict([waiting.pop(key), (ending, data)])
                yield _sample(path, key=key, pair=pair)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DataError(f"{path} cannot be read as a shard ({error}); write it again") from error
    if waiting:
        raise DataError(f"{path}: {next(iter(waiting))} has no partner file; write the shard again")


def _sample(path: Path, *, key: str, pair: dict[str, bytes]) -> ShardSample:
    pictures = [pair[ending] for ending in PICTURE_ENDINGS if ending in pair]
    if len(pictures) != 1 or ".json" not in pair:
        raise DataError(f"{path}: {key} needs one picture and one .json, found {', '.join(pair)}")
    label = json.loads(pair[".json"])
    if label.get("schema") != SCHEMA:
        raise DataError(f"{path}: {key} has label schema {label.get('schema')}; this version reads {SCHEMA}")
    return ShardSample(key, pictures[0], label)


def find_shards(folder: Path, *, kind: str = "heads") -> list[Path]:
    """List the shards of one kind in a folder, sorted.

    Args:
        folder: where `facing synth` wrote them.
        kind: "heads", "scenes" or "backgrounds".

    Raises:
        DataError: there are none.
    """
    found = sorted(folder.glob(f"{kind}-*.tar"))
    if not found:
        raise DataError(f"{folder} holds no {kind}-*.tar; write some with: facing synth")
    return found
