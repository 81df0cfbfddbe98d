"""CMU faces: looking straight, or to one side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facing.datasets.sample import LabelledHead, LeftOut, Sample
from facing.evaluation.classes import read_class
from facing.evaluation.protocol import Protocol

if TYPE_CHECKING:
    from facing.pose import HeadPose

TURNED_DEG = 22.5
"""Half way between the classes: heads that look aside are turned by about 45 degrees."""


def _take(sample: Sample, head: LabelledHead) -> LabelledHead | LeftOut:
    words = sample.key.split("_")
    return LeftOut(sample.key, "looks up") if "up" in words[1:2] else head


def _read(pose: HeadPose) -> str | None:
    if "yaw" not in pose.known:
        return read_class(pose)
    x, _, z = pose.front
    azimuth = np.degrees(np.arctan2(-x, z))
    if abs(azimuth) <= TURNED_DEG:
        return "front"
    return "left" if azimuth > 0 else "right"


PROTOCOL = Protocol(
    title="CMU faces, straight against left and right",
    reader="cmu-faces",
    filter="heads that look up are left out",
    box_rule="fixed part of the picture",
    convention="left and right as the viewer sees them; turned from an azimuth of 22.5 degrees on",
    metrics=("classes",),
    source="own; classes of T. Mitchell's set",
    take=_take,
    read=_read,
)
