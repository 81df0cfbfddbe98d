"""Head shards as arrays: labels in memory, pictures by row."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.shards import find_shards
from facing.training.cache import decoded, mapped, merged_labels, undecoded
from facing.training.pictures import fits_on_disk, index_encoded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from facing.training.pictures import Pictures

LANDMARKS = 68
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
    keep = fits_on_disk(encoded, undecoded=undecoded(paths, planes="coverage"))
    stems = decoded(paths, labels=_label_arrays, planes="coverage" if keep else "none")
    pictures: Pictures = mapped(stems) if keep else encoded
    counts = np.bincount(encoded.where[:, 0], minlength=len(paths))
    owners = np.repeat([number for number, _ in files], counts).astype(np.int64)
    return pictures, HeadLabels(**merged_labels(stems)), owners


def open_backgrounds(folder: Path) -> Pictures | None:
    """Open the background shards of a folder, (N, 3, H, W); None where it holds none.

    Raises:
        DataError: a shard is broken or pictures differ in size.
    """
    files = sorted(folder.glob("backgrounds-*.tar"))
    return mapped(decoded(files, labels=None, planes="colour")) if files else None


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
