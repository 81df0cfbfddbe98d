# ruff: noqa: N999 - the set's own name starts with a digit; the registry imports by name
"""300W-LP: photographs of 300-W turned in steps to profile (Zhu et al. 2016), SUBSET/NAME.jpg and .mat."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from facing.datasets.files import LIST_ENDING, find_any, listed_files, read_mat
from facing.datasets.head_box import head_box_from_pose_para
from facing.datasets.sample import ANGLES, LabelledHead, LeftOut, Reader, Sample
from facing.errors import DataError
from facing.geometry.conventions import rotation_from_pose_para

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TITLE = "300W-LP"
SUBSETS = ("AFW", "HELEN", "IBUG", "LFPW")
MOST_DEG = 99.0
"""The field's own rule since Hopenet: 35 of 122,450 pictures are left out."""
HEIGHT_PX = 450.0  # of every picture
TURN = re.compile(r"_\d+$")
FACE = re.compile(r"^(AFW|HELEN|IBUG)(_.+)_\d+$")
"""300-W numbers the faces of one photograph in these three."""


def read_samples(path: Path) -> Iterator[Sample | LeftOut]:
    """Yield one sample per pair; pictures over 99 degrees and broken labels are `LeftOut`.

    Args:
        path: the folder with AFW, HELEN, IBUG, LFPW and their _Flip, or a list of SUBSET/NAME lines.
    """
    for file in _labels(path):
        key = f"{file.parent.name}/{file.stem}"
        try:
            label = read_mat(file, names=("Pose_Para", "pt2d"))
            pose_para = np.asarray(label["Pose_Para"], dtype=np.float64)[0]
            points = np.asarray(label.get("pt2d", np.zeros((2, 0))), dtype=np.float64).T
            if np.abs(np.degrees(pose_para[:3])).max() > MOST_DEG:
                yield LeftOut(key, "an angle over 99 degrees")
                continue
            x0, y0, x1, y1 = head_box_from_pose_para(pose_para, picture_height=HEIGHT_PX).tolist()
        except (DataError, KeyError, IndexError, TypeError, ValueError):
            yield LeftOut(key, "label cannot be read")
            continue
        head = LabelledHead(
            (x0, y0, x1, y1), rotation_from_pose_para(pose_para), known=ANGLES, landmarks={"pt2d": points}
        )
        yield Sample(key, file.with_suffix(".jpg"), (head,), source=photograph(file.stem))


def photograph(name: str) -> str:
    """Name the photograph that a picture was made from.

    Args:
        name: such as "AFW_134212_2_15": set, photograph, face, turn. A _Flip folder repeats the names.

    Returns:
        Such as "AFW_134212": all turns, mirror images and faces of one photograph.
    """
    turned = TURN.sub("", name)
    return FACE.sub(r"\1\2", turned)


def _labels(path: Path) -> list[Path]:
    if path.suffix == LIST_ENDING and not path.is_dir():
        return listed_files(path, "*.mat", ending=".mat", title=TITLE).files
    patterns = [f"{subset}{flip}/*.mat" for subset in SUBSETS for flip in ("", "_Flip")]
    return find_any(path, patterns, title=TITLE)


READER = Reader(
    title=TITLE,
    licence="research use only (from memory); built on AFW, HELEN, IBUG and LFPW with terms of their own",
    may_train_shipped_weights=False,
    box_rule=(
        "neutral head placed by Pose_Para, seen from 7 head heights away; pt2d is not used, for in turned "
        "pictures it holds the points of the photograph before the turn"
    ),
    convention="our own: 300W-LP order and signs; Pose_Para is pitch, yaw, roll in radians",
    complete_labels=False,
    known=ANGLES,
    samples=read_samples,
    expected_count=122415,
)
