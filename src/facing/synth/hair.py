"""Hair grown in code: a cap over the scalp and locks that hang from it, cut into strands by the shader."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from facing.synth.body import SKULL_MIDDLE, scalp_depth
from facing.synth.figure import Material, Part, Strands, topology

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from facing.synth.assets import Pack
    from facing.synth.hairdo import Hairdo

    Floats = NDArray[np.float32]

_LOCKS, _CURTAIN, _TAIL, _JOINTS = 280, 80, 60, 8  # locks of a head, of its edge, of a tail; points of each
_RADII = np.array([0.78, 1.02, 0.99])  # of the neutral skull, dm


class Barber:
    """Grows hair on shaped bodies; keeps what does not change between them."""

    def __init__(self, pack: Pack) -> None:
        """Find the scalp of a pack's base mesh and where on it locks grow."""
        names = [str(n) for n in pack.array("regions/names")]
        scalp = pack.array("regions/weight")[names.index("scalp")] > 127
        faces, base = pack.array("base/faces").astype(np.int64), pack.array("base/verts")
        body = pack.array("base/face_group") == [str(n) for n in pack.array("base/group_names")].index("body")
        quads = faces[body & (faces[:, 3] != 65535)]
        quads = quads[scalp[quads].all(1)]
        self._blend, small = subdivide(quads, positions=len(base))
        rest = self._blend @ base
        inside, top, front = _fields(rest)
        kept = (inside[small] > -0.1).all(1)
        small = small[kept]
        self._cap = topology(
            "haircap",
            faces=small,
            faces_uv=small,
            uv=np.stack([top, inside], 1).astype(np.float32),
            positions=len(rest),
        )
        ambient = np.interp(inside, [0.0, 0.3], [0.75, 1.0])
        zero = np.zeros_like(inside)
        self._cap_paint = np.stack([ambient, zero, front, zero], 1).astype(np.float32)
        self._cap_inside = inside.astype(np.float32)
        self._head_share = np.tile(np.array([1, 0], np.float32), (len(rest), 1))
        self._rest = rest
        rng = np.random.default_rng(7)  # where locks grow: the same on every head
        quad_area = np.linalg.norm(
            np.cross(rest[small[:, 2]] - rest[small[:, 0]], rest[small[:, 3]] - rest[small[:, 1]]), axis=1
        )
        chosen = rng.choice(len(small), _LOCKS, p=quad_area / quad_area.sum())
        # The first ones grow along the edge from ear to ear: long hair hangs over the neck as a curtain.
        middle = rest[small].mean(1)
        around = np.degrees(np.arctan2(middle[:, 0], middle[:, 2] - SKULL_MIDDLE[2]))
        depth = inside[small].mean(1)
        edge = np.flatnonzero((np.abs(around) > 62) & (depth > 0.12) & (depth < 0.75))
        order = edge[np.argsort(around[edge] % 360)]
        chosen[:_CURTAIN] = order[np.linspace(0, len(order) - 1, _CURTAIN).astype(int)]
        at = rng.random((_LOCKS, 2, 1))
        self._root = small[chosen]
        self._root_weight = np.concatenate(
            [
                (1 - at[:, 0]) * (1 - at[:, 1]),
                at[:, 0] * (1 - at[:, 1]),
                at[:, 0] * at[:, 1],
                (1 - at[:, 0]) * at[:, 1],
            ],
            1,
        ).astype(np.float32)
        self._root_field = np.stack(
            [(field[self._root] * self._root_weight).sum(1) for field in (inside, top, front)]
        )
        self._root_chance = rng.random(_LOCKS)
        self._root_chance[:_CURTAIN] = 0.0
        self._locks = _Locks("hairlocks", count=_LOCKS)
        self._tail = _Locks("hairtail", count=_TAIL)

    def grow(
        self,
        hairdo: Hairdo,
        *,
        rng: Generator,
        vertices: Floats,
        colour: tuple[float, float, float],
        gloss: float,
    ) -> tuple[Part, ...]:
        """Grow one hairdo on a body.

        Args:
            hairdo: what to grow.
            rng: unevenness of the hair.
            vertices: base vertices of the body, (19158, 3).
            colour: linear RGB.
            gloss: shine, 0..1.
        """
        skull = (self._blend @ vertices).astype(np.float32)
        size = np.ptp(skull, axis=0) / np.ptp(self._rest, axis=0)
        middle = skull.mean(0) + (SKULL_MIDDLE - self._rest.mean(0)) * size
        scale = float(size.mean())
        normals = self._cap.normals(skull)
        height = self._heights(hairdo, skull=(skull - middle) / size, rng=rng) * scale
        cap = skull + normals * height[:, None]
        whorl = (
            float(middle[0] + hairdo.whorl[0] * size[0]),
            hairdo.shortest,
            float(middle[2] + hairdo.whorl[1] * size[2]),
            30.0,
        )
        ragged = 0.03 + 0.12 * float(rng.random())
        strands = Strands(whorl=whorl, hairline=(hairdo.front, hairdo.bald, ragged, hairdo.curliness))
        look = Material(tint=colour, gloss=gloss, strands=strands)
        parts = [
            Part(
                topology=self._cap,
                positions=cap.astype(np.float32),
                shares=self._head_share,
                material=look,
                paint=self._cap_paint,
            )
        ]
        inside, top, front = self._root_field
        grows = inside - hairdo.front * front - hairdo.bald * top > 0.03
        grows &= self._root_chance < hairdo.locks
        grows &= (self._root_chance < hairdo.locks * hairdo.sides) | (top > 0.5)
        grows[:_CURTAIN] &= hairdo.length > 0.7
        place = _Place(middle=middle, size=size, hairdo=hairdo)
        if hairdo.length > 0 and grows.any():
            point, way = self._roots(rng, cap=cap, skull=skull, normals=normals, place=place)
            mesh, shading = place.hang(rng, point=point, way=way, length=hairdo.length, hug=hairdo.hug)
            parts.append(self._locks.part(mesh, shading=shading, grows=grows, material=look))
        if hairdo.tail > 0:
            point, way = _knot(rng, place=place)
            tied = replace(place, hairdo=replace(hairdo, gravity=0.8))
            if hairdo.tail < 1.0:  # too short to hang: wound into a bun
                wound = replace(hairdo, gravity=0.1, curl=0.17, turns=1.0, scatter=0.3)
                tied = replace(place, hairdo=wound)
            mesh, shading = tied.hang(rng, point=point, way=way, length=hairdo.tail, hug=0.15)
            parts.append(self._tail.part(mesh, shading=shading, grows=np.ones(_TAIL, bool), material=look))
        return tuple(parts)

    def _heights(self, hairdo: Hairdo, *, skull: Floats, rng: Generator) -> Floats:
        """Height of the cap over each vertex of the scalp, (P,), dm of an adult."""
        waves, phase = rng.normal(0, 2.2, (3, 6)), rng.uniform(0, 6.28, 6)
        lumps = np.sin(skull @ waves + phase).mean(1) * 1.6
        rise = 1 + hairdo.top * np.clip(skull[:, 1] / 0.8, -0.3, 1)
        groove = 1 - 0.5 * np.exp(-(((skull[:, 0] - hairdo.whorl[0]) / 0.12) ** 2)) * (skull[:, 2] > -0.2)
        edge = np.clip(self._cap_inside / (0.05 + 0.9 * hairdo.height), 0, 1) ** 0.5
        flat = 0.008 + hairdo.height * rise * groove * np.clip(1 + hairdo.lumps * lumps, 0.3, 2)
        return np.asarray(flat * edge - 0.02 * (1 - edge), np.float32)

    def _roots(
        self, rng: Generator, *, cap: Floats, skull: Floats, normals: Floats, place: _Place
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where locks begin and their first direction, (N, 3) each."""
        hairdo = place.hairdo

        def at_roots(values: Floats) -> NDArray[np.float64]:
            return np.asarray(np.einsum("nk,nkj->nj", self._root_weight, values[self._root]), np.float64)

        up = _unit(at_roots(normals))
        deep = rng.uniform(0.2, 1.0, (_LOCKS, 1))
        point = at_roots(skull) * (1 - deep) + at_roots(cap) * deep
        away = point - place.middle - [hairdo.whorl[0], 0, hairdo.whorl[1]]
        away[:, 1] = -0.2
        away = _unit(away) + (1 - 0.8 * hairdo.drape) * np.array(hairdo.comb)
        front = self._root_field[2][:, None] * hairdo.drape
        aside = np.sign(point[:, :1] - place.middle[0] - hairdo.whorl[0])
        away = away * (1 - 0.8 * front) + front * aside * [1.5, 0, 0] - front * [0, 0, 1.2]
        away = _unit(away - up * (away * up).sum(1, keepdims=True))
        way = away * (1 - hairdo.lift) + up * hairdo.lift + rng.normal(0, hairdo.scatter, (_LOCKS, 3))
        return point, way


@dataclass(frozen=True, slots=True)
class _Place:
    """The skull that hair hangs about."""

    middle: NDArray[np.floating]  # (3,)
    size: NDArray[np.floating]  # against the neutral skull, (3,)
    hairdo: Hairdo

    def hang(
        self,
        rng: Generator,
        *,
        point: NDArray[np.float64],
        way: NDArray[np.float64],
        length: float,
        hug: float,
    ) -> tuple[Floats, Floats]:
        """Let locks fall from N points: positions and shading normals, (N * _JOINTS * 2, 3) each."""
        hairdo, scale, count = self.hairdo, float(self.size.mean()), len(point)
        step = length * scale / (_JOINTS - 1) * rng.uniform(0.5 + 0.5 * hairdo.shortest, 1.08, (count, 1))
        loose = rng.uniform(0.02, 0.05 + 0.6 * hairdo.height, (count, 1))
        down = hairdo.gravity * step * 5.0
        points, ways = [], []
        for joint in range(_JOINTS):
            points.append(point)
            ways.append(_unit(way))
            point = _about_skull(
                point + ways[-1] * step,
                middle=self.middle,
                radii=_RADII * self.size,
                loose=loose,
                hug=hug,
            )
            # Longer pieces weigh more; what swings out is drawn in.
            way = _unit(point - points[-1]) * [0.8, 1.0, 0.8] - min(1.0, joint / 3) * down * [0, 1.0, 0]
            way = way + rng.normal(0, 0.3 * hairdo.scatter, (count, 3))
        line, along = np.stack(points, 1), np.stack(ways, 1)
        out = _unit(line - self.middle)
        side = _unit(np.cross(along, out))
        share = np.linspace(0, 1, _JOINTS)[None, :, None]
        spin = rng.uniform(0, 2 * np.pi, (count, 1, 1)) + 2 * np.pi * hairdo.turns * share
        line = line + hairdo.curl * scale * np.minimum(3 * share, 1) * (
            np.cos(spin) * side + np.sin(spin) * out
        )
        tilt = rng.normal(0, 0.35, (count, 1, 1))
        across = side * np.cos(tilt) + out * np.sin(tilt)
        wide = 0.5 * hairdo.width * scale * rng.uniform(0.7, 1.2, (count, 1, 1)) * (1 - 0.5 * share**2)
        mesh = np.stack([line - wide * across, line + wide * across], 2)
        # Shaded as if round: the two edges look apart.
        shading = _unit(np.stack([out - 0.5 * across, out + 0.5 * across], 2))
        return mesh.reshape(-1, 3).astype(np.float32), shading.reshape(-1, 3).astype(np.float32)


class _Locks:
    """Ribbons of equal topology, seven drawn strands wide."""

    def __init__(self, key: str, *, count: int) -> None:
        along = np.tile(np.repeat(np.linspace(0, 1, _JOINTS), 2), count)
        across = 7.0 * (np.repeat(np.arange(count), 2 * _JOINTS) + np.tile([0.0, 1.0], count * _JOINTS))
        first = np.arange(count)[:, None] * 2 * _JOINTS + 2 * np.arange(_JOINTS - 1)
        faces = np.stack([first, first + 1, first + 3, first + 2], -1).reshape(-1, 4)
        self._mesh = topology(
            key,
            faces=faces,
            faces_uv=faces,
            uv=np.stack([across, along], 1).astype(np.float32),
            positions=len(along),
        )
        shade = np.interp(along, [0, 0.5], [0.6, 1.0])
        zero = np.zeros_like(along)
        self._paint = np.stack([shade, zero + 1, zero, zero], 1).astype(np.float32)
        self._shares = np.tile(np.array([1, 0], np.float32), (len(along), 1))

    def part(
        self, positions: Floats, *, shading: Floats, grows: NDArray[np.bool_], material: Material
    ) -> Part:
        return Part(
            topology=self._mesh,
            positions=positions,
            shares=self._shares,
            material=replace(material, two_sided=True),
            paint=self._paint,
            # Topologies hold the first triangles of all quads, then the second ones.
            visible=np.tile(np.repeat(grows, _JOINTS - 1), 2),
            normals=shading,
            shadow=False,
        )


def _knot(rng: Generator, *, place: _Place) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the locks of a tail or bun begin, and their first direction."""
    angle = np.arcsin(np.clip(place.hairdo.tail_height, -0.95, 0.95))
    out = np.array([0.0, np.sin(angle), -np.cos(angle)])
    point = place.middle + 1.06 * out * _RADII * place.size + rng.normal(0, 0.07, (_TAIL, 3))
    return point, np.tile(out, (_TAIL, 1)) + rng.normal(0, 0.35, (_TAIL, 3))


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-6), np.float64)


