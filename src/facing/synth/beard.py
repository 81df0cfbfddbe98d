"""Beards grown in code: a shell over the jaw, cut into strands by the shader of the hair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facing.synth.body import SKULL_MIDDLE
from facing.synth.figure import Material, Part, Strands, topology
from facing.synth.hair import subdivide

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from facing.synth.assets import Pack

    Floats = NDArray[np.float32]

_CUTS = {"full": (0.0, 0.0), "goatee": (0.0, 1.0), "moustache": (1.0, 0.0)}


class BeardGrower:
    """Grows beards on shaped bodies; keeps what does not change between them."""

    def __init__(self, pack: Pack) -> None:
        """Find where beards grow on a pack's base mesh."""
        names = [str(n) for n in pack.array("regions/names")]
        weight = {
            kind: pack.array("regions/weight")[names.index(kind)].astype(np.float32) / 255
            for kind in ("beard", "moustache", "goatee")
        }
        grows = np.maximum(weight["beard"], weight["moustache"])
        faces = pack.array("base/faces").astype(np.int64)
        body = pack.array("base/face_group") == [str(n) for n in pack.array("base/group_names")].index("body")
        quads = faces[body & (faces[:, 3] != 65535)]
        quads = quads[(grows[quads] > 0.1).any(1)]
        self._blend, small = subdivide(quads, positions=len(grows))
        inside = 0.3 * (self._blend @ grows - 0.3)
        moustache, goatee = self._blend @ weight["moustache"], self._blend @ weight["goatee"]
        self._mesh = topology(
            "beard",
            faces=small,
            faces_uv=small,
            uv=np.stack([1 - np.maximum(goatee, moustache), inside], 1).astype(np.float32),
            positions=len(inside),
        )
        zero = np.zeros_like(inside)
        self._paint = np.stack([zero + 0.8, zero, 1 - moustache, zero], 1).astype(np.float32)
        self._shares = np.tile(np.array([1, 0], np.float32), (len(inside), 1))
        self._edge = np.clip(inside / 0.12, 0, 1)

    def grow(self, rng: Generator, *, vertices: Floats, colour: tuple[float, float, float]) -> Part:
        """Grow one beard, moustache or goatee.

        Args:
            rng: its cut and length.
            vertices: base vertices of the body, (19158, 3).
            colour: linear RGB.
        """
        kind = str(rng.choice(list(_CUTS), p=[0.62, 0.22, 0.16]))
        length = 0.03 + 0.14 * rng.random() ** 2
        drop = 0.5 * rng.random() ** 3 if kind == "full" else 0.05 * rng.random()
        skin = (self._blend @ vertices).astype(np.float32)
        low = np.clip((skin[:, 1].mean() - skin[:, 1]) / 0.5, 0, 1)
        grown = skin + self._mesh.normals(skin) * (length * self._edge * (0.6 + 0.6 * low))[:, None]
        grown[:, 1] -= drop * (self._edge * low) ** 2
        front, rest = _CUTS[kind]
        strands = Strands(
            whorl=(0.0, 0.5, float(SKULL_MIDDLE[2]), 40.0),
            hairline=(front, rest, float(rng.uniform(0.03, 0.12)), float(rng.beta(0.8, 1.5))),
        )
        return Part(
            topology=self._mesh,
            positions=grown.astype(np.float32),
            shares=self._shares,
            material=Material(tint=colour, gloss=0.15, strands=strands),
            paint=self._paint,
            shadow=False,
        )
