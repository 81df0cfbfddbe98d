"""Things in front of a face: hands, phones, boxes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from facing.synth.colours import cloth
from facing.synth.figure import Material, Part, topology

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from facing.synth.assets import Pack
    from facing.synth.figure import Figure
    from facing.synth.pose import Stance

    Floats = NDArray[np.float32]

_CHANCE = 0.13


@dataclass(frozen=True, slots=True)
class Occluder:
    """A named part that follows the head."""

    name: str
    part: Part


def sample_occluder(rng: Generator, *, figure: Figure, stance: Stance, pack: Pack | None) -> Occluder | None:
    """Draw something that covers a part of the head as the camera sees it, or nothing.

    Args:
        rng: source of chance.
        figure: whose head it is.
        stance: tells from where the camera looks.
        pack: where hands come from; None leaves boxes and phones.
    """
    if rng.random() > _CHANCE:
        return None
    hand = pack is not None and rng.random() < 0.6
    name = "hand" if hand else str(rng.choice(["phone", "box"]))
    shape = _hand(rng, pack=pack, figure=figure) if hand and pack is not None else _slab(rng, name=name)
    centre = (figure.head_points.min(0) + figure.head_points.max(0)) / 2
    to_camera = stance.bones[2, :3, :3].T @ np.array([0.0, 0.0, 1.0])
    place = to_camera + rng.normal(0, 0.55, 3)
    habit, side = rng.random(), rng.choice([-1.0, 1.0])
    if name == "phone" and habit < 0.5:  # at the ear
        place = np.array([side, -0.2, 0.15])
    elif hand and habit < 0.35:  # at the cheek, the chin or the temple
        place = np.array([side * rng.uniform(0.3, 1.0), rng.uniform(-0.9, 0.5), 0.6])
    reach = 1.05 + (0.15 if hand else 0.5) * rng.random()
    reach *= float(np.ptp(figure.head_points[:, 2])) / 2
    spot = centre + place / np.linalg.norm(place) * reach * [0.85, 1.15, 1.0]
    flat = hand or (name == "phone" and habit < 0.5)
    turn = _laid_flat(rng, shape.positions, towards=place) if flat else _random_turn(rng)
    positions = shape.positions @ turn.T + spot
    shares = np.tile(np.array([1, 0], np.float32), (len(positions), 1))
    return Occluder(name, replace(shape, positions=positions.astype(np.float32), shares=shares))


def _random_turn(rng: Generator) -> NDArray[np.float64]:
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return np.asarray(q * np.linalg.det(q), np.float64)


def _laid_flat(rng: Generator, points: Floats, *, towards: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn a hand or phone so that its flat side lies against the head: fingers do not go through cheeks."""
    thin = np.linalg.svd(points - points.mean(0), full_matrices=False)[2][2]
    thin = thin * rng.choice([-1.0, 1.0])
    a = _random_turn(rng)
    out = towards / np.linalg.norm(towards) + rng.normal(0, 0.15, 3)
    out /= np.linalg.norm(out)
    first = np.stack([thin, *_plane(thin, a[0])])
    second = np.stack([out, *_plane(out, a[1])])
    return np.asarray(second.T @ first, np.float64)


def _plane(
    normal: NDArray[np.floating], other: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two unit vectors that make a right-handed frame with a normal."""
    u = np.cross(normal, other)
    u /= np.linalg.norm(u)
    return u, np.cross(normal, u)


def _slab(rng: Generator, *, name: str) -> Part:
    size = np.array([0.75, 1.5, 0.09]) if name == "phone" else rng.uniform(0.3, 1.7, 3)
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * size / 2
    quads = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
    sheets = corners[quads].reshape(-1, 3)  # corners of their own: flat sides
    faces = np.arange(24).reshape(6, 4)
    mesh = topology("slab", faces=faces, faces_uv=faces, uv=np.zeros((24, 2), np.float32), positions=24)
    black = name == "phone" and rng.random() < 0.7
    look = Material(tint=(0.01, 0.01, 0.012) if black else cloth(rng), gloss=0.5, two_sided=True)
    return Part(
        topology=mesh,
        positions=sheets.astype(np.float32),
        shares=np.zeros((24, 2), np.float32),
        material=look,
    )


def _hand(rng: Generator, *, pack: Pack, figure: Figure) -> Part:
    """The left hand of the base mesh in the skin of the figure, at a scatter of sizes."""
    names = [str(n) for n in pack.array("rig/bone_names")]
    weights = np.zeros(len(pack.array("base/verts")), np.float32)
    ptr = pack.array("rig/ptr")
    for k, bone in enumerate(names):
        if bone.endswith(".L") and (
            bone.startswith(("finger", "metacarpal")) or bone in {"wrist.L", "lowerarm02.L"}
        ):
            weights[pack.array("rig/idx")[ptr[k] : ptr[k + 1]]] += pack.array("rig/weight")[
                ptr[k] : ptr[k + 1]
            ]
    faces = pack.array("base/faces")
    body = pack.array("base/face_group") == [str(n) for n in pack.array("base/group_names")].index("body")
    corners = np.where(faces == 65535, faces[:, :1], faces)
    mine = body & (weights[corners] > 0.5).all(1)
    used, flat = np.unique(corners[mine], return_inverse=True)
    vertices = pack.array("base/verts")[used]
    uv = pack.array("base/uv")
    small = flat.reshape(-1, 4)
    mesh = topology(
        "hand", faces=small, faces_uv=pack.array("base/faces_uv")[mine], uv=uv, positions=len(used)
    )
    tips = vertices - vertices.mean(0)
    skin = next(part.material for part in figure.parts if part.material.skin)
    return Part(
        topology=mesh,
        positions=(tips * rng.uniform(0.85, 1.1)).astype(np.float32),
        shares=np.zeros((len(used), 2), np.float32),
        material=replace(skin, gloss=0.15),
    )
