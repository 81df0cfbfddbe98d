"""Colours of hair and cloth as people have them, linear RGB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from facing.synth.body import Identity

    Colour = tuple[float, float, float]

_HAIR = {
    "black": (0.010, 0.009, 0.009),
    "dark": (0.042, 0.028, 0.020),
    "brown": (0.100, 0.060, 0.035),
    "light": (0.200, 0.125, 0.070),
    "blond": (0.400, 0.280, 0.150),
    "red": (0.240, 0.080, 0.030),
    "grey": (0.240, 0.240, 0.240),
    "white": (0.520, 0.510, 0.490),
    "dyed": (0.150, 0.030, 0.080),
}
# Shares of people by origin; weights follow world population more than a Western street does.
_ODDS = {
    "african": {"black": 0.76, "dark": 0.17, "brown": 0.05, "light": 0.02},
    "asian": {"black": 0.68, "dark": 0.20, "brown": 0.09, "light": 0.03},
    "caucasian": {"black": 0.08, "dark": 0.25, "brown": 0.28, "light": 0.17, "blond": 0.15, "red": 0.07},
}
_DYED = 0.012
_LUMINANCE = np.array([0.3, 0.5, 0.2])


def triple(colour: NDArray[np.floating[Any]]) -> Colour:
    """Clip to what cloth and hair can be."""
    r, g, b = (float(c) for c in np.clip(colour, 0.003, 0.9))
    return r, g, b


def sample_hair_colour(rng: Generator, *, who: Identity) -> tuple[str, Colour]:
    """Draw a natural (rarely dyed) hair colour; age mixes grey into it."""
    odds = _ODDS[who.ethnicity]
    u, tone, whiteness = rng.random(), rng.random(), rng.random()
    scatter = np.exp(rng.normal(0, 0.22)) * np.exp(rng.normal(0, 0.04, 3))
    # Deep skin goes with dark hair, whatever the largest share says.
    if who.ethnicity == "caucasian" and who.shares[0] > 0.3:
        odds = _ODDS["african"]
    name = str(rng.choice(list(odds), p=np.array(list(odds.values())) / sum(odds.values())))
    colour = np.array(_HAIR[name])
    bleached = name if rng.random() > 0.05 or who.female < 0.5 or who.age < 0.4 else "blond"
    if u < _DYED and who.age > 0.4:
        name, colour = "dyed", np.array(_HAIR["dyed"])[rng.permutation(3)]
    elif bleached != name:
        name, colour = bleached, np.array(_HAIR[bleached]) * 0.7
    grey = np.clip(
        np.interp(who.years, [30, 45, 60, 80], [-0.6, -0.15, 0.45, 0.95]) + 0.9 * (tone - 0.4), 0, 1
    )
    if grey > 0:
        target = np.array(_HAIR["white" if whiteness < 0.35 else "grey"])
        colour = colour * (1 - grey) + target * grey
        name = "grey" if grey > 0.5 else name
    return name, triple(colour * scatter)


def cloth(rng: Generator) -> Colour:
    """Any cloth or plastic colour; dark, white and dull ones are commonest."""
    kind, value, dullness = rng.random(), rng.random(), rng.beta(1.3, 1.6)
    hue = rng.dirichlet([0.7, 0.7, 0.9]) * 3
    if kind < 0.30:  # black, charcoal, navy
        return triple((0.008 + 0.05 * value) * (0.75 + 0.25 * hue))
    if kind < 0.48:  # white, cream, pale
        return triple((0.45 + 0.4 * value) * (0.93 + 0.07 * hue))
    if kind < 0.60:  # grey
        return triple((0.06 + 0.3 * value) * (0.93 + 0.07 * hue))
    return triple((0.03 + 0.35 * value**2) * (dullness + (1 - dullness) * hue))


def luminance(mean_srgb: list[float]) -> float:
    """Linear luminance of a mean sRGB colour."""
    return float(np.maximum(np.array(mean_srgb), 0.02) ** 2.2 @ _LUMINANCE)


def tint(wanted: Colour, mean_srgb: list[float], *, plain: float = 0.0) -> Colour:
    """What to multiply a texture with so that its mean becomes the wanted colour.

    Very dark textures are not pulled up without limit: their noise would be amplified with them.

    Args:
        wanted: linear RGB.
        mean_srgb: mean colour of the texture.
        plain: how much of the texture's own colour is taken out before, 0..1.
    """
    mean = np.maximum(np.array(mean_srgb), 0.02) ** 2.2
    mean = mean * (1 - plain) + (mean @ _LUMINANCE) * plain
    r, g, b = (float(c) for c in np.clip(np.array(wanted) / mean, 0.03, 14.0))
    return r, g, b
