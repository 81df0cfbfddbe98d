"""BIWI split 70/30, the test part."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from facing.datasets.sample import LeftOut
from facing.evaluation.protocol import Protocol
from facing.evaluation.protocols._biwi import CONVENTION, EULER

if TYPE_CHECKING:
    from facing.datasets.sample import LabelledHead, Sample

FIRST_TEST_SEQUENCE = 17
FIRST_TEST_CROP = 9888
"""Of the 13,219 crops, as the pyramid system's lists cut them."""


def _take(sample: Sample, head: LabelledHead) -> LabelledHead | LeftOut:
    if sample.source is not None and sample.source.isdigit():
        tested = int(sample.source) >= FIRST_TEST_SEQUENCE
    else:
        number = re.search(r"(\d+)$", sample.key)
        # FSA-Net keeps its test part in a file of its own.
        tested = "test" in sample.key.lower() or (number is not None and int(number[1]) >= FIRST_TEST_CROP)
    return head if tested else LeftOut(sample.key, "in the training part")


PROTOCOL = Protocol(
    title="BIWI, 70/30, test part",
    reader="biwi",
    filter="sequences 17 to 24; of the 13,219 crops those from number 9,888 on; of a *test*.npz all",
    box_rule="head box of the reader; crops as they are",
    convention=CONVENTION + "; four persons were recorded twice and may be in both parts",
    metrics=EULER,
    source=(
        "P2 of Yang et al., FSA-Net, CVPR 2019, whose 8 test sequences are drawn without a seed: results of "
        "others used other sequences"
    ),
    take=_take,
)
