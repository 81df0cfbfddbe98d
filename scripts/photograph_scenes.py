"""Cut scenes for the head detector out of the photographs whose heads were boxed by hand.

Run: python scripts/photograph_scenes.py --pictures ../shared/assets/photos_cc0 --out data/photographs
Only photographs of the part "learn" are used (tests/data/README.md); the others stay for measuring. The
first view of each shows it whole, the others are windows, most of them around one of its heads.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from facing.bench.photographs import read_photographs
from facing.shards import SCHEMA, ShardSample, encode, write_shard
from facing.terms import state_terms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from facing.bench.photographs import Photograph

ANNOTATION = Path(__file__).parents[1] / "tests" / "data" / "photos_cc0.csv"
TERMS = {
    "name": "CC0 photographs, heads boxed by hand for facing",
    "licence": "CC0-1.0",
    "may_train_shipped_weights": True,
}
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
    state_terms(args.out, TERMS)
    written = pictures = 0
    for photo in read_photographs(ANNOTATION, args.pictures, part="learn"):
        views = _views(
            np.random.default_rng((args.seed, pictures)),
            photo,
            count=args.views * (2 if len(photo.boxes) >= CROWD else 1),
            size=args.size,
        )
        samples = [
            ShardSample(f"{photo.name.removesuffix('.jpg')}-{place:03d}", encode(pixels, quality=95), label)
            for place, (pixels, label) in enumerate(views)
        ]
        written += write_shard(args.out / f"scenes-{pictures:05d}.tar", samples)
        pictures += 1
    print(f"{written} views of {pictures} photographs in {args.out}")


def _views(
    rng: np.random.Generator, photo: Photograph, *, count: int, size: int
) -> Iterator[tuple[NDArray[np.uint8], dict[str, Any]]]:
    height, width = photo.pixels.shape[:2]
    whole = float(max(height, width))
    least = min(size / MOST_ENLARGED, whole)
    for number in range(count):
        side, start = whole, np.array([(width - whole) / 2, (height - whole) / 2])
        if number > 0:
            side = float(np.exp(rng.uniform(np.log(least), np.log(whole))))
            start = rng.random(2) * (np.array([width, height]) - side)
            if len(photo.boxes) and rng.random() < AROUND_HEADS:
                head = photo.boxes[rng.integers(len(photo.boxes))]
                share = np.exp(rng.uniform(*np.log(HEAD_SHARE)))
                side = float(np.clip((head[2:] - head[:2]).max() / share, least, whole))
                start = (head[:2] + head[2:]) / 2 - side * rng.uniform(0.25, 0.75, 2)
        start = np.clip(start, np.minimum(0, [width - side, height - side]), None)
        start = np.minimum(start, np.maximum(0, [width - side, height - side]))
        yield _view(photo, start=start, side=side, size=size)


def _view(
    photo: Photograph, *, start: NDArray[np.float64], side: float, size: int
) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    low = np.floor(start).astype(int)
    window = Image.fromarray(photo.pixels).crop((*low.tolist(), *(low + int(np.ceil(side))).tolist()))
    scale = size / window.width
    moved = (np.concatenate([photo.boxes, photo.ignored]) - np.tile(low, 2)) * scale
    pixels = np.asarray(window.resize((size, size), Image.Resampling.BILINEAR))
    shared = np.clip(np.minimum(moved[:, 2:], size) - np.maximum(moved[:, :2], 0), 0, None).prod(1)
    share = shared / (moved[:, 2:] - moved[:, :2]).prod(1)
    large = (moved[:, 2:] - moved[:, :2]).max(1, initial=0) >= LEAST_HEAD_PX
    counts = np.arange(len(moved)) < len(photo.boxes)
    asked = counts & large & (share >= LEAST_INSIDE)
    left = (share > 0) & ~asked
    return pixels, {
        "schema": SCHEMA,
        "boxes": moved[asked].round(2).tolist(),
        "rotations": [],
        "ignore": moved[left].round(2).tolist(),
    }


if __name__ == "__main__":
    main()
