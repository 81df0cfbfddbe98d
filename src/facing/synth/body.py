"""Identities: shaped, expressive, unposed bodies on the MakeHuman base mesh, with an exact head frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from facing.synth.assets import Pack

    Floats = NDArray[np.float32]

ETHNICITIES = ("african", "asian", "caucasian")
# Pitch label, in the 300W-LP convention, of a head whose 68-point frame faces the camera squarely, measured
# on labels alone (benchmarks/frame.py) with brows, nose and eyes: mouths move, and the two models place jaws
# at other depths, so a fit of all 68 points says +1.7 and scatters more (2.0 degrees, here 1.5).
FRAME_PITCH_DEG = -1.0
SKULL_MIDDLE = np.array([0.0, 7.50, 0.55])  # of the neutral head, dm
# Hairline of the neutral head: azimuth in degrees -> height in dm. Forehead, corner, temple, sideburn, ear,
# behind the ear, nape.
_HAIRLINE = (
    np.array([0, 25, 38, 48, 58, 66, 76, 84, 100, 110, 125, 180.0]),
    np.array([7.98, 8.02, 7.98, 7.82, 7.66, 7.38, 7.26, 7.46, 7.46, 7.06, 6.80, 6.76]),
)
_BODY_VERTICES = 13380  # base mesh vertices that belong to the drawn body


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is: every draw that does not change between views of one person."""

    female: float
    age: float  # 0 = 1 year, 0.1875 = 10, 0.5 = 25, 1 = 90
    shares: NDArray[np.float64]  # african, asian, caucasian; sum 1
    muscle: float
    weight: float
    scan: float  # share of the scan-derived shape, 0..1
    components: Floats  # (100,) in standard deviations
    details: tuple[tuple[str, float], ...]

    @property
    def ethnicity(self) -> str:
        """The largest share."""
        return ETHNICITIES[int(np.argmax(self.shares))]

    @property
    def years(self) -> float:
        """Age in years."""
        return float(np.interp(self.age, [0, 0.1875, 0.5, 1], [1, 10, 25, 90]))


def sample_identity(rng: Generator, *, pack: Pack) -> Identity:
    """Draw a person: sex, age, origin, build and face, in balance."""
    shares = rng.dirichlet([0.35] * 3)
    age = float(np.interp(rng.random(), [0, 0.04, 0.12, 0.75, 1], [0.08, 0.14, 0.25, 0.62, 0.97]))
    detail_names = pack.array("detail/names")
    details = [
        (str(name), float(abs(rng.normal(0, 0.22))))
        for name in rng.choice(detail_names, 25, replace=False)
        if not str(name).startswith(("asym/", "torso/"))
    ]
    asym = [str(name) for name in detail_names if str(name).startswith("asym/")]
    details += [(str(name), float(abs(rng.normal(0, 0.25)))) for name in rng.choice(asym, 6, replace=False)]
    scan = 0.0 if rng.random() < 0.2 else float(rng.uniform(0.3, 1.0))
    return Identity(
        female=float(rng.random() < 0.5),
        age=age,
        shares=shares,
        muscle=float(np.clip(rng.normal(0.5, 0.2), 0, 1)),
        weight=float(np.clip(rng.normal(0.5, 0.22), 0, 1)),
        scan=scan,
        components=np.clip(rng.normal(0, rng.uniform(0.7, 1.1), 100), -2.5, 2.5).astype(np.float32),
        details=tuple(details) if rng.random() < 0.6 else (),
    )


