"""Arrows and cubes as flat facets, ready to be painted from far to near."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Rgb: TypeAlias = tuple[int, int, int]

ROUND = 28
"""Corners of a drawn circle."""


class Facet(NamedTuple):
    """A filled polygon, or a line where the outline has two points.

    Attributes:
        outline: (N, 2) in units of the head's side, x right, y up, from the middle of the head.
        ink: colour.
        alpha: 0 to 255.
        weight: width of a line in strokes.
        rim: whether a polygon gets the dark rim.
    """

    outline: NDArray[np.float64]
    ink: Rgb
    alpha: int = 255
    weight: float = 1.0
    rim: bool = False


def arrow_facets(tip: NDArray[np.float64], *, thickness: float, ink: Rgb) -> list[Facet]:
    """Build a round arrow from the middle of the head to a point.

    Args:
        tip: (3,) in units of the head's side, camera axes.
        thickness: of the shaft, same unit.
        ink: its colour; shaft and far sides are darker shades of it.

    Returns:
        Shaft and cone, the farther one first.
    """
    length = float(np.linalg.norm(tip))
    along = tip / length
    # Any two directions across the arrow; the helper is the camera axis the arrow is farthest from.
    across = np.cross(along, np.eye(3)[int(np.argmin(np.abs(along)))])
    across /= np.linalg.norm(across)
    other = np.cross(along, across)
    angle = np.linspace(0, 2 * np.pi, ROUND, endpoint=False)[:, None]
    circle = np.cos(angle) * across + np.sin(angle) * other
    neck = tip - along * 5.2 * thickness
    start, end = 0.5 * thickness * circle, neck + 0.5 * thickness * circle
    base = neck + 1.7 * thickness * circle
    shaft = [Facet(_hull(np.vstack([start, end])), _shade(ink, 0.86), rim=True)]
    lit = neck + 2.2 * thickness * along + circle * thickness  # a brighter point tells near from far
    head = [
        Facet(_hull(np.vstack([base, tip])), ink, rim=True),
        Facet(_hull(np.vstack([lit, tip])), _shade(ink, 1.15)),
    ]
    if along[2] < 0:  # it points away: the flat side of the cone is seen, and the shaft before it
        head.append(Facet(base[:, :2], _shade(ink, 0.62)))
        return head + shaft
    return shaft + head


def cube_facets(rotation: NDArray[np.float64], *, half: float, face: Rgb, edge: Rgb) -> list[Facet]:
    """Build a wire cube whose face side is tinted.

    Args:
        rotation: (3, 3) head -> camera.
        half: half its side, in units of the head's side.
        face: colour of the side the face looks through.
        edge: colour of the other edges; those behind the head are thinner and fainter.
    """
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float64)
    corners = half * signs @ rotation.T
    front = [1, 3, 7, 5]  # the corners with z = +1, in turn
    tinted = Facet(corners[front][:, :2], face, alpha=70)
    lines: list[tuple[bool, Facet]] = []
    for first in range(8):
        for axis in range(3):
            second = first | (4 >> axis)
            if second == first:
                continue
            # An edge is behind when both cube sides that meet in it are turned away.
            behind = all(signs[first, side] * rotation[2, side] < 0 for side in range(3) if side != axis)
            on_face = first in front and second in front
            ink = face if on_face else edge
            outline = corners[[first, second], :2]
            line = Facet(outline, ink, alpha=150 if behind else 255, weight=0.6 if behind else 1.0)
            lines.append((behind, line))
    lines.sort(key=lambda pair: pair[1].ink == face)  # the face side covers where edges meet
    back = [line for behind, line in lines if behind]
    near = [line for behind, line in lines if not behind]
    return [tinted, *back, *near] if rotation[2, 2] < 0 else [*back, tinted, *near]


def _shade(ink: Rgb, factor: float) -> Rgb:
    red, green, blue = (min(255, round(factor * channel)) for channel in ink)
    return red, green, blue


def _hull(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find the convex outline of points seen along z: (N, 3) -> (M, 2), counter-clockwise.

    Source: Andrew, Another efficient algorithm for convex hulls in two dimensions, 1979.
    """
    ordered = sorted(map(tuple, points[:, :2].tolist()))
    chains = []
    for run in (ordered, ordered[::-1]):
        chain: list[tuple[float, ...]] = []
        for point in run:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        chains.append(chain[:-1])
    return np.array(chains[0] + chains[1])


def _turn(a: tuple[float, ...], b: tuple[float, ...], c: tuple[float, ...]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
