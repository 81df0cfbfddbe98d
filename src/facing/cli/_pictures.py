"""What `estimate` and `demo` do with one picture, and where drawn pictures go."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from facing.errors import PictureError
from facing.output.drawing import check_styles
from facing.output.record import PictureRecord
from facing.picture import load_picture

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from facing.runtime.estimator import PoseEstimator

STDIN = "-"
SAVED = frozenset({".jpg", ".jpeg", ".png", ".webp"})
"""Endings that drawn pictures keep; others become PNG."""


def look(
    name: str, *, estimator: PoseEstimator, boxes: Mapping[Path, NDArray[np.float32]] | None = None
) -> tuple[PictureRecord, NDArray[np.uint8]]:
    """Estimate the heads of one picture.

    Args:
        name: a file, or "-" for the bytes of standard input.
        estimator: what does it.
        boxes: head boxes by full path, (K, 4) xyxy pixels; None lets the estimator find them.

    Returns:
        The record and the upright picture, (H, W, 3) uint8.

    Raises:
        PictureError: the picture cannot be read or has no boxes.
        BoxError: one of its boxes cannot be used.
    """
    own = None
    if boxes is not None:
        own = boxes.get(real_path(Path(name)))
        if own is None:
            raise PictureError(f"{name} is not named in the file of boxes; add its boxes or leave it out")
    picture = load_picture(_standard_input() if name == STDIN else name)
    height, width = picture.shape[:2]
    heads = tuple(estimator(picture, boxes=own))
    return PictureRecord(file=name, width=width, height=height, heads=heads), picture


def _standard_input() -> bytes:
    if sys.stdin is None:  # the shell closed it: <&-
        raise PictureError("standard input is closed; send a picture into it or name a file")
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise PictureError(
            f"standard input cannot be read ({error.strerror or error}); send a picture into it"
        ) from error


def within(record: PictureRecord, *, max_error_deg: float | None) -> PictureRecord:
    """Leave out the heads whose expected error is larger."""
    if max_error_deg is None:
        return record
    return replace(
        record, heads=tuple(head for head in record.heads if (head.error_deg or 0.0) <= max_error_deg)
    )


def by_place(boxes: Mapping[str, NDArray[np.float32]], *, file: Path) -> dict[Path, NDArray[np.float32]]:
    """Key boxes by full path: names are meant from the current folder, or from the folder of their file."""
    beside = {real_path(file.parent / name): rows for name, rows in boxes.items()}
    return beside | {real_path(Path(name)): rows for name, rows in boxes.items()}


def real_path(path: Path) -> Path:
    """Follow links; a loop of links, at which `Path.resolve` fails, stays where it cannot be followed."""
    return Path(os.path.realpath(path))


def read_styles(text: str) -> frozenset[str]:
    """Read "axes,label".

    Raises:
        UnknownNameError: there is no such drawing style.
    """
    return check_styles(style.strip() for style in text.split(",") if style.strip())


def drawn_paths(files: Iterable[Path], *, folder: Path) -> list[Path]:
    """Name where each picture goes when it has been drawn on.

    Args:
        files: inputs, each once; "-" is standard input.
        folder: of the drawn pictures.

    Returns:
        One path per file, none twice and none an input. Files keep their place below the folder that all
        inputs share, so equal names in different folders stay apart.
    """
    given = [Path(os.path.abspath(file)) for file in files]  # noqa: PTH100 - links keep their own names
    shared = _shared_folder(given)
    taken = {path for file in given for path in (file, real_path(file))}
    drawn: list[Path] = []
    for file in given:
        below = Path(file.name) if shared is None else file.relative_to(shared)
        if file.name == "-":
            below = below.with_name("stdin.jpg")
        elif below.suffix.lower() not in SAVED:
            below = below.with_name(f"{below.name}.png")
        path = _free(Path(os.path.abspath(folder / below)), taken=taken)  # noqa: PTH100
        taken |= {path, real_path(path)}
        drawn.append(path)
    return drawn


def _shared_folder(files: list[Path]) -> Path | None:
    """Give the folder that holds all files; None where there is none, as on two drives of Windows."""
    try:
        return Path(os.path.commonpath([file.parent for file in files]))
    except ValueError:
        return None


def _free(path: Path, *, taken: set[Path]) -> Path:
    free, number = path, 2
    while free in taken or real_path(free) in taken:
        free = path.with_stem(f"{path.stem}-{number}")
        number += 1
    return free