class Shaper:
    """Turns identities into vertices of the base mesh; keeps the sparse targets of one pack."""

    def __init__(self, pack: Pack) -> None:
        """Index the targets of a pack."""
        self._pack = pack
        self._index = {
            group: {str(name): k for k, name in enumerate(pack.array(f"{group}/names"))}
            for group in ("macro", "detail", "expression")
        }
        self._neutral = pack.array("identities/neutral").astype(np.float32)
        self._components = pack.array("identities/components").reshape(100, -1).astype(np.float32)

    def _add(self, vertices: Floats, group: str, name: str, weight: float) -> None:
        """Add one sparse target in place."""
        k = self._index[group][name]
        begin, end = (int(p) for p in self._pack.array(f"{group}/ptr")[k : k + 2])
        step = float(self._pack.array(f"{group}/step")) * weight
        at = self._pack.array(f"{group}/idx")[begin:end]
        for axis, key in enumerate(("dx", "dy", "dz")):
            vertices[at, axis] += step * self._pack.array(f"{group}/{key}")[begin:end]

    def neutral(self, who: Identity) -> Floats:
        """Shape a person with a neutral face.

        Returns:
            all base vertices, (19158, 3), dm.
        """
        vertices = self._pack.array("base/verts").astype(np.float32).copy()
        for name, weight in _macro_weights(who):
            self._add(vertices, "macro", name, weight)
        for name, weight in who.details:
            self._add(vertices, "detail", name, weight)
        if who.scan > 0:
            ids = self._pack.array("identities/vertex_ids")
            moved = (who.components @ self._components).reshape(3, -1).T
            # Children's heads are no scaled adults: the scans are of adults, so they get less of them.
            share = who.scan * float(np.interp(who.age, [0.1, 0.4], [0.35, 1.0]))
            vertices[ids] += share * self._neutral + min(1.0, share + 0.2) * moved
        return vertices

    def express(self, vertices: Floats, *, who: Identity, units: tuple[tuple[str, float], ...]) -> Floats:
        """Add an expression, in units such as ("mouth-open", 0.3), to a shaped person."""
        out = vertices.copy()
        for unit, weight in units:
            self._add(out, "expression", f"{who.ethnicity}/{unit}", weight)
        return out

    def lower_arms(self, vertices: Floats, *, degrees: tuple[float, float]) -> Floats:
        """Turn the arms of the base pose down by so many degrees (left, right) about the shoulders."""
        out = vertices.astype(np.float32).copy()
        for side, sign, angle in (("L", -1.0, degrees[0]), ("R", 1.0, degrees[1])):
            share = _bone_share(self._pack, (f"upperarm01.{side}",))[:, None]
            pivot = vertices[self._joint(f"{'l' if side == 'L' else 'r'}-shoulder")].mean(0)
            turn = np.deg2rad(sign * angle)
            cos, sin = np.cos(turn), np.sin(turn)
            matrix = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], np.float32)
            out += share * ((vertices - pivot) @ matrix.T + pivot - vertices)
        return out

    def joint(self, vertices: Floats, *, name: str) -> tuple[float, float, float]:
        """Place one joint, the mean of its eight helper vertices."""
        x, y, z = vertices[self._joint(name)].mean(0)
        return float(x), float(y), float(z)

    def _joint(self, name: str) -> NDArray[np.integer[Any]]:
        names = [str(n) for n in self._pack.array("base/joint_names")]
        at: NDArray[np.integer[Any]] = self._pack.array("base/joint_verts")[names.index(name)]
        return at

    def shares(self) -> Floats:
        """How much each base vertex follows the head and the neck, (19158, 2)."""
        head = _bone_share(self._pack, ("head",))
        return np.stack([head, np.clip(_bone_share(self._pack, ("neck01",)) - head, 0, 1)], 1)

    def landmarks(self, vertices: Floats) -> Floats:
        """The 68 points on a shaped head, (68, 3)."""
        corners = self._pack.array("identities/landmarks68_vertices")
        weights = self._pack.array("identities/landmarks68_weights")
        return np.asarray((vertices[corners] * weights[..., None]).sum(1), np.float32)

    def head_vertices(self) -> NDArray[np.int64]:
        """Body vertices of the bald head: crown to chin, ears and back of the skull."""
        names = [str(n) for n in self._pack.array("regions/names")]
        weight = self._pack.array("regions/weight")
        head = weight[names.index("head"), :_BODY_VERTICES]
        neck = weight[names.index("neck"), :_BODY_VERTICES]
        inside = weight[names.index("inside_mouth"), :_BODY_VERTICES]
        return np.flatnonzero((head > 127) & (neck < 64) & (inside < 128))

    def paint(self, ambient: Floats) -> Floats:
        """Ambient light, scalp, beard and inside of the mouth of each base vertex, (19158, 4)."""
        names = [str(n) for n in self._pack.array("regions/names")]
        weight = self._pack.array("regions/weight").astype(np.float32) / 255
        inside = scalp_depth(self._pack.array("base/verts"))
        scalp = weight[names.index("scalp")] * np.clip(inside / 0.12, 0, 1)
        beard = np.maximum(weight[names.index("beard")], weight[names.index("moustache")])
        return np.stack([ambient, scalp, beard, weight[names.index("inside_mouth")]], 1).astype(np.float32)


def scalp_depth(rest: NDArray[np.floating[Any]]) -> Floats:
    """How far inside the hairline positions of the neutral head lie, (N,), dm of height; negative outside.

    The scalp region of the base mesh reaches down to the brows; this is where hair really begins.
    """
    azimuth = np.degrees(np.arctan2(rest[:, 0], rest[:, 2] - SKULL_MIDDLE[2]))
    return np.asarray(rest[:, 1] - np.interp(np.abs(azimuth), *_HAIRLINE), np.float32)


