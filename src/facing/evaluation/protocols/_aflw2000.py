"""Boxes that published AFLW2000 tests start from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from facing.datasets.sample import LeftOut
from facing.evaluation.protocol import landmarks_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from facing.datasets.sample import LabelledHead, Sample

FILTER = "pictures with an angle over 99 degrees are left out (31 of 2,000)"
CONVENTION = "Pose_Para as it stands: 300W-LP angles, automatic 3D model fits, part of them wrong"
EULER = ("mae", "yaw", "pitch", "roll", "geodesic_mean", "maev")


def box_of_landmarks(
    name: str, *, visible_only: bool, protocol: str
) -> Callable[[Sample, LabelledHead], LabelledHead | LeftOut]:
    """Make the rule "least and greatest coordinate of the landmarks".

    Args:
        name: of the landmarks in the set.
        visible_only: leave out entries that are not positive; otherwise the -1 of invisible points counts as
            a place, which pulls the box to the top left corner, as in the published scripts.
        protocol: named in errors.

    Returns:
        A `take` for `Protocol`.
    """

    def take(sample: Sample, head: LabelledHead) -> LabelledHead | LeftOut:
        points = np.asarray(landmarks_of(head, name=name, protocol=protocol), dtype=np.float64)[:, :2]
        if visible_only:
            points = points[(points > 0).all(-1)]
        if len(points) < 2 or not (np.ptp(points, axis=0) > 0).all():
            return LeftOut(sample.key, "landmarks span no box")
        (x0, y0), (x1, y1) = points.min(0).tolist(), points.max(0).tolist()
        return replace(head, box=(x0, y0, x1, y1))

    return take
