"""The five group photographs of dlib's examples: face boxes and 68 landmarks in one xml; no poses."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import numpy as np

from facing.datasets.files import find_files
from facing.datasets.head_box import head_box_from_flat_points
from facing.datasets.sample import LabelledHead, LeftOut, Reader, Sample
from facing.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TITLE = "dlib example faces"


def read_samples(folder: Path) -> Iterator[Sample | LeftOut]:
    """Yield one sample per picture of testing_with_face_landmarks.xml."""
    (path,) = find_files(folder, "testing_with_face_landmarks.xml", title=TITLE)
    try:
        tree = ET.parse(path)  # noqa: S314 - a local label file that the user named
    except (ET.ParseError, OSError) as error:
        raise DataError(f"{path} is no xml that can be read ({error}); copy it again") from error
    for image in tree.iter("image"):
        name = image.get("file", "")
        try:
            heads = tuple(_head(box) for box in image.iter("box"))
        except (DataError, TypeError, ValueError):
            yield LeftOut(name, "label cannot be read")
            continue
        yield Sample(name, folder / name, heads)


def _head(box: ET.Element) -> LabelledHead:
    parts = {
        part.get("name", ""): (float(part.get("x", "")), float(part.get("y", "")))
        for part in box.iter("part")
    }
    points = np.array([parts[name] for name in sorted(parts)])
    x0, y0, x1, y1 = head_box_from_flat_points(points).tolist()
    return LabelledHead((x0, y0, x1, y1), None, landmarks={"68": points})


READER = Reader(
    title=TITLE,
    licence="photographs of PASCAL VOC 2011 (Flickr terms); labels from dlib's examples",
    may_train_shipped_weights=False,
    box_rule="neutral head fitted to the 68 points, seen from 7 head heights away",
    convention="no angles",
    complete_labels=True,
    known=(),
    samples=read_samples,
    expected_count=5,
)
