# ruff: noqa: N999 - the set's own name starts with a digit; the registry imports by name
"""300-W (Sagonas et al. 2013): photographs with 68 landmarks, NAME.pts beside NAME.png or .jpg; no poses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from facing.datasets.files import listed_files
from facing.datasets.head_box import head_box_from_flat_points
from facing.datasets.sample import LabelledHead, LeftOut, Reader, Sample
from facing.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

TITLE = "300-W landmarks"
PICTURES = (".png", ".jpg", ".jpeg")
POINTS = re.compile(r"version:\s*1\s+n_points:\s*(\d+)\s*\{(.*?)\}", re.DOTALL)
FACE = re.compile(r"_\d(_mirror)?$")
"""AFW, HELEN and IBUG number the faces of one photograph; elsewhere a name ends with more digits."""
FIRST_PIXEL = 0.5
"""The set counts pixel centres from 1, our first pixel has its centre at 0.5."""


def read_samples(path: Path) -> Iterator[Sample | LeftOut]:
    """Yield one sample per .pts file below the folder, or per line of a list."""
    root, files = listed_files(path, "**/*.pts", ending=".pts", title=TITLE)
    for file in files:
        key = file.relative_to(root).with_suffix("").as_posix()
        picture = next((found for end in PICTURES if (found := file.with_suffix(end)).is_file()), None)
        if picture is None:
            yield LeftOut(key, "picture is missing")
            continue
        try:
            points = read_points(file)
            x0, y0, x1, y1 = head_box_from_flat_points(points - FIRST_PIXEL).tolist()
        except DataError:
            yield LeftOut(key, "label cannot be read")
            continue
        head = LabelledHead((x0, y0, x1, y1), None, landmarks={"68": points})
        yield Sample(key, picture, (head,), source=FACE.sub("", file.stem))


def read_points(path: Path) -> NDArray[np.float64]:
    """Read a .pts file, version 1.

    Returns:
        (J, 2), pixels as stored: x right, y down, counted from 1.

    Raises:
        DataError: the file is missing, of another form, or holds another number of points than it says.
    """
    try:
        found = POINTS.search(path.read_text(encoding="ascii"))
        count, values = (int(found[1]), np.array(found[2].split(), dtype=np.float64)) if found else (0, None)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is no .pts file that can be read ({error}); copy it again") from error
    if values is None:
        raise DataError(f"{path} has no version 1, n_points and braces; copy it again")
    if values.size != 2 * count:
        raise DataError(f"{path} says {count} points and holds {values.size} numbers; copy it again")
    return values.reshape(count, 2)


READER = Reader(
    title=TITLE,
    licence="research use only",
    may_train_shipped_weights=False,
    box_rule="neutral head fitted to the 68 points, seen from 7 head heights away",
    convention="no angles; landmarks as stored, counted from 1 (half a pixel more than our pixel centres)",
    complete_labels=False,
    known=(),
    samples=read_samples,
)
