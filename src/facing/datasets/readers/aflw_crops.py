"""AFLW face crops of 120 x 120 pixels with poses from hand-set landmarks: pictures and one pose.csv."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facing.datasets.files import read_table
from facing.datasets.head_box import head_box_from_face_box
from facing.datasets.sample import ANGLES, LabelledHead, LeftOut, Reader, Sample
from facing.geometry.rotation import rotation_from_euler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TITLE = "AFLW crops"
COLUMNS = ("image", "yaw_deg", "pitch_deg", "roll_deg")
SIDE = 120.0
SIZE, LOWER = 0.55, 0.03  # set by looking at 64 crops: chin, ears and face front lie on the box


def read_samples(folder: Path) -> Iterator[Sample | LeftOut]:
    """Yield one sample per row of pose.csv."""
    for row in read_table(folder / "pose.csv", columns=COLUMNS, title=TITLE):
        name = row["image"]
        try:
            yaw, pitch, roll = -float(row["yaw_deg"]), float(row["pitch_deg"]), -float(row["roll_deg"])
        except (TypeError, ValueError):
            yaw = pitch = roll = np.nan
        if not np.isfinite((yaw, pitch, roll)).all():
            yield LeftOut(name, "label cannot be read")
            continue
        # Yaw is the outermost turn here: of the six orders it agrees best with AFLW2000 on the same faces.
        rotation = (
            rotation_from_euler(yaw=yaw, pitch=0.0, roll=0.0)
            @ rotation_from_euler(yaw=0.0, pitch=pitch, roll=0.0)
            @ rotation_from_euler(yaw=0.0, pitch=0.0, roll=roll)
        )
        box = head_box_from_face_box((0, 0, SIDE, SIDE), rotation=rotation, size=SIZE, lower=LOWER)
        x0, y0, x1, y1 = box.tolist()
        head = LabelledHead((x0, y0, x1, y1), rotation, known=ANGLES)
        yield Sample(name, folder / name, (head,), source=name.removesuffix(".jpg"))


READER = Reader(
    title=TITLE,
    licence="AFLW (TU Graz), non-commercial research only",
    may_train_shipped_weights=False,
    box_rule=(
        "neutral head turned to the labelled pose, the mean side of its landmark box 0.55 of the crop and "
        "its centre 0.03 below the middle; crown and back of the skull often lie outside the picture"
    ),
    convention="yaw and roll have the opposite sign, pitch ours; yaw outermost, then pitch, then roll",
    complete_labels=False,
    known=ANGLES,
    samples=read_samples,
    match="middle",
)
