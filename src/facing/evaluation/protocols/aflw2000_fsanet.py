"""AFLW2000 cut as FSA-Net cuts it: 0.6 on every side, cut to the picture."""

from facing.crop import PUBLISHED
from facing.evaluation.protocol import Protocol
from facing.evaluation.protocols._aflw2000 import CONVENTION, EULER, FILTER, box_of_landmarks

PROTOCOL = Protocol(
    title="AFLW2000-3D, crop of FSA-Net",
    reader="aflw2000",
    filter=FILTER,
    box_rule="least and greatest of the visible columns of pt2d",
    crop=PUBLISHED["fsanet"],
    convention=CONVENTION,
    metrics=EULER,
    expected_count=1969,
    source="Yang et al. 2019, data preparation of shamangary/FSA-Net",
    take=box_of_landmarks("pt2d", visible_only=True, protocol="aflw2000-fsanet"),
)
