"""Cut scenes for the head detector out of the photographs whose heads were boxed by hand.

Run: python scripts/photograph_scenes.py --pictures ../shared/assets/photos_cc0 --out data/photographs
Only photographs of the part "learn" are used (tests/data/README.md); the others stay for measuring. The
first view of each shows it whole, the others are windows, most of them around one of its heads.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from facing.picture import load_picture
from facing.shards import SCHEMA, ShardSample, encode, write_shard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

ANNOTATION = Path(__file__).parents[1] / "tests" / "data" / "photos_cc0.csv"
LEAST_HEAD_PX = 8.0
"""Longer side of the smallest head that a view asks for."""
LEAST_INSIDE = 0.3
"""A head of which less than this share lies in the view is neither right nor wrong."""
MOST_ENLARGED = 2.0
AROUND_HEADS = 0.8
"""Share of windows that are drawn around a head."""
HEAD_SHARE = (0.04, 0.9)
"""Side of that head in sides of the window."""
CROWD = 4
"""Photographs of so many heads hold more to learn from and get twice the views."""


def main() -> None:
    """Read the annotation, cut views, write one shard per photograph."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=Path, required=True, help="folder of the CC0 photographs")
    parser.add_argument("--out", type=Path, required=True, help="folder of shards to write")
    parser.add_argument("--size", type=int, default=256, help="side of the scenes, pixels")
    parser.add_argument("--views", type=int, default=30, help="scenes per photograph; twice that of crowds")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rows: dict[str, list[dict[str, str]]] = {}
    with ANNOTATION.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["part"] == "learn":
                rows.setdefault(row["picture"], []).append(row)
    written = 0
    for number, (name, listed) in enumerate(rows.items()):
        given = [row for row in listed if row["x0"]]
        boxes = np.array([[float(row[key]) for key in ("x0", "y0", "x1", "y1")] for row in given])
        ignored = np.array([row["ignore"] == "1" for row in given], dtype=bool)
        views = _views(
            np.random.default_rng((args.seed, number)),
            load_picture(args.pictures / name),
            boxes=boxes.reshape(-1, 4),
            ignored=ignored,
            count=args.views * (2 if (~ignored).sum() >= CROWD else 1),
            size=args.size,
        )
        samples = [
            ShardSample(f"{name.removesuffix('.jpg')}-{place:03d}", encode(pixels, quality=95), label)
            for place, (pixels, label) in enumerate(views)
        ]
        written += write_shard(args.out / f"scenes-{number:05d}.tar", samples)
    print(f"{written} views of {len(rows)} photographs in {args.out}")


def _views(
    rng: np.random.Generator,
    picture: NDArray[np.uint8],
    *,
    boxes: NDArray[np.float64],
    ignored: NDArray[np.bool_],
    count: int,
    size: int,
) -> Iterator[tuple[NDArray[np.uint8], dict[str, Any]]]:
    height, width = picture.shape[:2]
    whole = float(max(height, width))
    least = min(size / MOST_ENLARGED, whole)
    for number in range(count):
        side, start = whole, np.array([(width - whole) / 2, (height - whole) / 2])
        if number > 0:
            side = float(np.exp(rng.uniform(np.log(least), np.log(whole))))
            start = rng.random(2) * (np.array([width, height]) - side)
            if (~ignored).any() and rng.random() < AROUND_HEADS:
                head = boxes[rng.choice(np.flatnonzero(~ignored))]
                share = np.exp(rng.uniform(*np.log(HEAD_SHARE)))
                side = float(np.clip((head[2:] - head[:2]).max() / share, least, whole))
                start = (head[:2] + head[2:]) / 2 - side * rng.uniform(0.25, 0.75, 2)
        start = np.clip(start, np.minimum(0, [width - side, height - side]), None)
        start = np.minimum(start, np.maximum(0, [width - side, height - side]))
        yield _view(picture, start=start, side=side, boxes=boxes, ignored=ignored, size=size)


def _view(
    picture: NDArray[np.uint8],
    *,
    start: NDArray[np.float64],
    side: float,
    boxes: NDArray[np.float64],
    ignored: NDArray[np.bool_],
    size: int,
) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    low = np.floor(start).astype(int)
    window = Image.fromarray(picture).crop((*low.tolist(), *(low + int(np.ceil(side))).tolist()))
    scale = size / window.width
    moved = (boxes - np.tile(low, 2)) * scale
    pixels = np.asarray(window.resize((size, size), Image.Resampling.BILINEAR))
    shared = np.clip(np.minimum(moved[:, 2:], size) - np.maximum(moved[:, :2], 0), 0, None).prod(1)
    share = shared / (moved[:, 2:] - moved[:, :2]).prod(1)
    large = (moved[:, 2:] - moved[:, :2]).max(1, initial=0) >= LEAST_HEAD_PX
    asked = ~ignored & large & (share >= LEAST_INSIDE)
    left = (share > 0) & ~asked
    return pixels, {
        "schema": SCHEMA,
        "boxes": moved[asked].round(2).tolist(),
        "rotations": [],
        "ignore": moved[left].round(2).tolist(),
    }


if __name__ == "__main__":
    main()
