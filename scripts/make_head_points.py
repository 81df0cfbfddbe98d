"""Write src/facing/datasets/head_points.npz: the outline and the 68 landmarks of the mean rendered head.

People are drawn as the renderer draws them, neutral, in the frame of the labels (`frame_of`), centred on the
mean of their landmarks and brought to one spread of these. For each of many directions the outermost points
of all bald heads are averaged, not the vertices: so the extent of the result is the mean extent of the
heads, while the mean of the vertices would be smaller than the heads are. Left and right are averaged too.

Run: python scripts/make_head_points.py --assets data/pack.zip
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from facing.synth.assets import Pack
from facing.synth.body import Shaper, frame_of, sample_identity
from facing.training.warp import MIRRORED_LANDMARKS

OUT = Path(__file__).parents[1] / "src" / "facing" / "datasets" / "head_points.npz"
PEOPLE = 600
DIRECTIONS = 500  # and their mirror images
ADULT = 18  # years: the head has the size of grown people, its form is of all
MIRROR = np.array([-1.0, 1.0, 1.0])


def main() -> None:
    """Draw people, average, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--assets", type=Path, required=True, help="asset pack of the renderer")
    pack = Pack(parser.parse_args().assets)
    shaper, rng = Shaper(pack), np.random.default_rng(0)
    canonical, head = pack.array("identities/mean_landmarks_ict"), shaper.head_vertices()
    some = _directions(DIRECTIONS)
    directions = np.concatenate([some, some * MIRROR])
    outlines, landmarks, spreads, grown = [], [], [], []
    for _ in range(PEOPLE):
        who = sample_identity(rng, pack=pack)
        vertices = shaper.neutral(who)
        points = shaper.landmarks(vertices)
        frame = frame_of(points, mean=canonical)
        middle, points = points.mean(0), (points - points.mean(0)) @ frame.T
        spread = np.sqrt((points**2).sum())
        skin = (vertices[head] - middle) @ frame.T
        outlines.append(skin[(directions @ skin.T).argmax(1)] / spread)
        landmarks.append(points / spread)
        spreads.append(spread)
        grown.append(who.years >= ADULT)
    size = 10 * np.median(np.array(spreads)[grown])  # dm to cm
    outline, marks = np.mean(outlines, 0), np.mean(landmarks, 0)
    outline = (outline + np.roll(outline, DIRECTIONS, axis=0) * MIRROR) / 2
    marks = (marks + marks[MIRRORED_LANDMARKS] * MIRROR) / 2
    marks -= marks.mean(0)
    np.savez_compressed(
        OUT,
        outline=(size * outline).astype(np.float32),
        landmarks=(size * marks).astype(np.float32),
    )
    print(f"{OUT.name}: {len(outline)} outline points, {OUT.stat().st_size} bytes")


def _directions(count: int) -> np.ndarray:
    """Unit vectors spread evenly over the sphere (Fibonacci lattice), (count, 3)."""
    step = np.arange(count) + 0.5
    height = 1 - 2 * step / count
    turn = np.pi * (1 + 5**0.5) * step
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(turn), height, radius * np.sin(turn)], axis=1)


if __name__ == "__main__":
    main()
