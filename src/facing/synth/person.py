"""One person, dressed: identity + outfit + expression -> a figure to draw."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from facing.synth.beard import BeardGrower
from facing.synth.belt import seat_belt
from facing.synth.body import Identity, Shaper, frame_of, sample_expression, sample_identity
from facing.synth.figure import Figure, Material, Part, topology
from facing.synth.hair import Barber
from facing.synth.tailor import Tailor, under_hat
from facing.synth.wardrobe import Outfit, sample_outfit

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from facing.synth.assets import Pack

    Floats = NDArray[np.float32]

# What lies further below the neck joint or to the side is cut off before drawing, in dm of an adult: vertices
# cost time. The cut lies outside the frame but for strong leans.
_CUT = {"portrait": (2.9, 3.2), "bust": (4.4, 3.6)}
_BELTED = 0.05
# The painted light skins are paler than photographed ones, the deep ones redder.
_BLOOD = np.array([[1.06, 0.96, 0.88], [0.93, 1.03, 1.06]])
_ADULT_HEAD = 2.3  # dm from chin to crown


class PersonMaker:
    """Builds people from a pack; one per process."""

    def __init__(self, pack: Pack, *, framing: str) -> None:
        """Prepare what all people share.

        Args:
            pack: open asset pack.
            framing: "portrait" cuts below the collar bones, "bust" below the chest.
        """
        self.pack = pack
        self._shaper = Shaper(pack)
        self._barber = Barber(pack)
        self._beards = BeardGrower(pack)
        self._tailor = Tailor(pack, shares=self._shaper.shares())
        self._head = self._shaper.head_vertices()
        self._deep, self._wide = _CUT[framing]
        drawn = pack.array("base/face_group") == [str(n) for n in pack.array("base/group_names")].index(
            "body"
        )
        self._body = topology(
            "body",
            faces=pack.array("base/faces")[drawn],
            faces_uv=pack.array("base/faces_uv")[drawn],
            uv=pack.array("base/uv"),
            positions=len(pack.array("base/verts")),
        )
        self._paint = self._shaper.paint(pack.array("baked/ambient"))
        self._mean = pack.array("identities/mean_landmarks_ict")

    def make(self, rng: Generator) -> Figure:
        """Draw a person and dress them."""
        who = sample_identity(rng, pack=self.pack)
        outfit = sample_outfit(rng, who=who, pack=self.pack)
        neutral = self._shaper.neutral(who)
        frame = frame_of(self._shaper.landmarks(neutral), mean=self._mean)
        vertices = self._shaper.express(neutral, who=who, units=sample_expression(rng))
        vertices = self._shaper.lower_arms(vertices, degrees=(rng.uniform(20, 48), rng.uniform(20, 48)))
        neck = self._shaper.joint(vertices, name="neck")
        size = float(np.ptp(vertices[self._head, 1])) / _ADULT_HEAD
        low, wide = neck[1] - self._deep * size, self._wide * size
        parts = [self._skin(rng, vertices=vertices, who=who, outfit=outfit)]
        gaze = rng.normal(0, 12, 2)
        of_hair = rng.spawn(1)[0]
        for name, material in outfit.items.items():
            part = self._tailor.fit(name, vertices=vertices, material=material, air=outfit.air.get(name, 0.0))
            if name.startswith("eyes"):
                part = replace(part, positions=self._look(part.positions, vertices=vertices, gaze=gaze))
            parts.append(part)
        if outfit.hairdo is not None:
            hair = self._barber.grow(
                outfit.hairdo,
                rng=of_hair,
                vertices=vertices,
                colour=outfit.hair_colour,
                gloss=float(of_hair.uniform(0.1, 0.6)),
            )
            hat = next((part for part in parts if part.topology.key == outfit.hat), None)
            if hat is not None:
                middle = vertices[self._head].mean(0)
                hair = tuple(under_hat(part, hat=hat, middle=middle) for part in hair)
            parts += hair
        belted = rng.random() < _BELTED
        if belted:
            cloth = [part for part in parts if part.topology.key == outfit.clothes]
            parts.append(seat_belt(of_hair, chest=cloth[0].positions, neck=neck, size=size))
        beard = _beard_colour(rng, outfit=outfit)
        bearded = who.female < 0.5 and who.age > 0.42 and rng.random() < 0.5
        shell = rng.random() < 0.6
        if bearded and shell:
            parts.append(self._beards.grow(of_hair, vertices=vertices, colour=beard))
        scalp = self._scalp(rng, who=who, outfit=outfit)
        return Figure(
            parts=tuple(_cut(part, low=low, wide=wide) for part in parts),
            frame=frame,
            head_points=vertices[self._head],
            landmarks=self._shaper.landmarks(vertices),
            neck=neck,
            head=self._shaper.joint(vertices, name="head"),
            beard=(*beard, float(rng.beta(1, 1.3)) if bearded else 0.0),
            scalp=scalp,
            tags={
                **outfit.tags,
                "years": round(who.years),
                "sex": "female" if who.female > 0.5 else "male",
                "origin": who.ethnicity,
                "beard": bool(bearded),
                "belt": belted,
            },
        )

    def _skin(self, rng: Generator, *, vertices: Floats, who: Identity, outfit: Outfit) -> Part:
        gone = np.zeros(len(vertices), bool)
        for name in outfit.items:
            gone[self._tailor.deleted(name)] = True
        # A face goes when all its corners are covered; triangles of one quad go together often enough.
        visible = np.asarray(~gone[self._body.triangle_positions].all(1))
        age = "old" if who.years > 55 else "middleage" if who.years > 38 else "young"
        sex = "female" if who.female > 0.5 else "male"
        name = f"{age}_{who.ethnicity}_{sex}"
        twin = f"{name}2" in self.pack.text("makehuman/skins.json")["skins"]
        if twin and rng.random() < 0.5:
            name += "2"
        deep = who.ethnicity == "african"
        tone = np.exp(rng.normal(0.05 if deep else -0.2, 0.22)) * np.exp(rng.normal(0, [0.04, 0.02, 0.06]))
        tone = tone * _BLOOD[int(deep)]
        return Part(
            topology=self._body,
            positions=vertices,
            shares=self._shaper.shares(),
            material=Material(
                skin=name,
                tint=(float(tone[0]), float(tone[1]), float(tone[2])),
                gloss=float(rng.uniform(0.05, 0.5)),
            ),
            paint=self._paint,
            visible=visible,
        )

    def _look(self, eyes: Floats, *, vertices: Floats, gaze: NDArray[np.float64]) -> Floats:
        """Turn both eyeballs about their joints by yaw and pitch in degrees."""
        yaw, pitch = np.deg2rad(np.clip(gaze, -28, 28) * [1.0, 0.6])
        about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
        about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
        out = eyes.copy()
        for joint, side in (("l-eye", eyes[:, 0] > 0), ("r-eye", eyes[:, 0] <= 0)):
            pivot = np.array(self._shaper.joint(vertices, name=joint))
            out[side] = (eyes[side] - pivot) @ (about_y @ about_x).T + pivot
        return out.astype(np.float32)

    def _scalp(self, rng: Generator, *, who: Identity, outfit: Outfit) -> tuple[float, float, float, float]:
        """Colour under the hair: the textures paint cropped hair, which is right for shaved heads only."""
        shaved = rng.random()
        bald = 0.0 if outfit.hairdo is None else min(1.0, 2 * outfit.hairdo.bald + 2 * outfit.hairdo.front)
        if (outfit.hair == "none" and shaved < 0.5) or bald > 0.5:
            mean = self.pack.text("makehuman/skins.json")["skins"]
            some = next(v for v in mean.values() if v["ethnic"] == who.ethnicity)
            r, g, b = (float(c) ** 2.2 for c in some["face_mean_srgb"])
            return r, g, b, 0.85
        return (*outfit.hair_colour, 0.6 if outfit.hair == "none" else 0.85)


def _beard_colour(rng: Generator, *, outfit: Outfit) -> tuple[float, float, float]:
    """Beards are about as dark as the hair, often darker and redder."""
    scatter = np.exp(rng.normal(-0.3, 0.25)) * np.array([1.1, 1.0, 0.95])
    r, g, b = (float(c) for c in np.array(outfit.hair_colour) * scatter)
    return r, g, b


def _cut(part: Part, *, low: float, wide: float) -> Part:
    """Leave out triangles that lie wholly below or beside."""
    outside = (part.positions[:, 1] < low) | (np.abs(part.positions[:, 0]) > wide)
    if not outside.any():
        return part
    kept = np.asarray(~outside[part.topology.triangle_positions].all(1))
    return replace(part, visible=kept if part.visible is None else kept & part.visible)
