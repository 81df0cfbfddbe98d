"""Ambient light of the bald head, baked once: how much of the sky each vertex sees past its own body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DIRECTIONS = 192
_CELL = 0.09  # dm; the mesh of the face is finer than this, so a map of its points has no holes there
_SLACK = 0.12  # dm a point may lie behind the surface of its cell and still count as seen


def bake_ambient(
    vertices: NDArray[np.float32], *, faces: NDArray[np.integer[Any]], mirror: NDArray[np.integer[Any]]
) -> NDArray[np.float32]:
    """Bake the share of the sky that each vertex sees.

    A height map of points is drawn from each of many directions spread over the sphere (Fibonacci lattice);
    a vertex on top of its cell is seen from there. Cosine-weighted by the vertex normal.

    Args:
        vertices: (V, 3), dm.
        faces: drawn quads of the body, (F, 4); 65535 marks a triangle.
        mirror: vertex on the other side of the body, (V,): the result is made symmetric.

    Returns:
        (V,), 1 in the open; vertices of no face get 1.
    """
    used = np.unique(faces[faces != 65535])
    corners = faces.astype(np.int64)
    corners[:, 3] = np.where(corners[:, 3] == 65535, corners[:, 2], corners[:, 3])
    quads = vertices[corners]
    points = np.concatenate(
        [vertices[used], quads.mean(1), (quads + np.roll(quads, 1, 1)).reshape(-1, 3) / 2]
    )
    normals = np.zeros_like(vertices)
    face_normals = np.cross(quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1])
    for k in range(4):
        np.add.at(normals, corners[:, k], face_normals)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)

    seen = np.zeros(len(vertices), np.float32)
    weight = np.full(len(vertices), 1e-6, np.float32)
    for k in range(_DIRECTIONS):
        height = 1 - 2 * (k + 0.5) / _DIRECTIONS
        turn = np.pi * (1 + 5**0.5) * k
        out = np.array(
            [np.sqrt(1 - height**2) * np.cos(turn), height, np.sqrt(1 - height**2) * np.sin(turn)], np.float32
        )
        side = np.cross(out, [0.37, 0.61, 0.70])
        side /= np.linalg.norm(side)
        plane = np.stack([side, np.cross(out, side)]).astype(np.float32)
        cells = np.floor(points @ plane.T / _CELL).astype(np.int64)
        low = cells.min(0)
        span = cells.max(0) - low + 1
        surface = np.full(int(span.prod()), -np.inf, np.float32)
        np.maximum.at(surface, (cells - low) @ [span[1], 1], points @ out)
        mine = np.floor(vertices[used] @ plane.T / _CELL).astype(np.int64) - low
        on_top = vertices[used] @ out >= surface[mine @ [span[1], 1]] - _SLACK
        cosine = np.maximum(normals[used] @ out, 0)
        seen[used] += cosine * on_top
        weight[used] += cosine
    open_sky = np.where(weight > 1e-5, seen / weight, 1.0)
    both: NDArray[np.float32] = ((open_sky + open_sky[mirror]) / 2).astype(np.float32)
    return both
