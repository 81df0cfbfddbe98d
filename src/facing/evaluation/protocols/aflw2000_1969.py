"""AFLW2000 as the field counts it, with our own head boxes and the model's own crop."""

from facing.evaluation.protocol import Protocol
from facing.evaluation.protocols._aflw2000 import CONVENTION, EULER, FILTER

PROTOCOL = Protocol(
    title="AFLW2000-3D, 1,969 pictures, own head boxes",
    reader="aflw2000",
    filter=FILTER,
    box_rule="head box by a similarity fit of a neutral head to the 68 points with depth",
    convention=CONVENTION,
    metrics=EULER,
    expected_count=1969,
    source="P1 of Yang et al., FSA-Net, CVPR 2019; boxes our own",
)
