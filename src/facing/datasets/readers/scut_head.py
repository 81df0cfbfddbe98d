"""SCUT-HEAD (HCIILAB): classrooms and crowds, every head in a Pascal VOC xml; no poses."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import numpy as np

from facing.datasets.files import find_files
from facing.datasets.sample import LabelledHead, LeftOut, Reader, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TITLE = "SCUT-HEAD"


def read_samples(folder: Path) -> Iterator[Sample | LeftOut]:
    """Yield one sample per Annotations/NAME.xml; the size that the xml states is not read (0 in one)."""
    for path in find_files(folder, "Annotations/*.xml", title=TITLE):
        try:
            tree = ET.parse(path)  # noqa: S314 - a local label file that the user named
            heads = tuple(_head(box) for box in tree.iter("bndbox"))
        except (ET.ParseError, OSError, TypeError, ValueError):
            yield LeftOut(path.stem, "label cannot be read")
            continue
        yield Sample(path.stem, folder / "JPEGImages" / f"{path.stem}.jpg", heads)


def _head(box: ET.Element) -> LabelledHead:
    x0, y0, x1, y1 = (float(box.findtext(name, "")) for name in ("xmin", "ymin", "xmax", "ymax"))
    if not (np.isfinite((x0, y0, x1, y1)).all() and x1 > x0 and y1 > y0):
        raise ValueError(f"box {x0, y0, x1, y1} has no area")
    return LabelledHead((x0, y0, x1, y1), None)


READER = Reader(
    title=TITLE,
    licence="free to the academic community for research use only (HCIILAB)",
    may_train_shipped_weights=False,
    box_rule="as stored: the whole head with hair and hidden parts, so somewhat larger than the bald head",
    convention="no angles",
    complete_labels=True,
    known=(),
    samples=read_samples,
    expected_count=4405,
)
