"""CMU Face Images (T. Mitchell, UCI): 20 persons looking straight, left, right or up; grey PGM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from facing.datasets.files import find_files
from facing.datasets.sample import Facing, LabelledHead, LeftOut, Reader, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TITLE = "CMU Face Images"
FACING: dict[str, Facing] = {"straight": "front", "up": "front", "left": "right", "right": "left"}
"""The set's left and right are the person's own; ours are the viewer's."""
HEAD = (0.25, 0.14, 0.75, 0.75)  # of width and height: every head sits within it, shoulders below


def read_samples(folder: Path) -> Iterator[Sample | LeftOut]:
    """Yield one sample per picture id_pose_expression_eyes[_scale].pgm below the folder."""
    for path in find_files(folder, "**/*.pgm", title=TITLE):
        words = path.stem.split("_")
        if len(words) < 4 or words[1] not in FACING:
            yield LeftOut(path.stem, "file name states no pose")
            continue
        try:
            with Image.open(path) as picture:
                width, height = picture.size
        except OSError:
            yield LeftOut(path.stem, "picture cannot be read")
            continue
        box = (HEAD[0] * width, HEAD[1] * height, HEAD[2] * width, HEAD[3] * height)
        yield Sample(path.stem, path, (LabelledHead(box, None, label=FACING[words[1]]),), source=words[0])


READER = Reader(
    title=TITLE,
    licence="T. Mitchell, CMU, distributed by UCI; terms not checked",
    may_train_shipped_weights=False,
    box_rule="fixed part of the picture: 0.25 to 0.75 of the width, 0.14 to 0.75 of the height",
    convention="coarse classes; the person's own left and right become the viewer's; up counts as front",
    complete_labels=True,
    known=(),
    classes=True,
    samples=read_samples,
    match="middle",
)
