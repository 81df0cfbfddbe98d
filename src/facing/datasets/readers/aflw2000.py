"""AFLW2000-3D: 2,000 photographs with 3D model fits (Zhu et al. 2016), NAME.jpg beside NAME.mat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facing.datasets.files import listed_files, read_mat
from facing.datasets.head_box import head_box_from_points
from facing.datasets.sample import ANGLES, LabelledHead, LeftOut, Reader, Sample
from facing.errors import DataError
from facing.geometry.conventions import rotation_from_pose_para

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TITLE = "AFLW2000-3D"
UNREADABLE = "label cannot be read"
MOST_DEG = 99.0
"""The benchmark's own rule since Hopenet: a picture with a larger angle is left out (31 of 2,000)."""


def read_samples(path: Path) -> Iterator[Sample | LeftOut]:
    """Yield one sample per pair; pictures over 99 degrees and broken labels are `LeftOut`.

    Args:
        path: the folder, or a list file with one name per line.
    """
    for file in listed_files(path, "*.mat", ending=".mat", title=TITLE).files:
        try:
            label = read_mat(file, names=("Pose_Para", "pt3d_68", "pt2d"))
            pose_para = np.asarray(label["Pose_Para"], dtype=np.float64)[0]
            points = np.asarray(label["pt3d_68"], dtype=np.float64).T
            flat = np.asarray(label.get("pt2d", np.zeros((2, 0))), dtype=np.float64).T
            rotation = rotation_from_pose_para(pose_para)
            if not np.isfinite(rotation).all():
                yield LeftOut(file.stem, UNREADABLE)
                continue
            if np.abs(np.degrees(pose_para[:3])).max() > MOST_DEG:
                yield LeftOut(file.stem, "an angle over 99 degrees")
                continue
            x0, y0, x1, y1 = head_box_from_points(points).tolist()
        except (DataError, KeyError, IndexError, TypeError, ValueError):
            yield LeftOut(file.stem, UNREADABLE)
            continue
        head = LabelledHead(
            (x0, y0, x1, y1),
            rotation,
            known=ANGLES,
            # 21 points, 23 in three pictures; -1 is a point that cannot be seen.
            landmarks={"pt2d": flat, "pt3d_68": points},
        )
        yield Sample(file.stem, file.with_suffix(".jpg"), (head,), source=file.stem)


READER = Reader(
    title=TITLE,
    licence="Flickr photographs of AFLW, non-commercial research only; labels (3DDFA) without a licence text",
    may_train_shipped_weights=False,
    box_rule="similarity fit of a neutral head to the 68 points with depth, seen from 7 head heights away",
    convention="our own: 300W-LP order and signs; Pose_Para is pitch, yaw, roll in radians",
    complete_labels=False,
    known=ANGLES,
    samples=read_samples,
    expected_count=1969,
)
