"""The four folders of the compact system: bg_imgs, bbox, info and angles, one text file per picture.

`bbox/NAME.txt` holds x1 y1 x2 y2, `info/NAME.txt` a quaternion x y z w and `angles/NAME.txt` pitch, yaw, roll
in radians. The quaternion is the pose seen in a mirror: S M S with S = diag(-1, 1, 1), so that the third
column is the system's facing vector with x to the image left.

The system names no persons. Conversions of ours write `sources.csv` beside the folders, columns name and
source, so that a split keeps turned and mirrored copies of one face together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from facing.datasets.files import find_files, read_table
from facing.datasets.sample import ANGLES, LabelledHead, LeftOut, Reader, Sample
from facing.errors import DataError
from facing.geometry.rotation import geodesic_deg, rotation_from_euler, rotation_from_quaternion

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

TITLE = "the four folders of the compact system"
MIRROR = np.diag([-1.0, 1.0, 1.0])
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
MOST_APART_DEG = 1.0
"""Text of six digits agrees far better; angles in degrees or of other signs do not."""
SOURCES = "sources.csv"
SOURCE_COLUMNS = ("name", "source")


def read_samples(folder: Path) -> Iterator[Sample | LeftOut]:
    """Yield one sample per name; a name that lacks one of the files is left out and says which.

    `angles` may be missing as a folder: the quaternion says the same. Where it is there it must agree. So may
    `sources.csv`, and then nothing says which pictures show one person.

    Raises:
        DataError: a folder or column is missing.
    """
    pictures = {
        path.stem: path
        for path in find_files(folder / "bg_imgs", "*", title=TITLE)
        if path.suffix.lower() in PICTURES
    }
    parts = ["bbox", "info", *(["angles"] if (folder / "angles").is_dir() else [])]
    tables = {
        part: {path.stem: path for path in find_files(folder / part, "*.txt", title=TITLE)} for part in parts
    }
    sources = _sources(folder / SOURCES)
    for name in sorted({*pictures, *(name for table in tables.values() for name in table)}):
        missing = ["bg_imgs"] * (name not in pictures) + [part for part in parts if name not in tables[part]]
        if missing:
            yield LeftOut(name, f"no file in {', '.join(missing)}")
            continue
        try:
            head = _head({part: tables[part][name] for part in parts})
        except DataError as error:
            yield LeftOut(name, str(error))
            continue
        yield Sample(name, pictures[name], (head,), source=sources.get(name))


def _sources(path: Path) -> dict[str, str]:
    """Read which person, sequence or photograph each name belongs to; empty without the file."""
    if not path.is_file():
        return {}
    return {row["name"]: row["source"] for row in read_table(path, columns=SOURCE_COLUMNS, title=TITLE)}


def _head(files: dict[str, Path]) -> LabelledHead:
    x0, y0, x1, y1 = _numbers(files["bbox"], count=4).tolist()
    if x1 <= x0 or y1 <= y0:
        raise DataError("box has no area")
    quaternion = _numbers(files["info"], count=4)
    if abs(np.linalg.norm(quaternion) - 1) > 0.01:
        raise DataError("quaternion is not of length 1")
    rotation: NDArray[np.floating[Any]] = MIRROR @ rotation_from_quaternion(quaternion) @ MIRROR
    if "angles" in files:
        pitch, yaw, roll = np.degrees(_numbers(files["angles"], count=3))
        if geodesic_deg(rotation, rotation_from_euler(yaw=yaw, pitch=pitch, roll=roll)) > MOST_APART_DEG:
            raise DataError("angles and quaternion disagree")
    return LabelledHead((x0, y0, x1, y1), rotation, known=ANGLES)


def _numbers(path: Path, *, count: int) -> NDArray[np.float64]:
    try:
        values = [float(word) for word in path.read_text(encoding="ascii").replace(",", " ").split()]
    except (OSError, ValueError) as error:
        raise DataError("label cannot be read") from error
    if len(values) != count or not np.isfinite(values).all():
        raise DataError("label cannot be read")
    return np.array(values)


READER = Reader(
    title=TITLE,
    licence="that of the pictures that lie in it; nothing is known here",
    may_train_shipped_weights=False,
    box_rule="as stored: the original conversions took the box of the landmarks, ours write the head box",
    convention=(
        "quaternion x, y, z, w of the mirrored pose S M S, S = diag(-1, 1, 1), turned back; angles are "
        "pitch, yaw, roll of 300W-LP in radians and must agree"
    ),
    complete_labels=False,
    known=ANGLES,
    samples=read_samples,
)
