"""AFLW2000 cut as Hopenet cuts it: Resize 224, CenterCrop 224."""

from facing.crop import PUBLISHED
from facing.evaluation.protocol import Protocol
from facing.evaluation.protocols._aflw2000 import CONVENTION, EULER, FILTER, box_of_landmarks

PROTOCOL = Protocol(
    title="AFLW2000-3D, crop of Hopenet",
    reader="aflw2000",
    filter=FILTER,
    box_rule="least and greatest of all columns of pt2d, the -1 of invisible points included",
    crop=PUBLISHED["hopenet"],
    convention=CONVENTION,
    metrics=EULER,
    expected_count=1969,
    source="Ruiz et al. 2018, datasets.py and test_hopenet.py",
    take=box_of_landmarks("pt2d", visible_only=False, protocol="aflw2000-hopenet"),
)
