"""AFLW2000 cut as the pyramid system cuts it."""

from facing.crop import PUBLISHED
from facing.evaluation.protocol import Protocol
from facing.evaluation.protocols._aflw2000 import CONVENTION, EULER, FILTER, box_of_landmarks

PROTOCOL = Protocol(
    title="AFLW2000-3D, crop of the pyramid system",
    reader="aflw2000",
    filter=FILTER,
    box_rule="least and greatest x and y of pt3d_68",
    crop=PUBLISHED["pyramid"],
    convention=CONVENTION,
    metrics=EULER,
    expected_count=1969,
    source="nickuntitled/pyramid_aggregate_head_pose_estimation, test.py with --ad 0.2",
    take=box_of_landmarks("pt3d_68", visible_only=False, protocol="aflw2000-pyramid"),
)
