"""What people wear and grow: hair, brows, eyes, teeth, clothes, hats, glasses, masks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.synth.colours import cloth, luminance, sample_hair_colour, tint, triple
from facing.synth.figure import Material
from facing.synth.hairdo import Hairdo, sample_hairdo

if TYPE_CHECKING:
    from numpy.random import Generator

    from facing.synth.assets import Pack
    from facing.synth.body import Identity

    Tags = dict[str, str | float | bool]

_KINKY = {"african": 0.75, "asian": 0.03, "caucasian": 0.05}  # chance of tight curls
_GROWN = 0.8  # of all hair is grown in code, the rest are meshes
_ONLY_DARK = ("afro01",)  # its texture is too dark to be tinted fair
_HEADWEAR = {  # odds
    "beanie": 0.16,
    "cap_crown": 0.24,
    "fedora": 0.05,
    "fedora_cocked": 0.03,
    "headscarf": 0.20,
    "helmet": 0.07,
    "hood": 0.13,
    "swim_cap": 0.02,
    "turban": 0.10,
}
_COVERED = 0.19
_HIDES_HAIR = ("turban", "swim_cap", "headscarf")


@dataclass(frozen=True, slots=True)
class Outfit:
    """Names of items with the tint or texture that this person has them in."""

    items: dict[str, Material] = field(default_factory=dict)
    hair: str = "none"
    hairdo: Hairdo | None = None  # grown in code; None wears the mesh named by hair, if any
    hair_colour: tuple[float, float, float] = (0.03, 0.02, 0.02)  # linear RGB
    clothes: str = ""
    hat: str = ""  # the item that hair must not come through
    air: dict[str, float] = field(default_factory=dict)  # dm between some items and the skin
    tags: Tags = field(default_factory=dict)


def sample_outfit(rng: Generator, *, who: Identity, pack: Pack) -> Outfit:
    """Draw everything a person wears, their hair included."""
    info = pack.text("makehuman/proxies.json")
    by = {
        kind: [k for k, v in info.items() if v["category"] == kind]
        for kind in {v["category"] for v in info.values()}
    }
    # A generator for each trait: a new option of one leaves the others as they were.
    of_face, of_hair, of_clothes, of_hats, of_glasses, of_extras = rng.spawn(6)
    grown, female = who.age > 0.35, who.female > 0.5
    name, colour = sample_hair_colour(of_hair, who=who)
    tags: Tags = {"hair_colour": name}
    items = _face(of_face, who=who, colour=colour, by=by, info=info)
    suit = _clothes(of_clothes, female=female, by=by, info=info)
    items |= suit

    headwear, worn, air = _headwear(of_hats, info=info)
    items |= worn
    tags["headwear"] = headwear or "none"
    hair, hairdo = _hair(of_hair, who=who, headwear=headwear, by=by)
    if hair in _ONLY_DARK:
        colour = triple(np.minimum(colour, (0.032, 0.022, 0.016)))
    if hair in info:
        items[hair] = Material(
            texture=info[hair]["texture"],
            tint=tint(colour, info[hair]["texture_mean"], plain=0.85),
            plain=0.85,
            layer="strands",
            two_sided=True,
            gloss=0.12,
        )
    tags["hair"] = f"grown_{hairdo.kind}" if hairdo else hair
    if grown and of_glasses.random() < 0.26:
        items |= _glasses(of_glasses, by=by, info=info, tags=tags)
    items |= _extras(of_extras, tags=tags)
    hat = "headscarf" if headwear == "hood" else headwear
    return Outfit(
        items=items,
        hair=hair,
        hairdo=hairdo,
        hair_colour=colour,
        clothes=next(iter(suit)),
        hat=hat,
        air=air,
        tags=tags,
    )


def _face(
    rng: Generator,
    *,
    who: Identity,
    colour: tuple[float, float, float],
    by: dict[str, list[str]],
    info: dict[str, dict[str, Any]],
) -> dict[str, Material]:
    """Eyes, teeth, tongue, brows and lashes."""
    brown = 0.97 if who.ethnicity != "caucasian" else 0.5
    iris = [brown * 0.75, brown * 0.25] + [(1 - brown) / 7] * 7
    brow = str(rng.choice(by["eyebrows"]))
    lash = "eyelashes01" if rng.random() < 0.75 else str(rng.choice(by["eyelashes"]))
    dark = triple(np.minimum(np.array(colour) * 0.7, 0.12))
    white = float(rng.uniform(1.5, 2.4))
    return {
        "eyes_high": Material(
            texture=str(rng.choice(info["eyes_high"]["textures"], p=iris)), gloss=0.9, layer="cut"
        ),
        str(rng.choice(by["teeth"])): Material(
            texture="teeth.webp", tint=(white, white, 0.95 * white), gloss=0.4
        ),
        "tongue01": Material(texture="tongue.webp", tint=(0.7, 0.55, 0.55)),
        brow: Material(
            texture=info[brow]["texture"], tint=tint(dark, info[brow]["texture_mean"]), layer="strands"
        ),
        lash: Material(texture=info[lash]["texture"], tint=(0.3, 0.3, 0.3), layer="strands"),
    }


def _clothes(
    rng: Generator, *, female: bool, by: dict[str, list[str]], info: dict[str, dict[str, Any]]
) -> dict[str, Material]:
    """One outfit: as its texture has it, or with its folds and seams only, dyed plain, striped or checked."""
    sex = "female" if female else "male"
    suit = str(rng.choice([k for k in by["clothes"] if k.startswith(sex)]))
    look = Material(
        texture=info[suit]["texture"],
        layer="cut",
        two_sided=True,
        gloss=0.03,
        tint=triple(rng.uniform(0.6, 1.2, 3)),
    )
    if rng.random() < 0.9:
        mean = info[suit]["texture_mean"]
        flat = (float(rng.choice([0.0, 0.9], p=[0.3, 0.7])), luminance(mean))
        look = replace(
            look, plain=1.0, flat=flat, tint=tint(cloth(rng), mean, plain=1.0), second=(0.0, 0.0, 0.0)
        )
        wide = rng.uniform(1.5, 9.0)
        kind = rng.random()
        second = tint(cloth(rng), mean, plain=1.0)
        share = float(rng.uniform(0.15, 0.5))
        if kind < 0.14:
            look = replace(look, second=second, pattern=(0.0, float(wide), share))
        elif kind < 0.22:
            look = replace(look, second=second, pattern=(float(wide), 0.0, share))
        elif kind < 0.36:
            look = replace(look, second=second, pattern=(float(wide), float(wide), share))
    return {suit: look}


def _headwear(
    rng: Generator, *, info: dict[str, dict[str, Any]]
) -> tuple[str, dict[str, Material], dict[str, float]]:
    """What covers the head, with what belongs to it, and how loosely."""
    if rng.random() > _COVERED:
        return "", {}, {}
    kind = str(rng.choice(list(_HEADWEAR), p=np.array(list(_HEADWEAR.values())) / sum(_HEADWEAR.values())))
    name = "headscarf" if kind == "hood" else kind
    textures = info[name].get("textures")
    colour, second = cloth(rng), cloth(rng)
    look = Material(
        texture=str(rng.choice(textures)) if textures else None,
        tint=(1.0, 1.0, 1.0) if textures else colour,
        two_sided=True,
        gloss=0.6 if kind == "helmet" else 0.02,
        folds=0.0 if kind in {"helmet", "swim_cap", "cap_crown"} else float(rng.uniform(0.1, 0.5)),
    )
    if not textures and rng.random() < 0.25:
        wide = float(rng.uniform(2, 9))
        look = replace(
            look, second=second, pattern=(wide * rng.integers(2), wide, float(rng.uniform(0.2, 0.5)))
        )
    worn = {name: look}
    hard = kind == "helmet" and rng.random() < 0.6  # a hard hat has a peak
    for other in [*(info[name].get("with") or []), *(["cap_visor"] if hard else [])]:
        two_tone = kind == "cap_crown" and rng.random() < 0.3
        worn[other] = replace(look, tint=second) if two_tone else look
    loose = float(rng.uniform(0.08, 0.22) if kind == "hood" else rng.uniform(0, 0.05))
    return kind, worn, {item: loose for item in worn if kind in {"hood", "headscarf", "beanie", "turban"}}


def _hair(
    rng: Generator, *, who: Identity, headwear: str, by: dict[str, list[str]]
) -> tuple[str, Hairdo | None]:
    female, grown = who.female > 0.5, who.age > 0.35
    shaved = rng.random() < (0.015 if female else 0.09 if grown else 0.03)
    mesh = rng.random() > _GROWN
    short = [k for k in by["hair"] if k.startswith(("short", "afro", "bob01_cut", "ponytail01_cut"))]
    name = str(rng.choice(by["hair"] if female or rng.random() < 0.07 else short))
    hairdo = sample_hairdo(rng, female=female, years=who.years, kinky=_KINKY[who.ethnicity])
    if headwear in _HIDES_HAIR or shaved:
        return "none", None
    if headwear:  # hats press hair flat; meshes would come through them
        if headwear == "hood":
            hairdo = replace(hairdo, length=min(hairdo.length, 0.3), tail=0.0)
        hairdo = replace(hairdo, height=min(hairdo.height, 0.06), top=0.0, lift=min(hairdo.lift, 0.1))
        return "grown", hairdo
    return (name, None) if mesh else ("grown", hairdo)


def _glasses(
    rng: Generator, *, by: dict[str, list[str]], info: dict[str, dict[str, Any]], tags: Tags
) -> dict[str, Material]:
    frame = str(rng.choice(by["glasses"]))
    dark = rng.random() < 0.3
    opacity = float(rng.uniform(0.6, 0.97) if dark else rng.uniform(0.03, 0.15))
    coloured = rng.random() < 0.2
    shade = cloth(rng)
    black = triple(rng.uniform(0.01, 0.05) * np.ones(3))
    worn = {frame: Material(tint=black if rng.random() < 0.6 else shade, two_sided=True, gloss=0.6)}
    # How strongly a lens mirrors the window differs from day to day.
    mirror = float(rng.beta(0.8, 1.2))
    for lens in info[frame]["with"]:
        colour = (0.6, 0.65, 0.7) if not dark else shade if coloured else (0.02, 0.02, 0.025)
        worn[lens] = Material(tint=colour, opacity=opacity, layer="glass", gloss=mirror)
    tags["glasses"] = "sun" if dark else "clear"
    return worn


def _extras(rng: Generator, *, tags: Tags) -> dict[str, Material]:
    """Masks, headphones and scarves."""
    worn: dict[str, Material] = {}
    mask, headphones, scarf, pale = rng.random(4)
    colour, second, third = cloth(rng), cloth(rng), cloth(rng)
    if mask < 0.06:
        usual = (0.4, 0.6, 0.72) if pale < 0.35 else (0.75, 0.76, 0.78)
        worn["mask_surgical"] = Material(tint=usual if pale < 0.6 else colour, two_sided=True, gloss=0.02)
        worn["mask_loops"] = Material(tint=(0.8, 0.8, 0.8), two_sided=True)
        tags["mask"] = True
    if headphones < 0.05:
        worn["headphones"] = Material(tint=second, two_sided=True, gloss=0.3)
        tags["headphones"] = True
    if scarf < 0.06:
        worn["scarf"] = Material(tint=third, two_sided=True, gloss=0.02, folds=0.4)
    return worn
