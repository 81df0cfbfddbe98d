"""AFLW2000 cut as the compact system cuts it, judged by the facing direction."""

from facing.crop import PUBLISHED
from facing.evaluation.protocol import Protocol
from facing.evaluation.protocols._aflw2000 import CONVENTION, FILTER, box_of_landmarks

PROTOCOL = Protocol(
    title="AFLW2000-3D, crop of the compact system",
    reader="aflw2000",
    filter=FILTER,
    box_rule="least and greatest of all columns of pt2d, the -1 of invisible points included",
    crop=PUBLISHED["compact"],
    convention=CONVENTION,
    metrics=("front_angle", "front_accuracy"),
    expected_count=1969,
    source="sevenHsu/HeadPoseNet, test.py; its score is the share below 10 degrees",
    take=box_of_landmarks("pt2d", visible_only=False, protocol="aflw2000-compact"),
)
