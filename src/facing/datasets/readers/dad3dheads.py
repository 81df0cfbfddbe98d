"""DAD-3DHeads (Martyniuk et al. 2022): photographs with a fitted FLAME head each.

Two forms are read: the official folders train and val (train.json, images/ID.png, annotations/ID.json),
and the list of the pyramid system, a .json of {img_path, bbox, R}.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from facing.datasets.files import find_any, missing, read_json
from facing.datasets.sample import ANGLES, LabelledHead, LeftOut, Reader, Sample
from facing.errors import DataError
from facing.geometry.conventions import (
    pyramid_from_rotation,
    rotation_from_dad3dheads,
    rotation_from_pyramid,
)
from facing.geometry.rotation import euler_from_rotation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

TITLE = "DAD-3DHeads"
SPLITS = ("train", "val")  # the test split has no annotations
MOST_DEG = 99.0
"""The pyramid system's own rule for its list."""
VERTICES = 5023  # of a FLAME mesh
CHIN = 3414
"""Vertex of FLAME under the chin: iBUG landmark 8 in a public table of landmark vertices (SAiD)."""

Box = tuple[float, float, float, float]


class Entry(NamedTuple):
    """One picture of an official split."""

    key: str
    picture: Path
    annotation: Path
    face_box: list[float] | None
    """xywh as the split's list states it; None without a list."""


def read_samples(path: Path) -> Iterator[Sample | LeftOut]:
    """Yield one sample per picture; broken annotations are `LeftOut`.

    Args:
        path: the folder with train and val, one of the two, the list of one (train/train.json), or a list
            of the pyramid system (.json).
    """
    entries: Iterator[Entry]
    if path.suffix == ".json":
        records = read_json(path, title=TITLE)
        if "item_id" not in _first(records):
            yield from _pyramid_samples(path, records)
            return
        entries = _split_entries(path.parent, _boxes(path))
    else:
        entries = _entries(path)
    for entry in entries:
        try:
            rotation, box = read_annotation(entry.annotation, picture=entry.picture)
        except DataError:
            yield LeftOut(entry.key, "label cannot be read")
            continue
        head = LabelledHead(box, rotation, known=ANGLES)
        yield Sample(entry.key, entry.picture, (head,), source=entry.picture.stem)


def read_annotation(path: Path, *, picture: Path) -> tuple[NDArray[np.float64], Box]:
    """Read the pose and the head box of an annotation.

    Args:
        path: .json with vertices (5023 x 3), model_view_matrix and projection_matrix (4 x 4), OpenGL axes.
        picture: its picture; rows are counted from the foot, so its height is needed.

    Returns:
        Rotation (3, 3), and the box of all vertices not below the chin (in the head's own axes), projected.

    Raises:
        DataError: one of the files is missing or broken.
    """
    label = read_json(path, title=TITLE)
    try:
        with Image.open(picture) as opened:
            height = opened.height
        vertices = np.asarray(label["vertices"], dtype=np.float64).reshape(VERTICES, 3)
        model_view = np.asarray(label["model_view_matrix"], dtype=np.float64).reshape(4, 4)
        projection = np.asarray(label["projection_matrix"], dtype=np.float64).reshape(4, 4)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} or its picture cannot be read ({error}); copy them again") from error
    head = vertices[vertices[:, 1] >= vertices[CHIN, 1]]
    seen = np.column_stack([head, np.ones(len(head))]) @ (projection @ model_view).T
    if not (np.isfinite(seen).all() and (np.abs(seen[:, 3]) > 0).all()):
        raise DataError(f"{path} projects its head to no place; leave this picture out")
    pixels = seen[:, :2] / seen[:, 3:]
    (x0, y0), (x1, y1) = pixels.min(0).tolist(), pixels.max(0).tolist()
    return rotation_from_dad3dheads(model_view), (x0, height - y1, x1, height - y0)


def pyramid_list(folder: Path, samples: Iterable[Sample | LeftOut] | None = None) -> list[dict[str, Any]]:
    """Make the list that the pyramid system trains on from the official annotations.

    Args:
        folder: the one with train and val, or one of the two.
        samples: of this folder, where not all of them are wanted.

    Returns:
        One record per readable annotation: img_path from `folder`, bbox [x, y, w, h] of the split's list (the
        projected head where there is none), R as 3 x 3 lists, diag(1, -1, -1) times our rotation. Pictures
        over 99 degrees are in it; the system drops them while reading.

    Raises:
        DataError: the folder does not hold the set.
    """
    face_boxes = {entry.key: entry.face_box for entry in _entries(folder)}
    records = []
    for sample in read_samples(folder) if samples is None else samples:
        if isinstance(sample, LeftOut):
            continue
        (head,) = sample.heads
        assert isinstance(sample.picture, Path)
        assert head.box is not None
        assert head.rotation is not None
        x0, y0, x1, y1 = head.box
        records.append(
            {
                "img_path": sample.picture.relative_to(folder).as_posix(),
                "bbox": face_boxes[sample.key] or [x0, y0, x1 - x0, y1 - y0],
                "R": pyramid_from_rotation(head.rotation).tolist(),
            }
        )
    return records