def frame_of(landmarks: Floats, *, mean: Floats) -> NDArray[np.float64]:
    """The frame of a head: canonical axes <- mesh axes.

    Mesh axes wander against the face by 2 degrees (sd) between people, so the frame is a similarity fit of
    the neutral 68 points to one canonical set (Umeyama 1991), then the measured constant pitch.

    Args:
        landmarks: neutral 68 points of this head, (68, 3).
        mean: the canonical 68 points, (68, 3).

    Returns:
        rotation (3, 3).
    """
    a = landmarks - landmarks.mean(0)
    b = mean - mean.mean(0)
    u, _, vt = np.linalg.svd(b.T @ a)
    sign = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    pitch = np.deg2rad(FRAME_PITCH_DEG)
    cos, sin = np.cos(pitch), np.sin(pitch)
    tilt = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    return np.asarray(tilt @ (u @ sign @ vt), np.float64)


@lru_cache(maxsize=32)
def _bone_share(pack: Pack, roots: tuple[str, ...]) -> Floats:
    """Skin weight of some bones and all their children, (19158,), 0..1."""
    names = [str(n) for n in pack.array("rig/bone_names")]
    parent = pack.array("rig/parent")
    chosen = {names.index(root) for root in roots}
    for k in range(len(names)):  # parents come first
        if int(parent[k]) in chosen:
            chosen.add(k)
    count = len(pack.array("base/verts"))
    total, part = np.zeros(count, np.float32), np.zeros(count, np.float32)
    ptr = pack.array("rig/ptr")
    for k in range(len(names)):
        at = pack.array("rig/idx")[ptr[k] : ptr[k + 1]]
        weight = pack.array("rig/weight")[ptr[k] : ptr[k + 1]].astype(np.float32)
        total[at] += weight
        if k in chosen:
            part[at] += weight
    return np.asarray(part / np.maximum(total, 1e-6), np.float32)


def _macro_weights(who: Identity) -> list[tuple[str, float]]:
    """Weights of the macro targets (formulas of the asset README)."""
    a = who.age
    if a < 0.5:
        young = max(0.0, 3.2 * (a - 0.1875))
        ages = {
            "baby": max(0.0, 1 - 5.333 * a),
            "child": max(0.0, min(1.0, 5.333 * a) - young),
            "young": young,
            "old": 0.0,
        }
    else:
        ages = {"baby": 0.0, "child": 0.0, "young": 2 - 2 * a, "old": 2 * a - 1}
    sexes = {"female": who.female, "male": 1 - who.female}

    def parts(x: float) -> dict[str, float]:
        high, low = max(0.0, 2 * x - 1), max(0.0, 1 - 2 * x)
        return {"min": low, "average": 1 - high - low, "max": high}

    out = []
    for sex, s in sexes.items():
        for age, g in ages.items():
            out += [
                (f"{e}-{sex}-{age}", s * g * float(w)) for e, w in zip(ETHNICITIES, who.shares, strict=True)
            ]
            out += [
                (f"universal-{sex}-{age}-{m}muscle-{w}weight", s * g * mw * ww)
                for m, mw in parts(who.muscle).items()
                for w, ww in parts(who.weight).items()
            ]
    return [(name, weight) for name, weight in out if weight > 1e-4]


def sample_expression(rng: Generator) -> tuple[tuple[str, float], ...]:
    """Draw an expression as units and weights; one in five faces is neutral."""
    units: dict[str, float] = {}
    kind = rng.random()
    if kind < 0.52:  # smiles: the commonest face on photographs
        strength = rng.uniform(0.25, 1.0)
        units["mouth-corner-puller"] = strength
        if rng.random() < 0.65:  # with teeth
            units["mouth-upward-retraction"] = strength * rng.uniform(0.4, 1.0)
            units["mouth-part-later"] = rng.uniform(0.1, 0.6)
    elif kind < 0.68:  # speech, surprise
        units["mouth-open"] = rng.uniform(0.02, 0.7) ** 1.3
        units[str(rng.choice(["mouth-eversion", "mouth-protusion", "mouth-retraction"]))] = rng.uniform(
            0, 0.5
        )
    elif kind < 0.80:
        for unit in rng.choice(
            ["mouth-compression", "mouth-depression", "mouth-pursing", "mouth-elevation", "nose-compression"],
            2,
            replace=False,
        ):
            units[str(unit)] = rng.uniform(0, 0.7)
    if rng.random() < 0.4:
        brow = str(rng.choice(["up", "down", "inner-up", "extern-up"]))
        strength = rng.uniform(0, 0.35 if brow == "down" else 0.8)
        units[f"eyebrows-left-{brow}"] = strength
        units[f"eyebrows-right-{brow}"] = strength * rng.uniform(0.6, 1.0)
    if rng.random() < 0.35:
        closed = rng.uniform(0.05, 0.45) if rng.random() < 0.7 else rng.uniform(0.5, 1.0)
        units["eye-left-closure"] = closed
        units["eye-right-closure"] = closed
    return tuple((unit, float(weight)) for unit, weight in units.items())
