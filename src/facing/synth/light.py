"""Light on a head: nine harmonics of a panorama and one key light, in the axes of the camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

# Cosine lobe divided by pi (Ramamoorthi and Hanrahan 2001, eq. 8): 1, 2/3, 1/4 for bands 0, 1, 2.
_LOBE = np.array([1.0] + [2 / 3] * 3 + [1 / 4] * 5, np.float32)
# Brighter cells ring dark on the far side of order-2 harmonics; what exceeds this becomes the key light.
_CELL_LIMIT = 6.0


@dataclass(frozen=True, slots=True)
class Light:
    """Light in camera axes (x right, y up, z to the viewer)."""

    harmonics: Floats  # (9, 3), irradiance over pi
    key_direction: Floats  # (3,), unit, towards the light
    key_colour: Floats  # (3,), irradiance over pi at normal incidence
    exposure: float
    infrared: bool
    pupil: float = 0.0  # how brightly the pupils throw the lamp back, 0..1


def harmonics_of(directions: Floats) -> Floats:
    """Real spherical harmonics of order 0 to 2.

    Args:
        directions: unit vectors, (..., 3).

    Returns:
        (..., 9), orthonormal on the sphere.
    """
    x, y, z = np.moveaxis(directions, -1, 0)
    one = np.ones_like(x)
    return np.stack(
        [
            0.282095 * one,
            0.488603 * y,
            0.488603 * z,
            0.488603 * x,
            1.092548 * x * y,
            1.092548 * y * z,
            0.315392 * (3 * z * z - 1),
            1.092548 * x * z,
            0.546274 * (x * x - y * y),
        ],
        -1,
    ).astype(np.float32)


def sky_directions(rows: int, columns: int) -> tuple[Floats, Floats]:
    """Directions and solid angles of the cells of an equirectangular map (row 0 straight up, centre +z).

    Returns:
        directions (rows, columns, 3) and solid angles (rows, columns).
    """
    polar = (np.arange(rows) + 0.5) / rows * np.pi
    turn = ((np.arange(columns) + 0.5) / columns - 0.5) * 2 * np.pi
    polar, turn = np.meshgrid(polar, turn, indexing="ij")
    directions = np.stack([-np.sin(polar) * np.sin(turn), np.cos(polar), np.sin(polar) * np.cos(turn)], -1)
    solid = np.sin(polar) * (np.pi / rows) * (2 * np.pi / columns)
    return directions.astype(np.float32), solid.astype(np.float32)


def _project(radiance: Floats, *, turn: Floats) -> tuple[Floats, Floats, Floats]:
    """Split a map into harmonics and one key light, both turned into the camera."""
    directions, solid = sky_directions(*radiance.shape[:2])
    directions = directions @ turn.T
    capped = np.minimum(radiance, _CELL_LIMIT)
    weighted = capped * solid[..., None]
    harmonics = np.einsum("rck,rcj->kj", harmonics_of(directions), weighted) * _LOBE[:, None]
    excess = (radiance - capped) * solid[..., None]
    strength = excess.sum(-1)
    centre = (directions * strength[..., None]).sum((0, 1))
    length = float(np.linalg.norm(centre))
    key = centre / length if length > 1e-6 else np.array([0.0, 1.0, 0.0])
    return (
        harmonics.astype(np.float32),
        key.astype(np.float32),
        (excess.sum((0, 1)) / np.pi).astype(np.float32),
    )


def sample_light(rng: Generator, *, radiance: Floats, tilt: NDArray[np.float64]) -> Light:
    """Draw the light of one view.

    Photographs have one strong key, deep shadows and dark surroundings more often than a panorama alone
    gives; without them a network trained on renders reads shadowed faces badly.

    Args:
        rng: source of chance.
        radiance: (R, C, 3) linear radiance of a panorama.
        tilt: camera axes <- level axes, (3, 3); the panorama is also turned about the vertical at random.
    """
    around = rng.uniform(0, 2 * np.pi)
    yaw = np.array([[np.cos(around), 0, np.sin(around)], [0, 1, 0], [-np.sin(around), 0, np.cos(around)]])
    harmonics, direction, colour = _project(radiance, turn=np.asarray(tilt @ yaw, np.float32))
    colour = np.minimum(colour, 12.0 * harmonics[0].mean() + 0.5).astype(np.float32)
    kind = rng.random()
    infrared = rng.random() < 0.07
    pupil = 0.0
    if infrared or kind < 0.14:  # a lamp or flash near the camera
        direction, colour = _lamp(rng, spread=0.25, harmonics=harmonics, strength=rng.uniform(1.0, 4.0))
        harmonics = harmonics * np.float32(rng.uniform(0.05, 0.5))
        if infrared and rng.random() < 0.4:
            pupil = float(rng.uniform(0.2, 1.0))
    elif kind < 0.46:  # one strong key from anywhere in front or from the side
        direction, colour = _lamp(rng, spread=1.1, harmonics=harmonics, strength=rng.uniform(0.8, 4.0))
        harmonics = harmonics * np.float32(rng.uniform(0.1, 0.9))
    elif kind < 0.60:  # one hard lamp from the side, hardly anything else: half of the face is black
        direction, colour = _lamp(rng, spread=2.0, harmonics=harmonics, strength=rng.uniform(2.0, 5.0))
        harmonics = harmonics * np.float32(rng.uniform(0.01, 0.15))
    balance = _white_balance(harmonics=harmonics, direction=direction, colour=colour)
    balance = balance ** rng.beta(3, 1.2) * np.exp(rng.normal(0, [0.06, 0.02, 0.08]))
    harmonics, colour = harmonics * balance.astype(np.float32), colour * balance.astype(np.float32)
    colour = colour * np.exp(rng.normal(0, 0.06, 3)).astype(np.float32)
    return Light(
        harmonics=np.asarray(harmonics, np.float32),
        key_direction=np.asarray(direction, np.float32),
        key_colour=np.asarray(colour, np.float32),
        exposure=_exposure(rng, harmonics=harmonics, direction=direction, colour=colour),
        infrared=bool(infrared),
        pupil=pupil,
    )


def _lamp(rng: Generator, *, spread: float, harmonics: Floats, strength: float) -> tuple[Floats, Floats]:
    offset = rng.normal(0, spread, 2)
    direction = np.array([offset[0], offset[1] + 0.35, 1.0])
    warmth = np.exp(rng.normal(0, 0.12))
    colour = harmonics[0].mean() * 0.28 * strength * np.array([warmth, 1.0, 1 / warmth]) * 3.0
    return (direction / np.linalg.norm(direction)).astype(np.float32), colour.astype(np.float32)


# Where surfaces that a camera sees point.
_SEEN = np.array([[0, 0, 1], [0.7, 0, 0.7], [-0.7, 0, 0.7], [0, 0.7, 0.7], [0, -0.7, 0.7]], np.float32)


def _arriving(*, harmonics: Floats, direction: Floats, colour: Floats) -> Floats:
    """Mean light on the side that the camera sees, (3,)."""
    ambient = np.maximum(harmonics_of(_SEEN) @ harmonics, 0).mean(0)
    key = (np.maximum(_SEEN @ direction, 0)[:, None] * colour).mean(0)
    return np.asarray(ambient + key, np.float32)


def _white_balance(*, harmonics: Floats, direction: Floats, colour: Floats) -> Floats:
    """Gains, (3,), that make the light on the head grey, as cameras do, at the same brightness."""
    light = np.maximum(_arriving(harmonics=harmonics, direction=direction, colour=colour), 1e-4)
    return np.asarray(light.mean() / light, np.float32)


def _exposure(rng: Generator, *, harmonics: Floats, direction: Floats, colour: Floats) -> float:
    """Expose for the light that reaches the side the camera sees, with a photographer's scatter."""
    light = float(_arriving(harmonics=harmonics, direction=direction, colour=colour).mean())
    return float(1.15 / max(light, 1e-3) * np.exp(rng.normal(0, 0.33)))
