"""Landmarks: points that stand for "not visible", points outside the picture, points of another pose."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.datasets.doctor.finding import Finding, counted
from facing.datasets.doctor.labels import proper
from facing.datasets.head_box import head_points
from facing.geometry.rotation import geodesic_deg

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    from facing.datasets.doctor.survey import Seen
    from facing.datasets.sample import LabelledHead

MOST_APART_DEG = 25.0
"""Fitted and labelled pose are 5 degrees apart at the median of 160 AFLW2000 heads and 11 at most; contours
that are drawn along the visible edge of a turned face give some more. From here on they are two poses."""
SAME_DEG = 10.0  # labels further apart than this cannot belong to the very same points
OUTSIDE = 0.25  # share of the points that must lie outside the picture before it is worth a word


def valid_points(points: ArrayLike) -> NDArray[np.float64]:
    """Take the points that are ones: finite, and not -1, the usual word for "not visible".

    Args:
        points: (J, 2 or more), pixels.

    Returns:
        (K, 2), K <= J.
    """
    flat = np.asarray(points, dtype=np.float64)[:, :2]
    return np.asarray(flat[_valid(flat)])


def rotation_from_landmarks(points: ArrayLike) -> NDArray[np.float64]:
    """Read the pose off 68 landmarks without depth, by a scaled parallel projection of a neutral head.

    Args:
        points: (68, 2), iBUG order: x right, y down, pixels.

    Returns:
        (3, 3), head -> camera; the affine camera of least squares made a scaled rotation by the polar
        decomposition of its two rows.
    """
    found = np.asarray(points, dtype=np.float64) * (1, -1)
    affine = (_affine_from_points() @ (found - found.mean(0))).T
    left, _, right = np.linalg.svd(affine, full_matrices=False)
    rows = left @ right
    return np.concatenate([rows, np.cross(rows[0], rows[1])[None]])


def stale_landmarks(head: LabelledHead) -> float | None:
    """Measure how far the pose that 68 landmarks show is from the labelled one, degrees.

    Returns:
        The largest over the head's landmark lists; None where there is nothing to compare.
    """
    if head.rotation is None or len(head.known) < 3 or not proper(head.rotation):
        return None
    apart = []
    for points in head.landmarks.values():
        flat = np.asarray(points, dtype=np.float64)
        if len(flat) == 68 and _valid(flat[:, :2]).all() and np.ptp(flat[:, :2], axis=0).max() > 0:
            apart.append(float(geodesic_deg(rotation_from_landmarks(flat[:, :2]), head.rotation)))
    return max(apart, default=None)


def landmark_findings(seen: Sequence[Seen]) -> Iterator[Finding]:
    """Check the landmarks of all heads."""
    for name in dict.fromkeys(name for _, _, marks in _all(seen) for name in marks):
        yield from _invalid(seen, name=name)
        yield from _outside(seen, name=name)
        yield from _repeated(seen, name=name)
    yield from _stale(seen)


def _invalid(seen: Sequence[Seen], *, name: str) -> Iterator[Finding]:
    keys: list[str] = []
    points = 0
    for one, _, marks in _all(seen):
        if name in marks:
            wrong = int((~_valid(np.asarray(marks[name], dtype=np.float64)[:, :2])).sum())
            points += wrong
            keys += [one.sample.key] if wrong else []
    if keys:
        yield Finding(
            "invalid-landmark",
            "warning",
            f"{name}: {counted(points, 'point')} of {counted(len(keys), 'head')} not visible (-1 or nan)",
            "leave them out before a box is made of the points: they pull it to the corner of the picture",
            tuple(dict.fromkeys(keys)),
            {"landmarks": name, "points": points},
        )


def _outside(seen: Sequence[Seen], *, name: str) -> Iterator[Finding]:
    keys = []
    for one, _, marks in _all(seen):
        if name not in marks or one.size is None:
            continue
        points = valid_points(marks[name])
        inside = ((points >= 0) & (points <= one.size)).all(1)
        if len(points) and 1 - inside.mean() > OUTSIDE:
            keys.append(one.sample.key)
    if keys:
        yield Finding(
            "landmark-outside",
            "warning",
            f"{name}: {counted(len(keys), 'head')} with over a quarter of the points outside the picture",
            "look at them: cut pictures are fine, points of another picture or another scale are not",
            tuple(dict.fromkeys(keys)),
            {"landmarks": name},
        )


def _repeated(seen: Sequence[Seen], *, name: str) -> Iterator[Finding]:
    """Find the very same points on heads of different poses."""
    groups: dict[bytes, list[tuple[str, NDArray[np.floating[Any]]]]] = {}
    for one, head, marks in _all(seen):
        if name in marks and head.rotation is not None and proper(head.rotation):
            points = np.asarray(marks[name], dtype=np.float64)
            if _valid(points[:, :2]).any():
                groups.setdefault(points.round(3).tobytes(), []).append((one.sample.key, head.rotation))
    keys: list[str] = []
    for group in groups.values():
        rotations = np.array([rotation for _, rotation in group])
        if len(group) > 1 and np.max(geodesic_deg(rotations, rotations[0])) > SAME_DEG:
            keys += [key for key, _ in group]
    if keys:
        yield Finding(
            "repeated-landmarks",
            "fault",
            f"{name}: {len(keys)} heads have the very same points as another head of another pose",
            "they are the points of the photograph before it was turned: make no box and no crop from them",
            tuple(dict.fromkeys(keys)),
            {"landmarks": name},
        )


def _stale(seen: Sequence[Seen]) -> Iterator[Finding]:
    apart = [(one.sample.key, stale_landmarks(head)) for one, head, _ in _all(seen)]
    compared = [(key, degrees) for key, degrees in apart if degrees is not None]
    keys = [key for key, degrees in compared if degrees > MOST_APART_DEG]
    if not keys:
        return
    middle = float(np.median([degrees for _, degrees in compared]))
    # Where only a few disagree, single fits went wrong; where many do, the points are of another picture.
    many = len(keys) > 0.05 * len(compared)
    yield Finding(
        "stale-landmarks",
        "fault" if many else "warning",
        f"{len(keys)} of {len(compared)} heads have landmarks that show a pose more than "
        f"{MOST_APART_DEG:g} degrees from the label (median over all {middle:.0f})",
        "points and label are not of one picture (300W-LP keeps the points from before the turn): make no "
        "box and no crop from these points"
        if many
        else "single fits that went wrong, of the label or of the points: look at them, or leave them out",
        tuple(dict.fromkeys(keys)),
        {"compared": len(compared), "median_deg": round(middle, 1)},
    )


@cache
def _affine_from_points() -> NDArray[np.float64]:
    """(3, 68), gives the affine camera of least squares from 68 points about their mean."""
    model = head_points().landmarks - head_points().landmarks.mean(0)
    return np.linalg.pinv(model)


def _all(seen: Sequence[Seen]) -> Iterator[tuple[Seen, LabelledHead, Any]]:
    for one in seen:
        for head in one.sample.heads:
            if head.landmarks:
                yield one, head, head.landmarks


def _valid(flat: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(flat).all(1) & ~(flat == -1).any(1))
