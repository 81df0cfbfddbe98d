"""Boxes against the picture, the landmarks and what our own detector finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facing.datasets.doctor.finding import Finding, counted
from facing.datasets.doctor.landmarks import MOST_APART_DEG, stale_landmarks, valid_points
from facing.datasets.doctor.survey import usable
from facing.datasets.head_box import head_box_from_flat_points
from facing.errors import DataError
from facing.geometry.boxes import area, clip, overlap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from facing.datasets.doctor.finding import Severity
    from facing.datasets.doctor.survey import Seen
    from facing.datasets.doctor.witness import Witness
    from facing.datasets.sample import LabelledHead

LEAST_INSIDE = 0.2  # of the box must lie in the picture: the crown of a close-up is often cut, a head is not
SIDE_RATIO = 2.0  # of box to head box: no rule in use, from features to head and shoulders, is further off
NO_OVERLAP = 0.05
SURE = 0.53  # score from which heads-5 finds 0.05 further boxes in a photograph (benchmarks/photographs.py)
FEW = 10
TEXTS: dict[str, tuple[Severity, str, str]] = {
    "box-no-area": (
        "fault",
        "a box without area",
        "leave these heads out, or mend how corners are read",
    ),
    "box-outside": (
        "fault",
        "a box that lies outside the picture",
        "check whether boxes are in pixels of this picture and in the order left, top, right, bottom",
    ),
    "box-loose": (
        "fault",
        "landmarks that lie mostly outside their box",
        "box and points are not of one head: check order and scale of both",
    ),
    "box-size": (
        "warning",
        "a box that is less than half or more than twice the head its landmarks show",
        "give this set its own rule from its box to the head box",
    ),
}
"""Severity, what is said after the number of heads, and advice."""
SHARE, MANY = 0.05, 0.3  # of the pictures: single slips below, a wrong rule above


def box_findings(seen: Sequence[Seen]) -> Iterator[Finding]:
    """Check boxes against picture and landmarks."""
    found: dict[str, list[str]] = {name: [] for name in TEXTS}
    for one in seen:
        for head in one.sample.heads:
            fault = _fault(head, one.size)
            if fault is not None:
                found[fault].append(one.sample.key)
    for name, (severity, text, advice) in TEXTS.items():
        keys = found[name]
        if keys:
            said = f"{counted(len(keys), 'head')} with {text}"
            yield Finding(name, severity, said, advice, tuple(dict.fromkeys(keys)))


def _fault(head: LabelledHead, size: tuple[int, int] | None) -> str | None:
    """Name the first thing that is wrong with a box."""
    if head.box is None:
        return None
    if not usable(head.box):
        return "box-no-area"
    box = np.array([head.box])
    if size is not None and area(clip(box, width=size[0], height=size[1]))[0] < LEAST_INSIDE * area(box)[0]:
        return "box-outside"
    apart = stale_landmarks(head)
    if apart is not None and apart > MOST_APART_DEG:
        return None  # such points say nothing about the box
    for points in head.landmarks.values():
        flat = valid_points(points)
        if len(flat) and ((flat >= box[0, :2]) & (flat <= box[0, 2:])).all(1).mean() < 0.5:
            return "box-loose"
        if len(flat) == 68:
            try:
                shown = head_box_from_flat_points(flat)
            except DataError:
                continue
            ratio = float(np.sqrt(area(box)[0] / area(shown[None])[0]))
            if not 1 / SIDE_RATIO < ratio < SIDE_RATIO:
                return "box-size"
    return None


def found_box_findings(witnesses: Sequence[Witness]) -> Iterator[Finding]:
    """Compare labelled boxes with the heads that the detector finds.

    Args:
        witnesses: pictures the networks have looked at.
    """
    keys, sides, judged = [], [], 0
    for one in witnesses:
        if one.box is None or not len(one.found):
            continue
        judged += 1
        shared = overlap([one.box], one.found)[0]
        if shared.max() < NO_OVERLAP:
            others = [box for box in one.labelled if box is not None]
            free = (
                overlap(one.found, others).max(1, initial=0.0) < NO_OVERLAP if others else shared < NO_OVERLAP
            )
            if (free & (one.scores >= SURE)).any():
                keys.append(one.key)
        else:
            sides.append(float(np.sqrt(area([one.box])[0] / area([one.found[shared.argmax()]])[0])))
    if keys and (len(keys) > SHARE * judged or judged < FEW):
        yield Finding(
            "box-elsewhere",
            "fault" if len(keys) > MANY * judged else "warning",
            f"a head is found elsewhere than the box in {len(keys)} of {counted(judged, 'picture')}",
            "look at them: boxes of other pictures, swapped corners, pixels of another scale",
            tuple(keys),
            {"looked_at": judged},
        )
    if len(sides) >= FEW:
        ratio = float(np.median(sides))
        if not 1 / SIDE_RATIO < ratio < SIDE_RATIO:
            yield Finding(
                "box-scale",
                "warning",
                f"boxes have {ratio:.2f} times the side of the found heads (median of {len(sides)} pictures)",
                "give this set its own rule from its box to the head box, crown to chin with ears",
                figures={"ratio": round(ratio, 3)},
            )