def _entries(folder: Path) -> Iterator[Entry]:
    splits = [folder / name for name in SPLITS if (folder / name / "annotations").is_dir()]
    if not splits and (folder / "annotations").is_dir():
        splits = [folder]
    if not splits:
        if not folder.is_dir():
            raise DataError(f"{folder} is no folder; name the one that holds {TITLE}")
        raise missing(folder, "train/annotations or val/annotations", title=TITLE)
    for split in splits:
        listed = split / f"{split.name}.json"
        if listed.is_file():
            yield from _split_entries(split, _boxes(listed))
        else:
            files = find_any(split, ("annotations/*.json",), title=TITLE)
            yield from _split_entries(split, dict.fromkeys(file.stem for file in files))


def _split_entries(split: Path, boxes: Mapping[str, list[float] | None]) -> Iterator[Entry]:
    for name, box in boxes.items():
        picture, annotation = split / "images" / f"{name}.png", split / "annotations" / f"{name}.json"
        yield Entry(f"{split.name}/{name}", picture, annotation, box)


def _first(records: Any) -> dict[str, Any]:
    return records[0] if isinstance(records, list) and records and isinstance(records[0], dict) else {}


def _boxes(path: Path) -> dict[str, list[float] | None]:
    """Read the list of a split, item_id -> bbox xywh, None for a broken one.

    Raises:
        DataError: it is no list of records with item_id.
    """
    boxes: dict[str, list[float] | None] = {}
    try:
        for record in read_json(path, title=TITLE):
            name = str(record["item_id"])
            try:
                boxes[name] = _xywh(record.get("bbox"))
            except (KeyError, TypeError, ValueError):
                boxes[name] = None
    except (AttributeError, KeyError, TypeError) as error:
        raise DataError(f"{path} is no list of records with item_id ({error}); copy it again") from error
    return boxes


def _pyramid_samples(path: Path, records: Any) -> Iterator[Sample | LeftOut]:
    first = _first(records)
    if not ({"img_path", "bbox", "R"} <= first.keys()):
        raise DataError(
            f"{path} lists no item_id and no img_path, bbox and R; name such a list or the folder of {TITLE}"
        )
    root = _root(path, str(first["img_path"]))
    for number, record in enumerate(records):
        try:
            name = str(record["img_path"])
            rotation = rotation_from_pyramid(np.asarray(record["R"], dtype=np.float64).reshape(3, 3))
            x, y, width, height = _xywh(record["bbox"])
            proper = np.abs(rotation @ rotation.T - np.eye(3)).max() < 1e-3 and np.linalg.det(rotation) > 0
        except (KeyError, TypeError, ValueError):
            proper = False
        if not proper:
            yield LeftOut(f"line {number}", "label cannot be read")
            continue
        angles = euler_from_rotation(rotation, yaw_within_90=True)
        if max(abs(float(angle)) for angle in angles) > MOST_DEG:
            yield LeftOut(name, "an angle over 99 degrees")
            continue
        head = LabelledHead((x, y, x + width, y + height), rotation, known=ANGLES)
        yield Sample(name, root / name, (head,), source=(root / name).stem)


def _root(path: Path, name: str) -> Path:
    """Find the folder that img_path starts from: that of the list, or one of the three around it."""
    around = (path.parent, *path.absolute().parents[1:4])
    return next((folder for folder in around if (folder / name).is_file()), path.parent)


def _xywh(box: Any) -> list[float]:
    """Read a box that is a list of four, or a mapping with the keys 0 to 3."""
    values = [box[str(index)] for index in range(4)] if isinstance(box, dict) else box
    x, y, width, height = (float(value) for value in values)
    if not (np.isfinite([x, y, width, height]).all() and width > 0 and height > 0):
        raise ValueError(f"box {values} has no area")
    return [x, y, width, height]


READER = Reader(
    title=TITLE,
    licence="CC BY-NC-SA 4.0",
    may_train_shipped_weights=False,
    box_rule=(
        "the stored FLAME head without what lies below its chin, projected; lists of the pyramid system: "
        "their bbox as it is"
    ),
    convention="M is the 3 x 3 part of model_view_matrix without its scale; lists: M = diag(1, -1, -1) R",
    complete_labels=False,
    known=ANGLES,
    samples=read_samples,
)
