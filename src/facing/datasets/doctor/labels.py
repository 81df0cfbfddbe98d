"""Rotations as they are written: missing, broken, out of range, constant, copied, in radians."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from facing.datasets.doctor.finding import Finding
from facing.geometry.rotation import euler_from_rotation, geodesic_deg

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from facing.datasets.sample import Angle, Reader, Sample

MOST_DEG = 99.0
"""The benchmarks' own limit since Hopenet."""
GIMBAL_DEG = 5.0  # this near yaw 90 pitch and roll run together
FEW, SHARE = 20, 0.05
"""A distribution is judged from 20 heads on; what fewer than 5 % of the heads have is an outlier."""


class Labels(NamedTuple):
    """The usable rotations of a set, one row per head."""

    keys: tuple[str, ...]
    rotations: NDArray[np.float64]
    """(N, 3, 3)."""
    angles: NDArray[np.float64]
    """(N, 3): yaw, pitch, roll in degrees; nan where the set does not state the angle."""


def proper(rotation: NDArray[np.floating]) -> bool:
    """Whether a matrix is a rotation, within what six written digits allow."""
    given = np.asarray(rotation, dtype=np.float64)
    if given.shape != (3, 3) or not np.isfinite(given).all():
        return False
    return bool(np.abs(given @ given.T - np.eye(3)).max() < 1e-3 and np.linalg.det(given) > 0)


def usable_labels(samples: Sequence[Sample]) -> Labels:
    """Gather the heads whose rotation is one."""
    rows = [
        (sample.key, head.rotation, head.known)
        for sample in samples
        for head in sample.heads
        if head.rotation is not None and proper(head.rotation)
    ]
    rotations = np.array([rotation for _, rotation, _ in rows], dtype=np.float64).reshape(-1, 3, 3)
    angles = np.stack(euler_from_rotation(rotations), axis=-1)
    stated = np.array(
        [[name in known for name in ("yaw", "pitch", "roll")] for *_, known in rows], dtype=bool
    )
    return Labels(tuple(key for key, *_ in rows), rotations, np.where(stated.reshape(-1, 3), angles, np.nan))


def label_findings(
    samples: Sequence[Sample], *, reader: Reader, most_deg: float = MOST_DEG
) -> Iterator[Finding]:
    """Check all rotations of a set.

    Args:
        samples: of the set.
        reader: of the set.
        most_deg: angles over it are reported.
    """
    yield from _broken(samples, reader=reader)
    labels = usable_labels(samples)
    if not len(labels.keys):
        return
    radians = _in_radians(labels)
    if radians is not None:
        yield radians
    else:
        yield from _constant(labels)
    yield from _out_of_range(labels, most_deg=most_deg)
    yield from _copied(labels)


def _broken(samples: Sequence[Sample], *, reader: Reader) -> Iterator[Finding]:
    without, bare, wrong = [], [], []
    for sample in samples:
        if not sample.heads:
            bare.append(sample.key)
        rotations = [head.rotation for head in sample.heads]
        if reader.known and any(rotation is None for rotation in rotations):
            without.append(sample.key)
        if any(rotation is not None and not proper(rotation) for rotation in rotations):
            wrong.append(sample.key)
    if without:
        severe = len(without) == sum(bool(sample.heads) for sample in samples)
        yield Finding(
            "no-rotation",
            "fault" if severe else "warning",
            f"{len(without)} pictures have a head without a rotation; the set states {_and(reader.known)}",
            "check that the label columns are the right ones; training on pose leaves these heads out",
            tuple(without),
        )
    if wrong:
        yield Finding(
            "no-proper-rotation",
            "fault",
            f"{len(wrong)} pictures have a rotation that is none: not finite, scaled, sheared or mirrored",
            "check how the matrix is read (scale, row order, handedness), or leave these pictures out",
            tuple(wrong),
        )
    if bare and (reader.known or reader.classes):
        yield Finding(
            "no-head",
            "note",
            f"{len(bare)} pictures have no labelled head",
            "they serve a detector only",
            tuple(bare),
        )


