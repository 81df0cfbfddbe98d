"""AFW (Zhu and Ramanan 2012) as Hopenet reads it: PHOTO.jpg, and PHOTO_K.txt for each face."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from facing.datasets.files import listed_files
from facing.datasets.head_box import head_box_from_face_box
from facing.datasets.sample import ANGLES, LabelledHead, LeftOut, Reader, Sample
from facing.errors import DataError
from facing.geometry.rotation import rotation_from_euler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TITLE = "AFW faces"
SIZE, LOWER = 1.0, -0.03  # of the 68 points of 160 AFLW2000 heads
"""The stored box is taken as that of the 68 points; no genuine file was at hand to check it."""


def read_samples(path: Path) -> Iterator[Sample | LeftOut]:
    """Yield one sample per photograph with all its faces; a broken face is `LeftOut` by its own name.

    Args:
        path: the folder, or Hopenet's list file: names such as "1051618982_1", one per line.
    """
    files = listed_files(path, "*_*.txt", ending=".txt", title=TITLE).files
    for photo, group in groupby(sorted(files), key=_picture_of):
        heads = []
        for file in group:
            try:
                heads.append(_head(file))
            except DataError:
                yield LeftOut(file.stem, "label cannot be read")
        if heads:
            yield Sample(photo.stem, photo, tuple(heads), source=photo.stem)


def _picture_of(label: Path) -> Path:
    return label.with_name(f"{label.stem.split('_')[0]}.jpg")


def _head(path: Path) -> LabelledHead:
    """Read "name yaw pitch roll x0 y0 x1 y1", degrees and pixels, from the first line."""
    try:
        words = path.read_text(encoding="utf-8").splitlines()[0].split()
        yaw, pitch, roll, left, top, right, bottom = (float(word) for word in words[1:8])
    except (OSError, ValueError, IndexError) as error:
        raise DataError(
            f"{path} is no line of name, three angles and a box ({error}); copy it again"
        ) from error
    if not np.isfinite((yaw, pitch, roll)).all():
        raise DataError(f"{path} holds an angle that is no number; copy it again")
    rotation = rotation_from_euler(yaw=yaw, pitch=pitch, roll=roll)
    face = (left, top, right, bottom)
    x0, y0, x1, y1 = head_box_from_face_box(face, rotation=rotation, size=SIZE, lower=LOWER).tolist()
    return LabelledHead((x0, y0, x1, y1), rotation, known=ANGLES)


READER = Reader(
    title=TITLE,
    licence="Flickr photographs, made for research; no licence text known",
    may_train_shipped_weights=False,
    box_rule=(
        "neutral head turned to the labelled pose, the mean side and centre of its landmark box those of "
        "the stored face box; not checked on pictures"
    ),
    convention="yaw, pitch, roll in degrees with our signs, as Hopenet reads them; not checked on pictures",
    complete_labels=False,
    known=ANGLES,
    samples=read_samples,
    match="middle",
)
