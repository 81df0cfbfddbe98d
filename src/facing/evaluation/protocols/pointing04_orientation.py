"""Pointing'04 as a question of front against side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facing.datasets.sample import LabelledHead, LeftOut, Sample
from facing.evaluation.classes import read_class
from facing.evaluation.protocol import Protocol
from facing.geometry.conventions import pointing04_from_rotation

FRONT_DEG, SIDE_DEG, TILT_DEG = 30, 60, 60


def _take(sample: Sample, head: LabelledHead) -> LabelledHead | LeftOut:
    if head.rotation is None:
        return LeftOut(sample.key, "no pose")
    pan, tilt = np.abs([float(angle) for angle in pointing04_from_rotation(head.rotation)]).round().tolist()
    if tilt > TILT_DEG:
        return LeftOut(sample.key, f"tilt over {TILT_DEG} degrees")
    if FRONT_DEG < pan < SIDE_DEG:
        return LeftOut(sample.key, "pan between front and side")
    return replace(head, label="front" if pan <= FRONT_DEG else "side")


PROTOCOL = Protocol(
    title="Pointing'04, front against side",
    reader="pointing04",
    filter="|pan| up to 30 is front, from 60 on side, 45 is neither; tilts up to 60",
    box_rule="head box of the reader, widened from the stored face box",
    convention="nominal pan of the file name, signs kept; heads are easily 10 degrees off their marker",
    metrics=("classes",),
    # 2 series of 15 persons, 7 tilts, 5 front and 6 side pans
    expected_count=2310,
    source="the poses that the orientation system draws on, with their signs and a gap between the classes",
    take=_take,
    read=lambda pose: read_class(pose, of=("front", "side")),
)
