"""BIWI, every frame of all 24 sequences."""

from facing.evaluation.protocol import Protocol
from facing.evaluation.protocols._biwi import CONVENTION, EULER

PROTOCOL = Protocol(
    title="BIWI, all frames",
    reader="biwi",
    filter="none",
    box_rule="head box of the reader; published tests use a face detector and lose other frames each",
    convention=CONVENTION,
    metrics=EULER,
    expected_count=15678,
    source="Fanelli et al. 2011; counts of others: 15,667 Hopenet, 15,636 WHENet, 13,219 FSA-Net",
)
