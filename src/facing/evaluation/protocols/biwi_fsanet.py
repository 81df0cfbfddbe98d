"""BIWI as FSA-Net and its followers count it: 13,219 crops of a face detector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facing.crop import CropSpec
from facing.errors import DataError
from facing.evaluation.protocol import Protocol
from facing.evaluation.protocols._biwi import CONVENTION, EULER

if TYPE_CHECKING:
    from facing.datasets.sample import LabelledHead, Sample


def _take(sample: Sample, head: LabelledHead) -> LabelledHead:
    if head.box is not None:
        raise DataError(
            f"{sample.key} is a whole frame; biwi-fsanet is for its .npz of crops, name that file"
        )
    return head


PROTOCOL = Protocol(
    title="BIWI, crops of FSA-Net",
    reader="biwi",
    filter="frames that MTCNN finds above 0.9 and whose box moves less than 80 px: 13,219 of 15,678",
    box_rule="the stored crop as it is: MTCNN box, 0.4 on every side, cut to the picture, 64 x 64",
    crop=CropSpec(side=64, scale=1.0, square="stretch", border="clip"),
    convention=CONVENTION,
    metrics=EULER,
    expected_count=13219,
    source="P1 of Yang et al., FSA-Net, CVPR 2019; the pyramid system tests on the same crops",
    take=_take,
)