def subdivide(quads: NDArray[np.int64], *, positions: int) -> tuple[sparse.csr_matrix, NDArray[np.int64]]:
    """Cut every quad into four: the matrix that blends old positions into new ones, and the new quads."""
    ways = [[0], [1], [2], [3], [0, 1], [1, 2], [2, 3], [3, 0], [0, 1, 2, 3]]
    blends: dict[tuple[int, ...], int] = {}
    ids = np.empty((len(quads), 9), np.int64)
    for row, quad in enumerate(quads):
        for k, way in enumerate(ways):
            ids[row, k] = blends.setdefault(tuple(sorted(int(quad[c]) for c in way)), len(blends))
    rows = np.concatenate([np.full(len(b), k) for b, k in blends.items()])
    columns = np.concatenate([np.array(b) for b in blends])
    values = np.concatenate([np.full(len(b), 1 / len(b)) for b in blends]).astype(np.float32)
    small = np.concatenate(
        [ids[:, pick] for pick in ([0, 4, 8, 7], [4, 1, 5, 8], [8, 5, 2, 6], [7, 8, 6, 3])]
    )
    return sparse.csr_matrix((values, (rows, columns)), shape=(len(blends), positions)), small


def _fields(rest: NDArray[np.floating]) -> tuple[Floats, Floats, Floats]:
    """Of neutral scalp positions: dm inside the hairline, share of the top, share of the front."""
    azimuth = np.degrees(np.arctan2(rest[:, 0], rest[:, 2] - SKULL_MIDDLE[2]))
    inside = scalp_depth(rest)
    top = np.clip((rest[:, 1] - 7.75) / 0.45, 0, 1) * np.clip((rest[:, 2] + 0.25) / 0.3, 0, 1)
    front = np.clip((75 - np.abs(azimuth)) / 30, 0, 1)
    return tuple(np.asarray(field, np.float32) for field in (inside, top, front))  # type: ignore[return-value]


def _about_skull(
    points: NDArray[np.float64],
    *,
    middle: NDArray[np.floating],
    radii: NDArray[np.floating],
    loose: NDArray[np.floating],
    hug: float,
) -> NDArray[np.float64]:
    """Push points out of the skull and draw them back to it.

    The skull is an ellipsoid, below its middle an upright cylinder, so that hair hangs.
    """
    away = (points - middle) / radii
    hanging = away[:, 1:2] < 0
    away[:, 1] = np.maximum(away[:, 1], 0)
    distance = np.linalg.norm(away, axis=1, keepdims=True)
    short = 1 + loose / float(radii.mean()) - distance
    short = np.where(short > 0, short, np.where(hanging, 0.3, 1.0) * hug * short)
    return np.asarray(points + away / np.maximum(distance, 1e-6) * short * radii, np.float64)