def _in_radians(labels: Labels) -> Finding | None:
    largest = np.nanmax(np.abs(labels.angles), initial=0.0)
    if len(labels.keys) < FEW or not 0 < largest < 3.2 or np.nanstd(labels.angles) < 1e-3:
        return None
    return Finding(
        "radians",
        "fault",
        f"no angle of {len(labels.keys)} heads is larger than {largest:.2f} degrees: these are radians",
        "multiply the angles by 180 / pi before they become a rotation",
        figures={"largest": float(largest)},
    )


def _constant(labels: Labels) -> Iterator[Finding]:
    if len(labels.keys) < FEW:
        return
    names: tuple[Angle, ...] = ("yaw", "pitch", "roll")
    still = [
        name
        for name, values in zip(names, labels.angles.T, strict=True)
        if np.isfinite(values).sum() >= FEW and np.nanstd(values) < 1e-3
    ]
    if still and len(still) < np.isfinite(labels.angles).any(0).sum():  # else the whole rotation is one
        yield Finding(
            "constant-angle",
            "fault",
            f"{_and(still)} never changes over {len(labels.keys)} heads, though the set is said to state it",
            "check which column it is read from; an angle that is not measured is not to be listed as known",
            figures={"angles": still},
        )


def _out_of_range(labels: Labels, *, most_deg: float) -> Iterator[Finding]:
    far = np.nanmax(np.abs(labels.angles), axis=1, initial=0.0) > most_deg
    if far.any():
        keys = _keys(labels, far)
        few = far.mean() < SHARE
        yield Finding(
            "over-range",
            "warning" if few else "note",
            f"{far.sum()} of {len(far)} heads with an angle over {most_deg:g} degrees",
            "so few are fits that ran away more often than heads from behind: look at them, or leave them out"
            if few
            else "a network with bins of the usual range cannot learn them, and benchmarks leave them out",
            keys,
        )
    locked = np.abs(np.abs(labels.angles[:, 0]) - 90) < GIMBAL_DEG
    if locked.any():
        yield Finding(
            "gimbal",
            "note",
            f"{locked.sum()} of {len(locked)} heads within {GIMBAL_DEG:g} degrees of yaw 90, "
            "where pitch and roll are one turn",
            "compare these by the geodesic error, not angle by angle",
            _keys(labels, locked),
        )


def _copied(labels: Labels) -> Iterator[Finding]:
    """Equal rotations: a grid of stated poses is fine, one row copied over many pictures is not."""
    rows = [rotation.round(6).tobytes() for rotation in labels.rotations + 0.0]  # -0 becomes 0
    counts = Counter(rows)
    if len(rows) < FEW:
        return
    if len(counts) == 1:
        yield Finding(
            "one-rotation",
            "fault",
            f"all {len(rows)} heads have one and the same rotation",
            "check how the labels are read",
        )
        return
    if len(counts) < 0.45 * len(rows):  # a set in which all is there twice has a half
        yield Finding(
            "grid",
            "note",
            f"{len(rows)} heads share {len(counts)} poses: the labels are steps, not measurements",
            "expect errors of half a step at least",
        )
        return
    copies = np.array([counts[row] > 1 for row in rows])
    zero = np.asarray(geodesic_deg(labels.rotations, np.eye(3))) < 1e-3
    if zero.sum() >= max(3, 0.01 * len(rows)):
        yield Finding(
            "zero-label",
            "warning",
            f"{zero.sum()} of {len(rows)} heads with angles of exactly 0",
            "0 often stands for no label: look at them",
            _keys(labels, zero),
        )
        copies &= ~zero
    if copies.any():
        yield Finding(
            "copied-label",
            "warning",
            f"{copies.sum()} of {len(rows)} heads share their exact rotation with another head",
            "measured poses never repeat to the last digit: look whether labels were copied over",
            _keys(labels, copies),
        )


def _keys(labels: Labels, chosen: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for key, take in zip(labels.keys, chosen, strict=True) if take))


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
