"""State poses of photographed heads by what several pose networks agree on, to train the next one with them.

Run: python scripts/photograph_poses.py --pictures ../shared/assets/photos_cc0 --out data/photographs \
       --model small --model other.onnx
Only photographs of the part "learn" are used (tests/data/README.md). A head is labelled with the mean over
all networks and seven boxes, if these agree and what they say is the facing that was seen by eye.
"""

from __future__ import annotations

import argparse
import csv
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facing.atomic import new_file
from facing.bench.photographs import read_photographs
from facing.bench.readings import VIEWS, agreed, nearly_faces
from facing.geometry.boxes import moved_boxes
from facing.runtime.estimator import PoseEstimator
from facing.terms import state_terms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facing.bench.photographs import Photograph

ANNOTATION = Path(__file__).parents[1] / "tests" / "data" / "photos_cc0.csv"
TERMS = {
    "name": "CC0 photographs, poses stated by networks of facing",
    "licence": "CC0-1.0",
    "may_train_shipped_weights": True,
}
COLUMNS = (
    *("picture", "x0", "y0", "x1", "y1"),
    *(f"r{i}{j}" for i in range(3) for j in range(3)),
    "source",
)
LEAST_PX = 28.0
"""Longer side of the smallest head that is labelled."""
MOST_SPREAD_DEG = {"front": 10.0, "left": 10.0, "right": 10.0, "back": 20.0}
"""Mean angle between an answer and the mean of all, from which on nobody knows."""
NEAR_DEG = 12.0
"""So close to the border between two facings either will do."""


def main() -> None:
    """Read the annotation, ask the networks, write one table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=Path, required=True, help="folder of the CC0 photographs")
    parser.add_argument("--out", type=Path, required=True, help="folder of the table and its photographs")
    parser.add_argument("--model", action="append", required=True, help="pose network; may be repeated")
    args = parser.parse_args()
    networks = [PoseEstimator(model, None, threads=1) for model in args.model]
    paths = {path.name: path for path in args.pictures.rglob("*.jpg")}
    state_terms(args.out, TERMS)
    heads, rows = 0, []
    for photo in read_photographs(ANNOTATION, args.pictures, part="learn"):
        facings = np.array(photo.facings, dtype=str)
        sides = (photo.boxes[:, 2:] - photo.boxes[:, :2]).max(1, initial=0)
        asked = np.flatnonzero((sides >= LEAST_PX) & (facings != ""))
        if len(asked) == 0:
            continue
        heads += len(asked)
        for row, rotation, spread in zip(asked, *_read(photo, photo.boxes[asked], networks), strict=True):
            facing = str(facings[row])
            if spread < MOST_SPREAD_DEG[facing] and nearly_faces(rotation, facing, near_deg=NEAR_DEG):
                rows.append([photo.name, *photo.boxes[row], *rotation.ravel().round(6), photo.name])
                with new_file(args.out / photo.name) as part:
                    shutil.copyfile(paths[photo.name], part)
    with new_file(args.out / "heads.csv") as part, part.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    print(f"{len(rows)} of {heads} heads in {args.out / 'heads.csv'}")


def _read(
    photo: Photograph, boxes: NDArray[np.float64], networks: list[PoseEstimator]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the mean rotations (K, 3, 3) and the mean angles to them, degrees, (K,)."""
    return agreed(
        [
            [head.rotation for head in network(photo.pixels, boxes=moved_boxes(boxes, view))]
            for view in VIEWS
            for network in networks
        ]
    )


if __name__ == "__main__":
    main()
