"""AFLW2000-3D: 2,000 photographs with 3D model fits (Zhu et al. 2016), NAME.jpg beside NAME.mat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from facing.datasets.files import find_files
from facing.datasets.head_box import head_box_from_points
from facing.datasets.sample import ANGLES, LabelledHead, LeftOut, Reader, Sample
from facing.errors import DataError, MissingExtraError
from facing.geometry.rotation import rotation_from_euler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TITLE = "AFLW2000-3D"
MOST_DEG = 99.0
"""The benchmark's own rule since Hopenet: a picture with a larger angle is left out (31 of 2,000)."""


def read_samples(folder: Path) -> Iterator[Sample | LeftOut]:
    """Yield one sample per pair; pictures over 99 degrees and broken labels are `LeftOut`."""
    for path in find_files(folder, "*.mat", title=TITLE):
        try:
            label = _load(path)
            angles = np.asarray(label["Pose_Para"], dtype=np.float64)[0, :3]
            points = np.asarray(label["pt3d_68"], dtype=np.float64).T
            pitch, yaw, roll = np.degrees(angles).tolist()
            if max(abs(yaw), abs(pitch), abs(roll)) > MOST_DEG:
                yield LeftOut(path.stem, "an angle over 99 degrees")
                continue
            x0, y0, x1, y1 = head_box_from_points(points).tolist()
        except (DataError, KeyError, IndexError, ValueError):
            yield LeftOut(path.stem, "label cannot be read")
            continue
        head = LabelledHead(
            (x0, y0, x1, y1), rotation_from_euler(yaw=yaw, pitch=pitch, roll=roll), known=ANGLES
        )
        yield Sample(path.stem, path.with_suffix(".jpg"), (head,))


def _load(path: Path) -> dict[str, Any]:
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError as error:
        raise MissingExtraError.of(need="reading .mat labels", extra="data") from error
    try:
        label: dict[str, Any] = loadmat(path)
    except (MatReadError, OSError, TypeError, NotImplementedError) as error:
        raise DataError(f"{path} is no MATLAB file that can be read ({error}); copy it again") from error
    return label


READER = Reader(
    title=TITLE,
    licence="Flickr photographs of AFLW, non-commercial research only; labels (3DDFA) without a licence text",
    may_train_shipped_weights=False,
    box_rule="similarity fit of a neutral head to the 68 points with depth, projected, shrunk by 0.92",
    convention="our own: 300W-LP order and signs; Pose_Para is pitch, yaw, roll in radians",
    complete_labels=False,
    known=ANGLES,
    samples=read_samples,
    expected_count=1969,
)
