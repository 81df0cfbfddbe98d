"""How people wear their hair: kinds, lengths and curls, drawn by sex, age and hair type."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator


@dataclass(frozen=True, slots=True)
class Hairdo:
    """How hair grows; lengths in dm of an adult."""

    kind: str
    height: float  # of the cap over the skull
    top: float  # how much more of it on top
    lumps: float  # unevenness of the cap, share of its height
    length: float  # of the locks, 0 grows none
    locks: float  # share of all locks that grow
    width: float  # of a lock
    lift: float  # 0 lies flat, 1 stands up
    gravity: float  # per joint
    comb: tuple[float, float, float]  # direction added to the way from the whorl
    curl: float  # radius of the spiral
    turns: float  # of the spiral along a lock
    curliness: float  # of the drawn strands, 0..1
    whorl: tuple[float, float]  # x and z against the middle of the skull
    front: float = 0.0  # dm of hairline lost at the forehead
    bald: float = 0.0  # dm of hairline lost on the top
    scatter: float = 0.1  # of directions
    hug: float = 0.8  # how close hair keeps to the skull, 0..1
    sides: float = 1.0  # share of the locks that grow beside and behind the top
    shortest: float = 0.4  # length of the shortest strand of a lock, share of the longest
    drape: float = 0.0  # how much hair of the front is drawn to the sides, 0 leaves a fringe
    tail: float = 0.0  # length of a tail, 0 has none
    tail_height: float = 0.0  # where it is tied, against the middle of the skull


# Odds of women and of men.
_STYLES = {
    "crop": (0.03, 0.24),
    "short": (0.10, 0.34),
    "spiky": (0.01, 0.06),
    "curly": (0.10, 0.12),
    "afro": (0.05, 0.05),
    "medium": (0.22, 0.06),
    "long": (0.26, 0.03),
    "wild": (0.05, 0.03),
    "tied": (0.16, 0.02),
}
# The same for tight curls, of both.
_KINKY = {"crop": 0.32, "afro": 0.24, "curly": 0.24, "short": 0.04, "tied": 0.10, "wild": 0.06}


def sample_hairdo(rng: Generator, *, female: bool, years: float, kinky: float) -> Hairdo:
    """Draw a hairdo.

    Args:
        rng: source of chance.
        female: long hair is commoner then, lost hair rarer.
        years: age.
        kinky: chance that hair grows in tight curls.
    """
    tight = bool(rng.random() < kinky)
    odds = np.array([pair[0 if female else 1] for pair in _STYLES.values()])
    if tight:
        odds = np.array([_KINKY.get(kind, 0.0) for kind in _STYLES]) * (odds + 0.15)
    kind = str(rng.choice(list(_STYLES), p=odds / odds.sum()))
    u = rng.random(16)  # one draw for all: a trait more does not move the others
    wave = 1.0 if tight else float(rng.beta(0.7, 1.6))
    part = float(rng.choice([-0.35, 0.0, 0.35])) + rng.normal(0, 0.08)
    lost = 0.0
    if not female and years > 24:
        lost = float(np.interp(years, [24, 45, 75], [0.15, 0.5, 0.75]) * rng.random() ** 1.5)
    comb = tuple(float(c) for c in rng.normal(0, [0.7, 0.3, 0.7]))
    base = Hairdo(
        kind=kind,
        height=0.03 + 0.07 * u[0],
        top=0.6 * u[1],
        lumps=0.2 + 0.4 * u[2],
        length=0.25 + 0.35 * u[3],
        locks=0.75,
        width=0.13 + 0.07 * u[4],
        lift=0.16 * u[5] ** 2,
        gravity=0.35,
        comb=(comb[0], comb[1], comb[2]),
        curl=0.05 * wave,
        turns=0.7 + 1.8 * u[6],
        curliness=0.8 if tight else 0.5 * wave,
        whorl=(part, -0.35 + 0.1 * u[7]),
        front=0.25 * lost + 0.14 * (u[8] - 0.75),
        bald=1.5 * max(0.0, lost - 0.25),
        scatter=0.04 + 0.12 * u[9] ** 2,
    )
    changes: dict[str, dict[str, Any]] = {
        "crop": {"height": 0.012 + 0.03 * u[0], "length": 0.0, "top": 0.8 * u[1]},
        "short": {
            "sides": 0.25 * u[15],
            "length": 0.2 + 0.35 * u[3],
            "height": 0.06 + 0.10 * u[0],
            "top": 0.5 + 1.2 * u[1],
        },
        "spiky": {"hug": 0.0, "sides": 0.2, "lift": 0.6, "top": 1.0 + u[1], "scatter": 0.2, "gravity": 0.0},
        "curly": {
            "hug": 0.4,
            "height": 0.10 + 0.18 * u[0],
            "lumps": 0.6 + 0.4 * u[2],
            "curl": 0.05 + 0.05 * u[10],
            "curliness": 0.7 + 0.3 * u[11],
            "length": 0.3 + 0.5 * u[3],
            "width": 0.10 + 0.08 * u[4],
            "lift": 0.2,
            "scatter": 0.25,
        },
        "afro": {
            "hug": 0.0,
            "height": 0.2 + 0.5 * u[0],
            "lumps": 0.35 * u[2],
            "curliness": 1.0,
            "curl": 0.05,
            "length": 0.12 + 0.15 * u[3],
            "lift": 0.8,
            "gravity": 0.0,
            "scatter": 0.5,
            "locks": 0.9,
        },
        "medium": {
            "height": 0.07 + 0.10 * u[0],
            "length": 1.0 + 0.8 * u[3],
            "shortest": 0.8,
            "drape": 1.0 if u[14] < 0.8 else 0.15,
            "locks": 0.9,
            "width": 0.28 + 0.1 * u[4],
            "lift": 0.12,
            "gravity": 0.5,
        },
        "long": {
            "height": 0.06 + 0.10 * u[0],
            "length": 1.9 + 1.8 * u[3],
            "shortest": 0.75,
            "drape": 1.0 if u[14] < 0.85 else 0.15,
            "locks": 0.85,
            "width": 0.32 + 0.12 * u[4],
            "lift": 0.1,
            "gravity": 0.5,
            "curl": 0.10 * wave,
        },
        "wild": {
            "hug": 0.3 * u[15],
            "height": 0.15 + 0.25 * u[0],
            "length": 0.7 + 1.2 * u[3],
            "drape": 0.8 * u[14],
            "locks": 1.0,
            "width": 0.22,
            "lift": 0.35,
            "gravity": 0.35,
            "curl": 0.06 + 0.10 * u[10],
            "turns": 1 + 1.6 * u[6],
            "curliness": 0.4 + 0.5 * u[11],
            "scatter": 0.3,
        },
        "tied": {
            "height": 0.03 + 0.05 * u[0],
            "top": 0.3 * u[1],
            "locks": 0.3,
            "length": 0.3,
            "shortest": 0.6,
            "sides": 0.3,
            "lift": 0.05,
            "tail": 0.5 + 2.2 * u[12],
            "tail_height": -0.3 + 1.1 * u[13],
            "whorl": (0.0, -1.2),
        },
    }
    return replace(base, **changes[kind])
