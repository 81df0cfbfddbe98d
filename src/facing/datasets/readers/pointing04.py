"""Pointing'04 (INRIA PRIMA): 15 persons looking at markers; the pose is in the file name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.datasets.files import find_files
from facing.datasets.head_box import head_box_from_face_box
from facing.datasets.sample import LabelledHead, LeftOut, Reader, Sample
from facing.errors import DataError
from facing.geometry.rotation import front_from_rotation, rotation_from_euler, rotation_from_front

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

TITLE = "Pointing'04"
NAME = re.compile(r"personn?e?(\d{2})(\d)(\d{2})([+-]\d+)([+-]\d+)$")
MOST_TILT_DEG = 60.0
"""At a nominal tilt of 90 nobody's pan can be told; published comparisons leave these out."""
SIZE, LOWER = 1.07, 0.01  # the stored box spans the features from the brows to below the mouth
TILT_SHARE = 0.6  # of the nominal tilt is what heads show; used for the box alone


def read_samples(folder: Path) -> Iterator[Sample | LeftOut]:
    """Yield one sample per picture of all persons below the folder."""
    for path in find_files(folder, "**/*.jpg", title=TITLE):
        name = NAME.match(path.stem)
        if name is None:
            yield LeftOut(path.stem, "file name states no pose")
            continue
        tilt, pan = float(name[4]), float(name[5])
        if abs(tilt) > MOST_TILT_DEG:
            yield LeftOut(path.stem, "tilt over 60 degrees")
            continue
        try:
            face = _face_box(path.with_suffix(".txt"))
            shown = _upright(pan=pan, tilt=TILT_SHARE * tilt)
            x0, y0, x1, y1 = head_box_from_face_box(face, rotation=shown, size=SIZE, lower=LOWER).tolist()
        except DataError:
            yield LeftOut(path.stem, "label cannot be read")
            continue
        rotation = rotation_from_front(front_from_rotation(_upright(pan=pan, tilt=tilt)))
        head = LabelledHead((x0, y0, x1, y1), rotation, known=("yaw", "pitch"))
        yield Sample(path.stem, path, (head,), source=f"person{name[1]}")


def _upright(*, pan: float, tilt: float) -> NDArray[np.floating[Any]]:
    """Turn an upright head to a marker: pan about the room's upright axis, tilt within it."""
    turn = rotation_from_euler(yaw=pan, pitch=0.0, roll=0.0) @ rotation_from_euler(
        yaw=0.0, pitch=tilt, roll=0.0
    )
    return np.asarray(turn)


def _face_box(path: Path) -> tuple[float, float, float, float]:
    """Read centre and size after the word Face; xyxy in pixels."""
    try:
        words = path.read_text(encoding="ascii").split("Face", 1)[1].split()
        x, y, width, height = (float(word) for word in words[:4])
    except (OSError, ValueError, IndexError) as error:
        raise DataError(f"{path} states no face box ({error}); copy it again") from error
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


READER = Reader(
    title=TITLE,
    licence="INRIA PRIMA, made for research; no licence text in the known copies",
    may_train_shipped_weights=False,
    box_rule=(
        "neutral head turned to the nominal pan and 0.6 of the nominal tilt, its landmark box 1.07 times the "
        "stored face box (root of the area) and 0.01 face heights lower"
    ),
    convention=(
        "nominal pan and tilt with our signs, pan outermost; their facing direction in our yaw and pitch "
        "(sin yaw = sin pan cos tilt); roll is not controlled"
    ),
    complete_labels=True,
    known=("yaw", "pitch"),
    samples=read_samples,
    expected_count=2730,
    match="middle",
)
