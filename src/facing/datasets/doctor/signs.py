"""Signs and axes: does another reading of the labels fit the pictures better than the stated one?

The estimates of our own network are compared with the labels as they are, with angles of opposite sign,
with names of angles swapped, transposed, in radians, and turned by a constant. Its errors (about 10
degrees) are far smaller than what a wrong reading costs on turned heads.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from facing.datasets.doctor.finding import Finding
from facing.datasets.doctor.labels import proper
from facing.datasets.sample import ANGLES
from facing.geometry.rotation import (
    euler_from_rotation,
    geodesic_deg,
    nearest_rotation,
    rotation_from_euler,
    wrap_deg,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from facing.datasets.doctor.witness import Witness

    Rotations = NDArray[np.float64]

LEAST = 12
"""Pictures below which nothing is said about signs."""
LEFT_OVER, LEAST_GAIN_DEG, LEAST_BETTER = 0.65, 4.0, 0.6
"""Another reading counts where it leaves less than this share of the error, saves this many degrees and
is nearer on this share of the pictures."""
OPPOSED, UNRELATED = -0.6, 0.15  # correlations
ENOUGH = 30  # pictures from which a missing correlation is no chance
STEADY_DEG = 75.0  # of yaw: nearer to the lock and behind it pitch and roll jump
SPREAD_DEG = 10.0  # labels that vary less cannot be expected to correlate
WIDE_DEG = 35.0  # mean error at which labels and pictures have little to do with each other
CONSTANT_DEG = 25.0  # turns that a difference of zero poses between sets does not reach


class Reading(NamedTuple):
    """One way of reading the labels."""

    words: str
    effort: int
    """How much it takes for the labels to be wrong this way; of equal readings the simplest wins."""
    rotations: Rotations
    """(N, 3, 3)."""


def sign_findings(witnesses: Sequence[Witness]) -> Iterator[Finding]:
    """Compare labels and estimates.

    Args:
        witnesses: pictures the networks have looked at.
    """
    yield from _sides(witnesses)
    usable = [
        (one.head.rotation, one.rotation, one.head.known)
        for one in witnesses
        if one.rotation is not None and one.head.rotation is not None and proper(one.head.rotation)
    ]
    known = tuple(name for name in ANGLES if all(name in stated for *_, stated in usable))
    if len(usable) < LEAST or not known:
        return
    labelled = np.array([label for label, *_ in usable], dtype=np.float64)
    estimated = np.array([estimate for _, estimate, _ in usable], dtype=np.float64)
    stated = errors(labelled, estimated, known=known)
    figures = {
        "pictures": len(usable),
        "error_deg": round(float(stated.mean()), 2),
        "correlation": correlations(labelled, estimated, known=known),
    }
    better = best_reading(labelled, estimated, known=known)
    if better is not None:
        after = float(errors(better.rotations, estimated, known=known).mean())
        yield Finding(
            "sign",
            "fault",
            f"{better.words}: error {stated.mean():.0f} -> {after:.0f} degrees on {len(usable)} pictures "
            f"({_told(figures['correlation'])})",
            "mend how the labels are read, then check again; draw some to be sure: facing datasets draw",
            figures={**figures, "reading": better.words, "error_after_deg": round(after, 2)},
        )
        return
    yield from _per_angle(labelled, estimated, known=known)
    wide = stated.mean() > WIDE_DEG
    yield Finding(
        "agreement",
        "warning" if wide else "note",
        f"labels and our network differ by {stated.mean():.1f} degrees on {len(usable)} pictures, and no "
        f"other reading of signs and axes fits better ({_told(figures['correlation'])})",
        "so large a difference says that labels, boxes and pictures do not belong together: draw some"
        if wide
        else "",
        figures=figures,
    )


def errors(labelled: Rotations, estimated: Rotations, *, known: Sequence[str]) -> NDArray[np.float64]:
    """Measure label against estimate: geodesic, or the mean over the known angles where one is missing.

    Returns:
        (N,), degrees.
    """
    if len(known) == 3:
        return np.asarray(geodesic_deg(labelled, estimated))
    apart = np.abs(wrap_deg(_angles(labelled, known) - _angles(estimated, known)))
    return np.asarray(apart.mean(1))


def correlations(
    labelled: Rotations, estimated: Rotations, *, known: Sequence[str]
) -> dict[str, float | None]:
    """Correlate label and estimate angle by angle (Pearson), within 75 degrees of yaw where there are enough.

    Returns:
        None for an angle that hardly varies.
    """
    a, b = _angles(labelled, known), _angles(estimated, known)
    if "yaw" in known and len(known) > 1:
        yaw = known.index("yaw")
        steady = (np.abs(a[:, yaw]) < STEADY_DEG) & (np.abs(b[:, yaw]) < STEADY_DEG)
        if steady.sum() >= LEAST:
            a, b = a[steady], b[steady]
    return {
        name: round(float(np.corrcoef(one, other)[0, 1]), 2) if min(np.std(one), np.std(other)) > 1 else None
        for name, one, other in zip(known, a.T, b.T, strict=True)
    }


def best_reading(labelled: Rotations, estimated: Rotations, *, known: Sequence[str]) -> Reading | None:
    """Find the reading that explains the labels much better than the stated one, the simplest of such.

    Returns:
        None where the stated reading stands.
    """
    stated = errors(labelled, estimated, known=known)
    ranked = []
    for reading in readings(labelled, estimated, known=known):
        own = errors(reading.rotations, estimated, known=known)
        ranked.append((float(own.mean()), float((own < stated).mean()), reading))
    least = min(error for error, *_ in ranked)
    near = [entry for entry in ranked if entry[0] <= 1.1 * least + 1]
    error, nearer, reading = min(near, key=lambda entry: (entry[2].effort, entry[0]))
    good = (
        error < LEFT_OVER * stated.mean()
        and stated.mean() - error > LEAST_GAIN_DEG
        and nearer >= LEAST_BETTER
    )
    return reading if good else None


def readings(labelled: Rotations, estimated: Rotations, *, known: Sequence[str]) -> Iterator[Reading]:
    """List the ways in which labels are known to be misread.

    Args:
        labelled: (N, 3, 3).
        estimated: (N, 3, 3), from which constant turns are fitted.
        known: names of the angles that are stated.
    """
    bases = [("", 0, labelled)]
    if len(known) == 3:
        bases.append(("the rotation is transposed (camera -> head)", 1, np.swapaxes(labelled, -1, -2)))
    for words, effort, rotations in bases:
        angles = _angles(rotations, known)
        for order in itertools.permutations(range(len(known))):
            for signs in itertools.product((1.0, -1.0), repeat=len(known)):
                told = [part for part in (words, _swapped(order, known), _flipped(signs, known)) if part]
                moved = sum(place != index for place, index in enumerate(order))
                work = effort + moved + sum(sign < 0 for sign in signs)
                if work:
                    turned = _rotations(angles[:, order] * signs, known)
                    yield Reading(", and ".join(told), work, turned)
    yield Reading("angles are in radians", 1, _rotations(np.degrees(_angles(labelled, known)), known))
    if len(known) == 3:
        yield from _constant_turns(labelled, estimated)


def _constant_turns(labelled: Rotations, estimated: Rotations) -> Iterator[Reading]:
    head = nearest_rotation((np.swapaxes(labelled, -1, -2) @ estimated).sum(0))
    camera = nearest_rotation((estimated @ np.swapaxes(labelled, -1, -2)).sum(0))
    for turn, rotations, words in (
        (head, labelled @ head, "the head's zero pose is turned by a constant"),
        (camera, camera @ labelled, "the camera (or the picture) is turned by a constant"),
    ):
        angles = euler_from_rotation(turn)
        if geodesic_deg(turn, np.eye(3)) > CONSTANT_DEG:
            told = ", ".join(f"{name} {getattr(angles, name):.0f}" for name in ANGLES)
            yield Reading(f"{words} ({told})", 3, np.asarray(rotations))


def _per_angle(labelled: Rotations, estimated: Rotations, *, known: Sequence[str]) -> Iterator[Finding]:
    """Judge each angle alone: where it varies little a wrong sign hardly moves the error."""
    spread = _angles(labelled, known).std(0)
    for (name, value), degrees in zip(
        correlations(labelled, estimated, known=known).items(), spread, strict=True
    ):
        if value is not None and value < OPPOSED:
            yield Finding(
                "sign",
                "fault",
                f"{name} runs against the pictures (correlation {value:.2f} on {len(labelled)})",
                f"{name} carries the opposite sign: mend how it is read",
                figures={"angle": name, "correlation": value},
            )
        elif value is not None and value < UNRELATED and degrees > SPREAD_DEG and len(labelled) >= ENOUGH:
            yield Finding(
                "unrelated-angle",
                "warning",
                f"{name} has nothing to do with the pictures (correlation {value:.2f} on {len(labelled)})",
                "check which column it is read from; draw some to be sure: facing datasets draw",
                figures={"angle": name, "correlation": value},
            )


def _sides(witnesses: Sequence[Witness]) -> Iterator[Finding]:
    """Compare the classes left and right with the side to which the network sees the head turned."""
    told = [
        (one.head.label == "left", float(euler_from_rotation(one.rotation).yaw) > 0)
        for one in witnesses
        if one.rotation is not None and one.head.rotation is None and one.head.label in {"left", "right"}
    ]
    if len(told) < LEAST:
        return
    right = float(np.mean([label == seen for label, seen in told]))
    if right < 1 - LEAST_BETTER:
        yield Finding(
            "sign",
            "fault",
            f"left and right are swapped: {right:.0%} of {len(told)} turned heads face the labelled side",
            "ours are the viewer's left and right; many sets mean the person's own",
            figures={"pictures": len(told), "agree": right},
        )
    else:
        yield Finding(
            "agreement",
            "note" if right > LEAST_BETTER else "warning",
            f"{right:.0%} of {len(told)} heads labelled left or right face that side for our network",
            figures={"pictures": len(told), "agree": right},
        )


def _angles(rotations: Rotations, known: Sequence[str]) -> NDArray[np.float64]:
    angles = euler_from_rotation(rotations)
    return np.stack([np.asarray(getattr(angles, name), dtype=np.float64) for name in known], axis=-1)


def _rotations(angles: NDArray[np.float64], known: Sequence[str]) -> Rotations:
    by_name: dict[str, NDArray[np.float64]] = {name: np.zeros(len(angles)) for name in ANGLES}
    by_name.update(zip(known, angles.T, strict=True))
    turn = rotation_from_euler(yaw=by_name["yaw"], pitch=by_name["pitch"], roll=by_name["roll"])
    return np.asarray(turn, dtype=np.float64)


def _swapped(order: Sequence[int], known: Sequence[str]) -> str:
    moved = [(name, known[index]) for name, index in zip(known, order, strict=True) if name != known[index]]
    if len(moved) == 2:
        return f"{moved[0][0]} and {moved[1][0]} are swapped"
    return ", ".join(f"{name} stands in the place of {place}" for name, place in moved)


def _flipped(signs: Sequence[float], known: Sequence[str]) -> str:
    names = [name for name, sign in zip(known, signs, strict=True) if sign < 0]
    if not names:
        return ""
    return f"{' and '.join(names)} {'carries' if len(names) == 1 else 'carry'} the opposite sign"


def _told(correlation: object) -> str:
    assert isinstance(correlation, dict)
    parts = [
        f"{name} {'-' if value is None else format(value, '.2f')}" for name, value in correlation.items()
    ]
    return "correlation " + ", ".join(parts)
