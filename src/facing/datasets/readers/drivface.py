"""DrivFace (CVC, UAB): four drivers seen from the dashboard; yaw classes in drivPoints.txt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facing.datasets.files import read_table
from facing.datasets.head_box import head_box_from_face_box
from facing.datasets.sample import LabelledHead, LeftOut, Reader, Sample
from facing.errors import DataError
from facing.geometry.rotation import rotation_from_euler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TITLE = "DrivFace"
COLUMNS = ("fileName", "ang", "xF", "yF", "wF", "hF")
SIZE, LOWER = 0.88, 0.04  # the stored box reaches from mid-forehead to the chin and from ear to ear


def read_samples(folder: Path) -> Iterator[Sample | LeftOut]:
    """Yield one sample per row of drivPoints.txt."""
    for row in read_table(folder / "drivPoints.txt", columns=COLUMNS, title=TITLE):
        name = row["fileName"]  # frontal names carry a space before the extension
        try:
            yaw = -float(row["ang"])
            x, y, width, height = (float(row[column]) for column in COLUMNS[2:])
            rotation = rotation_from_euler(yaw=yaw, pitch=0.0, roll=0.0)
            face = (x, y, x + width, y + height)
            x0, y0, x1, y1 = head_box_from_face_box(face, rotation=rotation, size=SIZE, lower=LOWER).tolist()
        except (DataError, TypeError, ValueError):
            yield LeftOut(name, "label cannot be read")
            continue
        head = LabelledHead((x0, y0, x1, y1), rotation, known=("yaw",))
        yield Sample(name.strip(), folder / "DrivImages" / f"{name}.jpg", (head,))


READER = Reader(
    title=TITLE,
    licence="free for academic use, otherwise ask the authors (CVC, UAB)",
    may_train_shipped_weights=False,
    box_rule=(
        "neutral head turned to the nominal yaw, its landmark box 0.88 times the stored face box (root of "
        "the area) and 0.04 face heights lower"
    ),
    convention="nominal yaw with the opposite sign, 0 is towards the road, not the camera; no pitch, no roll",
    complete_labels=False,
    known=("yaw",),
    samples=read_samples,
    expected_count=606,
    match="middle",
)
