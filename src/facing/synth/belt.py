"""A seat belt laid over a dressed chest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facing.synth.figure import Material, Part, topology

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_ROWS = 16
_WIDTH = 0.48  # dm, as in cars


def seat_belt(rng: Generator, *, chest: Floats, neck: tuple[float, float, float], size: float) -> Part:
    """Lay a belt from behind one shoulder over the chest to the other side.

    Args:
        rng: side and colour.
        chest: positions of the clothes, (N, 3).
        neck: joint of the neck.
        size: of the head against an adult's: belts are as wide on children.
    """
    side, grey = rng.choice([-1.0, 1.0]), float(rng.uniform(0.005, 0.12))
    along = np.linspace(0, 1, _ROWS)
    x = neck[0] + side * size * np.interp(along, [0, 0.25, 1], [1.05, 0.85, -0.95])
    y = neck[1] + size * np.interp(along, [0, 0.25, 1], [0.35, -0.25, -4.0])
    near = (np.abs(chest[:, 0] - x[:, None]) < 0.35) & (np.abs(chest[:, 1] - y[:, None]) < 0.35)
    z = np.where(near, chest[:, 2], -np.inf).max(1)
    z = np.where(np.isfinite(z), z, neck[2] - 0.6)
    z[0] = min(z[0], neck[2] - 0.6)  # to the pillar behind
    z = np.convolve(np.pad(z, 1, mode="edge"), [0.25, 0.5, 0.25], "valid") + 0.09
    line = np.stack([x, y, z], 1)
    way = np.gradient(line, axis=0)
    across = np.cross(way, [0.0, 0.0, 1.0])
    across *= 0.5 * _WIDTH / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    points = np.concatenate([line - across, line + across]).astype(np.float32)
    row = np.arange(_ROWS - 1)
    faces = np.stack([row, row + 1, row + 1 + _ROWS, row + _ROWS], 1)
    mesh = topology(
        "belt", faces=faces, faces_uv=faces, uv=np.zeros((2 * _ROWS, 2), np.float32), positions=2 * _ROWS
    )
    return Part(
        topology=mesh,
        positions=points,
        shares=np.zeros((2 * _ROWS, 2), np.float32),
        material=Material(tint=(grey, grey, grey), two_sided=True, gloss=0.15),
    )
