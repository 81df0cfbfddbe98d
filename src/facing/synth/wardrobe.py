"""What people wear and grow: hair, brows, eyes, teeth, clothes, hats, glasses, masks, fitted to a body."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.synth.figure import Material, Part, Topology, topology

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from facing.synth.assets import Pack
    from facing.synth.body import Identity

    Floats = NDArray[np.float32]

_FILES = ("hair", "parts", "clothes", "extras")
# Linear RGB of hair by people; weights follow world population more than a Western street does.
_HAIR_COLOURS = {
    "black": (0.012, 0.010, 0.009),
    "dark": (0.032, 0.022, 0.016),
    "brown": (0.080, 0.046, 0.026),
    "light": (0.180, 0.105, 0.055),
    "blond": (0.380, 0.260, 0.130),
    "red": (0.200, 0.060, 0.025),
    "grey": (0.300, 0.300, 0.300),
    "white": (0.600, 0.590, 0.560),
    "dyed": (0.150, 0.030, 0.120),
}
_HAIR_ODDS = {
    "african": {"black": 0.8, "dark": 0.17, "brown": 0.03},
    "asian": {"black": 0.75, "dark": 0.2, "brown": 0.05},
    "caucasian": {"black": 0.15, "dark": 0.3, "brown": 0.27, "light": 0.13, "blond": 0.11, "red": 0.04},
}
_ONLY_DARK = ("afro01",)  # its texture is too dark to be tinted fair
_HELD_BY_HATS = ("short02", "short04", "short01")


@dataclass(frozen=True, slots=True)
class Outfit:
    """Names of items with the tint or texture that this person has them in."""

    items: dict[str, Material] = field(default_factory=dict)
    hair: str = "none"
    hair_colour: tuple[float, float, float] = (0.03, 0.02, 0.02)  # linear RGB
    tags: dict[str, str | float | bool] = field(default_factory=dict)


def sample_hair_colour(rng: Generator, *, who: Identity) -> tuple[str, tuple[float, float, float]]:
    """Draw a natural (rarely dyed) hair colour, linear RGB."""
    grey = float(np.interp(who.years, [35, 50, 75], [0.02, 0.3, 0.9]))
    if rng.random() < grey:
        name = "grey" if rng.random() < 0.65 else "white"
    elif rng.random() < 0.03:
        name = "dyed"
    else:
        odds = _HAIR_ODDS[who.ethnicity]
        name = str(rng.choice(list(odds), p=np.array(list(odds.values())) / sum(odds.values())))
    colour = np.array(_HAIR_COLOURS[name]) * np.exp(rng.normal(0, 0.25)) * np.exp(rng.normal(0, 0.06, 3))
    return name, _triple(colour)


def _triple(colour: NDArray[np.floating[Any]]) -> tuple[float, float, float]:
    r, g, b = (float(c) for c in np.clip(colour, 0.003, 0.95))
    return r, g, b


def _linear(srgb: list[float]) -> NDArray[np.float64]:
    return np.asarray(np.maximum(np.array(srgb), 0.02) ** 2.2, np.float64)


def _cloth_tint(rng: Generator, *, mean_srgb: list[float]) -> tuple[float, float, float]:
    """Scatter the colour of a printed cloth, or dye it any colour."""
    if rng.random() < 0.6:
        return _tint(_plain(rng), mean_srgb)
    return _triple(rng.uniform(0.25, 1.4) * np.exp(rng.normal(0, 0.35, 3)))


def _plain(rng: Generator) -> tuple[float, float, float]:
    """Any cloth or plastic colour; dark and white ones are commonest."""
    kind = rng.random()
    if kind < 0.35:
        return _triple(rng.uniform(0.01, 0.06) * np.exp(rng.normal(0, 0.2, 3)))
    if kind < 0.5:
        return _triple(rng.uniform(0.5, 0.85) * np.exp(rng.normal(0, 0.05, 3)))
    return _triple(rng.beta(0.6, 1.2, 3) * 0.8)


def sample_outfit(rng: Generator, *, who: Identity, pack: Pack) -> Outfit:
    """Draw everything a person wears, their hair included."""
    info = pack.text("makehuman/proxies.json")
    by = {
        kind: [k for k, v in info.items() if v["category"] == kind]
        for kind in {v["category"] for v in info.values()}
    }
    grown = who.age > 0.35
    female = who.female > 0.5
    items: dict[str, Material] = {}
    tags: dict[str, str | float | bool] = {}
    name, colour = sample_hair_colour(rng, who=who)
    tags["hair_colour"] = name

    items["eyes_high"] = Material(
        texture=str(rng.choice(info["eyes_high"]["textures"], p=_eye_odds(who))), gloss=0.9, layer="cut"
    )
    items[str(rng.choice(by["teeth"]))] = Material(texture="teeth.webp", tint=(1.5, 1.5, 1.45), gloss=0.5)
    items["tongue01"] = Material(texture="tongue.webp")
    brow = str(rng.choice(by["eyebrows"]))
    dark = tuple(np.array(colour) * 0.7)
    items[brow] = Material(
        texture=info[brow]["texture"], tint=_tint(dark, info[brow]["texture_mean"]), layer="strands"
    )
    lash = "eyelashes01" if rng.random() < 0.75 else str(rng.choice(by["eyelashes"]))
    items[lash] = Material(texture=info[lash]["texture"], tint=(0.3, 0.3, 0.3), layer="strands")

    sex = "female" if female else "male"
    suit = str(rng.choice([k for k in by["clothes"] if k.startswith(sex)]))
    items[suit] = Material(
        texture=info[suit]["texture"],
        tint=_cloth_tint(rng, mean_srgb=info[suit]["texture_mean"]),
        layer="cut",
        two_sided=True,
        gloss=0.03,
    )

    headwear = _headwear(rng, items=items, by=by, info=info)
    tags["headwear"] = headwear or "none"
    hair = _hair(rng, female=female, grown=grown, headwear=headwear, by=by)
    if hair in _ONLY_DARK:
        colour = _triple(np.minimum(colour, _HAIR_COLOURS["dark"]))
    if hair != "none":
        items[hair] = Material(
            texture=info[hair]["texture"],
            tint=_tint(colour, info[hair]["texture_mean"]),
            layer="strands",
            two_sided=True,
            gloss=0.25,
        )
    if grown and rng.random() < 0.24:
        _glasses(rng, items=items, by=by, info=info, tags=tags)
    if rng.random() < 0.05:
        items["mask_surgical"] = Material(
            tint=(0.4, 0.6, 0.72) if rng.random() < 0.5 else _plain(rng), two_sided=True, gloss=0.02
        )
        items["mask_loops"] = Material(tint=(0.8, 0.8, 0.8), two_sided=True)
        tags["mask"] = True
    if rng.random() < 0.04:
        items["headphones"] = Material(tint=_plain(rng), two_sided=True, gloss=0.3)
        tags["headphones"] = True
    if rng.random() < 0.06:
        items["scarf"] = Material(tint=_plain(rng), two_sided=True, gloss=0.02)
    tags["hair"] = hair
    return Outfit(items=items, hair=hair, hair_colour=colour, tags=tags)


def _eye_odds(who: Identity) -> list[float]:
    brown = 0.97 if who.ethnicity != "caucasian" else 0.5
    return [brown * 0.75, brown * 0.25] + [(1 - brown) / 7] * 7


def _tint(wanted: tuple[float, ...], mean_srgb: list[float]) -> tuple[float, float, float]:
    """What to multiply a texture with so that its mean becomes the wanted linear colour.

    Very dark textures are not pulled up without limit: their noise would be amplified with them.
    """
    factor = np.clip(np.array(wanted) / _linear(mean_srgb), 0.05, 14.0)
    return float(factor[0]), float(factor[1]), float(factor[2])


def _headwear(
    rng: Generator, *, items: dict[str, Material], by: dict[str, list[str]], info: dict[str, dict[str, Any]]
) -> str:
    if rng.random() > 0.15:
        return ""
    name = str(
        rng.choice([*by["hat"], "headscarf", "headscarf", "cap_crown", "cap_crown", "beanie", "helmet"])
    )
    colour = _plain(rng)
    textures = info[name].get("textures")
    items[name] = Material(
        texture=str(rng.choice(textures)) if textures else None,
        tint=(1.0, 1.0, 1.0) if textures else colour,
        two_sided=True,
        gloss=0.6 if name == "helmet" else 0.02,
    )
    for other in info[name].get("with") or []:
        items[other] = Material(tint=colour, two_sided=True, gloss=0.02)
    return name


def _hair(rng: Generator, *, female: bool, grown: bool, headwear: str, by: dict[str, list[str]]) -> str:
    if headwear in {"turban", "swim_cap", "headscarf", "helmet"}:
        return "none"
    if headwear:
        return (
            str(rng.choice([*_HELD_BY_HATS, "none"]))
            if not female
            else str(rng.choice(["none", "short03", "short01"]))
        )
    if rng.random() < (0.02 if female else 0.13 if grown else 0.05):
        return "none"
    short = [k for k in by["hair"] if k.startswith(("short", "afro", "bob01_cut", "ponytail01_cut"))]
    return str(rng.choice(by["hair"] if female or rng.random() < 0.07 else short))


def _glasses(
    rng: Generator,
    *,
    items: dict[str, Material],
    by: dict[str, list[str]],
    info: dict[str, dict[str, Any]],
    tags: dict[str, str | float | bool],
) -> None:
    frame = str(rng.choice(by["glasses"]))
    items[frame] = Material(tint=_plain(rng), two_sided=True, gloss=0.6)
    dark = rng.random() < 0.3
    opacity = float(rng.uniform(0.6, 0.97) if dark else rng.uniform(0.05, 0.25))
    for lens in info[frame]["with"]:
        shade = _plain(rng) if rng.random() < 0.2 else (0.02, 0.02, 0.025)
        items[lens] = Material(
            tint=shade if dark else (0.6, 0.65, 0.7), opacity=opacity, layer="glass", gloss=1.0
        )
    tags["glasses"] = "sun" if dark else "clear"


class Tailor:
    """Fits items to a body; keeps what does not change between bodies."""

    def __init__(self, pack: Pack, *, shares: Floats) -> None:
        """Remember the pack and how base vertices follow head and neck, (19158, 2)."""
        self._pack = pack
        self._shares = shares
        self._topologies: dict[str, Topology] = {}
        self._item_shares: dict[str, Floats] = {}
        self._file = {
            item: file
            for item in pack.text("makehuman/proxies.json")
            for file in _FILES
            if pack.has(f"{file}/{item}/ref")
        }

    def _array(self, item: str, key: str) -> NDArray[Any]:
        return self._pack.array(f"{self._file[item]}/{item}/{key}")

    def deleted(self, item: str) -> NDArray[np.integer[Any]]:
        """Base vertices that lie hidden under an item; may be empty."""
        name = f"{self._file[item]}/{item}/delete"
        return self._pack.array(name) if self._pack.has(name) else np.empty(0, np.uint16)

    def fit(self, item: str, *, vertices: Floats, material: Material) -> Part:
        """Fit one item to a shaped body by the mhclo rule (asset README).

        Args:
            item: name in proxies.json.
            vertices: base vertices of the body, (19158, 3).
            material: how this person has it.
        """
        ref = self._array(item, "ref")
        weights = self._array(item, "w")
        scale = np.ones(3, np.float32)
        for axis, (v1, v2, distance) in enumerate(self._array(item, "scale").astype(float)):
            if distance:
                scale[axis] = abs(vertices[int(v1), axis] - vertices[int(v2), axis]) / distance
        positions = np.einsum("nk,nkj->nj", weights, vertices[ref]) + self._array(item, "off") * scale
        if item not in self._topologies:
            self._topologies[item] = topology(
                item,
                faces=self._array(item, "faces"),
                faces_uv=self._array(item, "faces_uv"),
                uv=self._array(item, "uv"),
                positions=len(ref),
            )
            shares = np.clip(np.einsum("nk,nkj->nj", weights, self._shares[ref]), 0, 1)
            self._item_shares[item] = shares.astype(np.float32)
        return Part(
            topology=self._topologies[item],
            positions=positions.astype(np.float32),
            shares=self._item_shares[item],
            material=material,
        )
