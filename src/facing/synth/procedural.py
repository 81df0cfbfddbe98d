"""A stand-in head made of ellipsoids: lets everything run and be tested without any asset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from facing.synth.figure import Figure, Material, Part, Topology, topology

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Colour = NDArray[np.floating[Any]]
    Triple = tuple[float, float, float]

_RINGS, _SLICES = 14, 20
# Lengths in dm, axes of docs/conventions.md, origin in the middle of the skull. The face has enough of the
# iBUG layout for code that needs 68 points; its shape is nobody's.
_FACE_DEPTH = 0.95


def _ball() -> tuple[Topology, Floats]:
    """A unit ball of quads (triangles at the poles are quads with a doubled corner)."""
    polar = np.linspace(0.0, np.pi, _RINGS + 1)
    around = np.linspace(0.0, 2 * np.pi, _SLICES, endpoint=False)
    p, a = np.meshgrid(polar, around, indexing="ij")
    points = np.stack([np.sin(p) * np.sin(a), np.cos(p), np.sin(p) * np.cos(a)], -1).reshape(-1, 3)
    ring, piece = np.meshgrid(np.arange(_RINGS), np.arange(_SLICES), indexing="ij")
    here, right = ring * _SLICES + piece, ring * _SLICES + (piece + 1) % _SLICES
    faces = np.stack([here, here + _SLICES, right + _SLICES, right], -1).reshape(-1, 4)
    uv = np.zeros((len(points), 2), np.float32)
    return topology("ball", faces=faces, faces_uv=faces, uv=uv, positions=len(points)), points.astype(
        np.float32
    )


def _named(mesh: Topology, *, key: str) -> Topology:
    return Topology(key, mesh.position, mesh.uv, mesh.triangles, mesh.triangle_positions, mesh.gather)


def procedural_figure(rng: Generator) -> Figure:
    """Draw a simple head with eyes, nose, mouth, ears, hair, neck and chest.

    Args:
        rng: source of chance: sizes and colours differ from person to person.
    """
    mesh, ball = _ball()
    width, height, depth = rng.uniform(0.72, 0.82), rng.uniform(1.05, 1.2), rng.uniform(0.9, 1.0)
    skin = rng.uniform(0.08, 0.7) * np.array([1.0, 0.72, 0.58])
    hair = rng.uniform(0.01, 0.3) * np.array([1.0, 0.8, 0.6])
    dark, white, red = np.array([0.02, 0.02, 0.03]), np.array([0.7, 0.7, 0.7]), skin * [0.9, 0.45, 0.45]
    front = _FACE_DEPTH * depth
    shapes: list[tuple[str, Colour, Triple, Triple, float]] = [
        ("head", skin, (0, 0, 0), (width, height, depth), 1.0),
        ("hair", hair, (0, 0.22, -0.13), (width * 1.06, height * 0.93, depth * 1.0), 1.0),
        ("nose", skin * 1.05, (0, -0.1, front), (0.13, 0.2, 0.2), 1.0),
        ("mouth", red, (0, -0.5, front * 0.88), (0.27, 0.07, 0.08), 1.0),
        ("neck", skin, (0, -1.25, -0.15), (0.48, 0.8, 0.48), 0.4),
        ("chest", rng.uniform(0.05, 0.6, 3), (0, -3.0, -0.2), (2.1, 1.5, 0.9), 0.0),
    ]
    for side, name in ((1.0, "left"), (-1.0, "right")):
        shapes += [
            (f"{name}_eye", white, (side * 0.32, 0.12, front * 0.86), (0.16, 0.09, 0.07), 1.0),
            (f"{name}_iris", dark, (side * 0.32, 0.12, front * 0.91), (0.07, 0.07, 0.04), 1.0),
            (f"{name}_ear", skin * 0.9, (side * width, -0.05, -0.1), (0.08, 0.27, 0.17), 1.0),
        ]
    parts = tuple(
        Part(
            topology=_named(mesh, key=name),
            positions=np.asarray(ball * np.array(size) + np.array(place), np.float32),
            shares=_follow(share, count=len(ball)),
            material=Material(tint=(float(colour[0]), float(colour[1]), float(colour[2])), two_sided=False),
        )
        for name, colour, place, size, share in shapes
    )
    return Figure(
        parts=parts,
        frame=np.eye(3),
        head_points=np.asarray(ball * np.array([width, height, depth]), np.float32),
        landmarks=_landmarks(width, height=height, front=front),
        neck=(0.0, -1.7, -0.2),
        head=(0.0, -0.7, -0.15),
        tags={"stand_in": True},
    )


def _follow(share: float, *, count: int) -> Floats:
    """The head follows itself, the neck follows in part, the chest does not."""
    head, neck = (share, 0.0) if share == 1 else (0.0, share)
    return np.tile(np.array([head, neck], np.float32), (count, 1))


def _landmarks(width: float, *, height: float, front: float) -> Floats:
    """68 points in iBUG order on the stand-in, the subject's right side first."""

    def line(
        begin: tuple[float, float, float], end: tuple[float, float, float], count: int
    ) -> NDArray[np.float64]:
        return np.linspace(begin, end, count)

    turn = np.linspace(-np.pi / 2, np.pi / 2, 17)
    jaw = np.stack([width * np.sin(turn), -0.1 - height * 0.8 * np.cos(turn), front * 0.6 * np.cos(turn)], 1)

    def ring(x: float, y: float, z: float, *, wide: float, high: float, count: int) -> NDArray[np.float64]:
        at = np.pi - np.arange(count) * 2 * np.pi / count
        return np.stack([x + wide * np.cos(at), y + high * np.sin(at), np.full(count, z)], 1)

    eye = front * 0.92
    return np.concatenate(
        [
            jaw,
            line((-0.5, 0.33, eye), (-0.14, 0.36, eye), 5),
            line((0.14, 0.36, eye), (0.5, 0.33, eye), 5),
            line((0, 0.15, front), (0, -0.12, front + 0.18), 4),
            line((-0.13, -0.25, front), (0.13, -0.25, front), 5),
            ring(-0.32, 0.12, eye, wide=0.16, high=0.07, count=6),
            ring(0.32, 0.12, eye, wide=0.16, high=0.07, count=6),
            ring(0, -0.5, front * 0.93, wide=0.27, high=0.08, count=12),
            ring(0, -0.5, front * 0.93, wide=0.2, high=0.03, count=8),
        ]
    ).astype(np.float32)
