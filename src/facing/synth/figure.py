"""What the renderer draws: a figure made of parts, before it is posed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Topology:
    """How the corners of a mesh hang together; shared by every head that wears it.

    Corners are pairs of one position and one texture coordinate, so that seams stay sharp.
    """

    key: str
    position: NDArray[np.int32]  # corner -> position, (C,)
    uv: Floats  # (C, 2)
    triangles: NDArray[np.int32]  # corners, (T, 3)
    triangle_positions: NDArray[np.int32]  # positions, (T, 3)
    gather: sparse.csr_matrix  # positions x triangles: sums triangle normals at each position

    def normals(self, positions: Floats) -> Floats:
        """Give smooth unit normals.

        Args:
            positions: (P, 3).

        Returns:
            (P, 3); positions without a triangle get zero.
        """
        a, b, c = (positions[self.triangle_positions[:, k]] for k in range(3))
        total = self.gather @ np.cross(b - a, c - a)
        length = np.linalg.norm(total, axis=1, keepdims=True)
        return np.asarray(total / np.maximum(length, 1e-12), np.float32)


def topology(
    key: str,
    *,
    faces: NDArray[np.integer[Any]],
    faces_uv: NDArray[np.integer[Any]],
    uv: Floats,
    positions: int,
) -> Topology:
    """Triangulate quads and split positions at texture seams.

    Args:
        key: name under which a renderer may keep what does not change.
        faces: position indices, (F, 4); 65535 in the last corner marks a triangle.
        faces_uv: texture indices, (F, 4).
        uv: texture coordinates, v upwards, (U, 2).
        positions: number of positions P.
    """
    quad = faces[:, 3] != 65535
    f = faces.astype(np.int64)
    t = faces_uv.astype(np.int64)
    corners_f = np.concatenate([f[:, [0, 1, 2]], f[quad][:, [0, 2, 3]]])
    corners_t = np.concatenate([t[:, [0, 1, 2]], t[quad][:, [0, 2, 3]]])
    pairs, inverse = np.unique(
        np.stack([corners_f.ravel(), corners_t.ravel()], 1), axis=0, return_inverse=True
    )
    count = len(corners_f)
    gather = sparse.csr_matrix(
        (np.ones(3 * count, np.float32), (corners_f.ravel(), np.repeat(np.arange(count), 3))),
        shape=(positions, count),
    )
    return Topology(
        key=key,
        position=pairs[:, 0].astype(np.int32),
        uv=np.ascontiguousarray(uv[pairs[:, 1]], np.float32),
        triangles=inverse.reshape(-1, 3).astype(np.int32),
        triangle_positions=corners_f.astype(np.int32),
        gather=gather,
    )


@dataclass(frozen=True, slots=True)
class Strands:
    """How a surface is cut into hair by its shader."""

    whorl: tuple[float, float, float, float]  # x where strands part, shortest share, z, strands per radian
    hairline: tuple[float, float, float, float]  # dm lost at front and top, raggedness in dm, curliness 0..1


@dataclass(frozen=True, slots=True)
class Material:
    """How a part takes light. Colours are linear RGB."""

    texture: str | None = None
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    opacity: float = 1.0
    gloss: float = 0.1
    layer: Literal["opaque", "cut", "strands", "glass"] = "opaque"
    two_sided: bool = False
    skin: str | None = None  # name of a skin: head and body textures together
    strands: Strands | None = None  # drawn as hair
    plain: float = 0.0  # how much of a texture's colour is taken out, 0..1; its light and dark stay
    flat: tuple[float, float] = (
        0.0,
        0.2,
    )  # how much of a texture's light and dark is taken out, 0..1, and to what
    folds: float = 0.0  # depth of painted folds in plain cloth
    second: tuple[float, float, float] = (1.0, 1.0, 1.0)  # colour of the stripes
    pattern: tuple[float, float, float] = (0.0, 0.0, 0.0)  # stripes per dm across and down, their share


@dataclass(frozen=True, slots=True)
class Part:
    """One mesh of a figure, unposed, in decimetres, axes as in docs/conventions.md."""

    topology: Topology
    positions: Floats  # (P, 3)
    shares: Floats  # (P, 2): how much a position follows head and neck; the body has the rest
    material: Material
    paint: Floats | None = None  # (P, 4): ambient light, scalp, beard, inside of mouth
    visible: NDArray[np.bool_] | None = None  # (T,), None draws all
    normals: Floats | None = None  # (P, 3), None takes those of the surface
    shadow: bool = True  # whether it throws shadows


@dataclass(frozen=True, slots=True)
class Figure:
    """A person or a stand-in, ready to be posed and drawn."""

    parts: tuple[Part, ...]
    frame: NDArray[np.float64]  # canonical head axes <- mesh axes, (3, 3)
    head_points: Floats  # surface of the bald head, (N, 3): gives the head box
    landmarks: Floats  # (68, 3)
    neck: tuple[float, float, float]  # pivot between body and neck
    head: tuple[float, float, float]  # pivot between neck and head
    beard: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)  # linear colour, density
    scalp: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)  # linear colour, cover
    tags: dict[str, Any] = field(default_factory=dict)
