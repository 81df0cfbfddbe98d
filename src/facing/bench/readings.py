"""What pose networks say of photographed heads that nobody measured, over several boxes of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facing.geometry.rotation import geodesic_deg, nearest_rotation, rotation_from_euler
from facing.pose import HeadPose
from facing.runtime.detections import Detections

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

# Right, down and larger, in longer sides of the box.
VIEWS = (
    (0.0, 0.0, 0.0),
    (0.05, 0.0, 0.05),
    (-0.05, 0.0, -0.05),
    (0.0, 0.05, -0.05),
    (0.0, -0.05, 0.05),
    (0.04, 0.04, 0.0),
    (-0.04, -0.04, 0.0),
)


def agreed(answers: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the mean of M rotations (M, ..., 3, 3) and the mean angle between them and it, degrees, (...)."""
    read = np.asarray(answers, dtype=np.float64)
    mean = np.asarray(nearest_rotation(read.mean(0)), dtype=np.float64)
    return mean, np.asarray(np.mean(geodesic_deg(read, mean), axis=0), dtype=np.float64)


def nearly_faces(rotation: NDArray[np.float64], facing: str, *, near_deg: float) -> bool:
    """Tell whether a rotation faces where a head was seen to face, or would if turned by a few degrees."""
    turned = (rotation_from_euler(yaw=yaw, pitch=0, roll=0) @ rotation for yaw in (-near_deg, 0.0, near_deg))
    return facing in {HeadPose(box=(0, 0, 1, 1), score=1, rotation=one).facing for one in turned}


def found_heads(heads: Sequence[HeadPose]) -> Detections:
    """Give the boxes and scores of what an estimator takes for heads."""
    boxes = np.array([head.box for head in heads], dtype=np.float32).reshape(-1, 4)
    return Detections(boxes, np.array([head.score for head in heads], dtype=np.float32))
