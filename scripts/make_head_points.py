"""Write src/facing/datasets/head_points.npz: the outline and the 68 landmarks of a neutral head.

The outline decides every orthographic box of the head, so a few hundred outermost points replace the
mesh. Input is the neutral head of the ICT Face Model Light (MIT, ICT-VGL/ICT-FaceKit) as one npz with
`vertices` (cm; x to the subject's left, y up, z out of the face), `region_names`, `region_vertices`
and `landmarks68_jaw` (iBUG order, contour on the jaw edge).

Run: python scripts/make_head_points.py ICT_FACE.npz
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

OUT = Path(__file__).parents[1] / "src" / "facing" / "datasets" / "head_points.npz"
DIRECTIONS = 1500  # of the outline; the box it gives differs from the whole mesh's by under 0.3 %
NAPE_Z, NAPE_Y = -7.0, -3.0  # cm: lower end of the skull at the back
JAW_Z = 3.0  # cm: from here forward the cut is level with the chin


def main() -> None:
    """Cut the neck off, keep the outermost points, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mesh", type=Path, help="ict_face.npz")
    mesh = np.load(parser.parse_args().mesh)
    vertices = mesh["vertices"].astype(np.float64)
    ranges = dict(zip(mesh["region_names"].tolist(), mesh["region_vertices"].tolist(), strict=True))
    skin = np.concatenate([vertices[slice(*ranges[name])] for name in ("face", "head_neck")])
    landmarks = vertices[mesh["landmarks68_jaw"]]
    chin = landmarks[8, 1]
    floor = np.interp(skin[:, 2], [NAPE_Z, JAW_Z], [NAPE_Y, chin])
    head = skin[skin[:, 1] >= floor]
    outline = head[np.unique(np.argmax(head @ _directions(DIRECTIONS).T, axis=0))]
    np.savez_compressed(OUT, outline=outline.astype(np.float32), landmarks=landmarks.astype(np.float32))
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
