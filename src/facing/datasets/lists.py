"""Lists of a set: which of its pictures a training or a test uses, in the published systems' formats."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import numpy as np

from facing.datasets.files import ROOT_MARK
from facing.datasets.readers.dad3dheads import pyramid_list
from facing.datasets.sample import LeftOut
from facing.geometry.rotation import euler_from_rotation
from facing.output.sink import text_sink

if TYPE_CHECKING:
    from pathlib import Path

    from facing.datasets.sample import Reader, Sample


def write_list(reader: Reader, folder: Path, *, out: Path, max_angle: float = 99.0) -> int:
    """Write the names of all usable pictures of a set, one per line without ending.

    Names start from `folder`; where the list lies elsewhere, its first line says so ("# root: FOLDER"),
    and our readers understand that. Put the list into the folder itself for the published systems.

    Args:
        reader: of the set; its own filter applies first.
        folder: where its files are, or another list.
        out: the list; written whole or not at all.
        max_angle: degrees; a picture with a head beyond it in yaw, pitch or roll is left out.

    Returns:
        How many names were written.

    Raises:
        DataError: the folder does not hold the set, or the list cannot be written.
    """
    names = [
        entry.key
        for entry in reader.samples(folder)
        if not isinstance(entry, LeftOut) and _within(entry, max_angle=max_angle)
    ]
    root = folder if folder.is_dir() else folder.parent
    mark = []
    if out.parent.absolute() != root.absolute():
        mark = [f"{ROOT_MARK} {os.path.relpath(root.absolute(), out.parent.absolute())}"]
    with text_sink(out) as stream:
        stream.writelines(f"{line}\n" for line in [*mark, *names])
    return len(names)


def write_pyramid_list(folder: Path, *, out: Path) -> int:
    """Write the pyramid system's train.json from the official DAD-3DHeads annotations.

    Args:
        folder: the one with train and val, or one of the two.
        out: the list; img_path starts from `folder`, so put it there.

    Returns:
        How many pictures are in it.

    Raises:
        DataError: the folder does not hold the set, or the list cannot be written.
    """
    records = pyramid_list(folder)
    with text_sink(out) as stream:
        json.dump(records, stream, separators=(",", ":"))
    return len(records)


def _within(sample: Sample, *, max_angle: float) -> bool:
    for head in sample.heads:
        if head.rotation is not None:
            angles = euler_from_rotation(head.rotation)
            if np.abs(np.array(angles)).max() > max_angle:
                return False
    return True
