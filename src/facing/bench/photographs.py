"""Photographs with hand-drawn head boxes, `tests/data/photos_cc0.csv` of the repository."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facing.errors import DataError
from facing.picture import load_picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Photograph:
    """One photograph and its heads."""

    name: str
    pixels: NDArray[np.uint8]
    """(H, W, 3), RGB, upright."""
    boxes: NDArray[np.float64]
    """(N, 4) xyxy pixels, the heads that count."""
    facings: tuple[str, ...]
    """N times front, left, right, back or empty."""
    ignored: NDArray[np.float64]
    """(K, 4) xyxy pixels, regions where a found box is neither right nor wrong."""


def read_photographs(annotation: Path, folder: Path, *, part: str) -> Iterator[Photograph]:
    """Read photographs one by one, in the order of their annotation.

    Args:
        annotation: CSV with picture, part, x0, y0, x1, y1, facing and ignore; a picture without people has
            one row without a box.
        folder: where the photographs are, at any depth.
        part: "learn", "measure", or "all".

    Raises:
        DataError: a photograph is not in the folder.
    """
    rows: dict[str, list[dict[str, str]]] = {}
    with annotation.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if part in ("all", row["part"]):
                rows.setdefault(row["picture"], []).append(row)
    paths = {path.name: path for path in folder.rglob("*.jpg")}
    for name, listed in rows.items():
        if name not in paths:
            raise DataError(
                f"{folder} holds no {name}, which {annotation.name} lists; give the folder that does"
            )
        given = [row for row in listed if row["x0"]]
        boxes = np.array([[float(row[key]) for key in ("x0", "y0", "x1", "y1")] for row in given]).reshape(
            -1, 4
        )
        ignored = np.array([row["ignore"] == "1" for row in given], dtype=bool)
        facings = tuple(row["facing"] for row in given if row["ignore"] != "1")
        yield Photograph(name, load_picture(paths[name]), boxes[~ignored], facings, boxes[ignored])
