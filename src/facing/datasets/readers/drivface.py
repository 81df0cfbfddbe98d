"""DrivFace (CVC, UAB): four drivers seen from the dashboard; yaw classes in drivPoints.txt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facing.datasets.files import read_table
from facing.datasets.head_box import head_box_from_face_box
from facing.datasets.sample import LabelledHead, LeftOut, Reader, Sample
from facing.errors import DataError
from facing.geometry.rotation import rotation_from_euler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TITLE = "DrivFace"
BOX = ("xF", "yF", "wF", "hF")
POINTS = (("xRE", "yRE"), ("xLE", "yLE"), ("xN", "yN"), ("xRM", "yRM"), ("xLM", "yLM"))
"""Right eye, left eye, nose, right and left corner of the mouth, right as the driver's own."""
COLUMNS = ("fileName", "subject", "ang", *BOX, *(name for pair in POINTS for name in pair))
SIZE, LOWER = 0.84, -0.05  # by the five points and labelled yaws of 104 heads


def read_samples(folder: Path) -> Iterator[Sample | LeftOut]:
    """Yield one sample per row of drivPoints.txt."""
    for row in read_table(folder / "drivPoints.txt", columns=COLUMNS, title=TITLE):
        name = row["fileName"]  # frontal names carry a space before the extension
        try:
            yaw = -float(row["ang"])
            left, top, width, height = (float(row[column]) for column in BOX)
            points = np.array([[float(row[x]), float(row[y])] for x, y in POINTS])
            rotation = rotation_from_euler(yaw=yaw, pitch=0.0, roll=0.0)
            face = (left, top, left + width, top + height)
            x0, y0, x1, y1 = head_box_from_face_box(face, rotation=rotation, size=SIZE, lower=LOWER).tolist()
        except (DataError, TypeError, ValueError):
            yaw = np.nan
        if not np.isfinite(yaw):
            yield LeftOut(name, "label cannot be read")
            continue
        head = LabelledHead((x0, y0, x1, y1), rotation, known=("yaw",), landmarks={"5": points})
        picture = folder / "DrivImages" / f"{name}.jpg"
        yield Sample(name.strip(), picture, (head,), source=f"driver {row['subject']}")


READER = Reader(
    title=TITLE,
    licence="free for academic use, otherwise ask the authors (CVC, UAB)",
    may_train_shipped_weights=False,
    box_rule=(
        "neutral head turned to the nominal yaw, its landmark box 0.84 times the stored face box (root of "
        "the area) and 0.05 face heights higher"
    ),
    convention="nominal yaw with the opposite sign, 0 is towards the road, not the camera; no pitch, no roll",
    complete_labels=False,
    known=("yaw",),
    samples=read_samples,
    expected_count=606,
    match="middle",
)
