"""How far estimated head poses are from labels: numpy only, degrees everywhere.

Rotations are head -> camera, (N, 3, 3). Angles are compared as 300W-LP triples, differences wrapped by
360 and by nothing else: scripts that also forgive 180 hide gross errors.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from facing.geometry.boxes import overlap
from facing.geometry.rotation import (
    euler_from_rotation,
    front_from_rotation,
    geodesic_deg,
    nearest_rotation,
    wrap_deg,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Float = NDArray[np.float64]

YAW_EDGES = (0.0, 30.0, 60.0, 100.0, 180.0)
"""Ranges of |yaw|: front, half profile, profile (the benchmark's 99 included), from behind."""


def angle_differences(estimated: ArrayLike, true: ArrayLike) -> Float:
    """Subtract the true triple from the estimated one.

    Args:
        estimated: (N, 3, 3).
        true: (N, 3, 3).

    Returns:
        (N, 3): yaw, pitch, roll in (-180, 180].
    """
    first, second = (np.stack(euler_from_rotation(rotation), axis=-1) for rotation in (estimated, true))
    return np.asarray(wrap_deg(first - second), dtype=np.float64)


def geodesic_errors(estimated: ArrayLike, true: ArrayLike) -> Float:
    """Measure the one turn between two poses, (N, 3, 3) twice -> (N,), 0 to 180."""
    return np.asarray(geodesic_deg(estimated, true), dtype=np.float64)


def axis_errors(estimated: ArrayLike, true: ArrayLike) -> Float:
    """Measure the angle of each head axis against its true direction.

    Args:
        estimated: (N, 3, 3).
        true: (N, 3, 3).

    Returns:
        (N, 3), 0 to 180; their mean over everything is MAEV.

    Source: Cao et al., A Vector-based Representation to Enhance Head Pose Estimation, WACV 2021.
    """
    first, second = (np.asarray(rotation, dtype=np.float64) for rotation in (estimated, true))
    return _angle_between(np.swapaxes(first, -1, -2), np.swapaxes(second, -1, -2))


def front_errors(estimated: ArrayLike, true: ArrayLike) -> Float:
    """Measure the angle between facing directions, roll ignored, (N, 3, 3) twice -> (N,)."""
    first, second = (
        np.asarray(front_from_rotation(rotation), dtype=np.float64) for rotation in (estimated, true)
    )
    return _angle_between(first, second)


def frobenius_errors(estimated: ArrayLike, true: ArrayLike) -> Float:
    """Measure the Frobenius norm of I - R_estimated R_true^T, (N, 3, 3) twice -> (N,), 0 to 2 sqrt(2).

    It is 2 sqrt(2) sin(geodesic / 2).

    Source: Martyniuk et al., DAD-3DHeads, CVPR 2022, pose error.
    """
    first, second = (np.asarray(rotation, dtype=np.float64) for rotation in (estimated, true))
    turn = first @ np.swapaxes(second, -1, -2)
    return np.asarray(np.linalg.norm(np.eye(3) - turn, axis=(-2, -1)))


def share_within(errors: ArrayLike, limit: float, *, count: int) -> float | None:
    """Give the share of heads whose error is at most a limit.

    Args:
        errors: (N,), of the heads that were found.
        limit: same unit.
        count: all labelled heads; those without an error are failures.

    Returns:
        0 to 1; None where there is no head.
    """
    return None if count == 0 else float(np.count_nonzero(np.asarray(errors) <= limit) / count)


def bootstrap_interval(
    values: ArrayLike, *, seed: int = 0, repeats: int = 1000
) -> tuple[float, float] | None:
    """Give the 95 % percentile interval of the mean by resampling heads.

    Args:
        values: (N,).
        seed: equal seeds give equal intervals.
        repeats: number of resamples.

    Returns:
        Lower and upper end; None for fewer than two values.

    Source: Efron 1979; heads of one person count as independent, so the interval is a narrow one.
    """
    given = np.asarray(values, dtype=np.float64)
    if len(given) < 2:
        return None
    generator = np.random.default_rng(seed)
    means = [given[generator.integers(0, len(given), len(given))].mean() for _ in range(repeats)]
    low, high = np.percentile(means, (2.5, 97.5)).tolist()
    return low, high


def best_constant(estimated: ArrayLike, true: ArrayLike) -> Float:
    """Find the one turn of the head's own axes that brings all estimates nearest to the labels.

    Sets disagree on the zero pose; what this turn removes is a difference of frames, not of skill.

    Args:
        estimated: (N, 3, 3), N at least 1.
        true: (N, 3, 3).

    Returns:
        C, (3, 3), such that estimated @ C is nearest to true in the Frobenius norm.
    """
    first, second = (np.asarray(rotation, dtype=np.float64) for rotation in (estimated, true))
    return np.asarray(nearest_rotation((np.swapaxes(first, -1, -2) @ second).sum(0)), dtype=np.float64)


def rank_correlation(first: ArrayLike, second: ArrayLike) -> float | None:
    """Correlate the ranks of two lists (Spearman), equal values sharing their mean rank.

    Args:
        first: (N,).
        second: (N,).

    Returns:
        -1 to 1; None where N is under 3 or one list is constant.
    """
    return correlation(_ranks(first), _ranks(second))


def correlation(first: ArrayLike, second: ArrayLike) -> float | None:
    """Correlate two lists (Pearson); None where N is under 3 or one list is constant."""
    a, b = (np.asarray(values, dtype=np.float64) for values in (first, second))
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def expected_calibration_error(stated: ArrayLike, real: ArrayLike, *, bins: int = 10) -> float | None:
    """Compare stated with real errors, group by group.

    Heads are sorted by stated error and cut into groups of (nearly) equal size; the result is the mean
    over heads of |mean stated - mean real| of their group.

    Args:
        stated: (N,), degrees.
        real: (N,), degrees.
        bins: number of groups; fewer where N is smaller.

    Returns:
        Degrees; None where N is 0.
    """
    said, was = (np.asarray(values, dtype=np.float64) for values in (stated, real))
    if len(said) == 0:
        return None
    groups = np.array_split(np.argsort(said, kind="stable"), min(bins, len(said)))
    return float(
        sum(len(group) * abs(said[group].mean() - was[group].mean()) for group in groups) / len(said)
    )


class Match(NamedTuple):
    """Pairs of labelled and detected boxes, each box in at most one pair."""

    labelled: tuple[int, ...]
    detected: tuple[int, ...]


def match_by_overlap(labelled: ArrayLike, detected: ArrayLike, *, least: float) -> Match:
    """Pair boxes greedily, the largest overlap first.

    Args:
        labelled: (N, 4) xyxy; N may be 0.
        detected: (M, 4) xyxy; M may be 0.
        least: overlap (intersection over union) below which two boxes are no pair.
    """
    shared = overlap(labelled, detected)
    return _greedy(shared, allowed=shared >= least)


def match_by_middle(labelled: ArrayLike, detected: ArrayLike) -> Match:
    """Pair boxes of which each holds the centre of the other, greedily, the largest overlap first.

    Args:
        labelled: (N, 4) xyxy; N may be 0.
        detected: (M, 4) xyxy; M may be 0.
    """
    first, second = (np.asarray(boxes, dtype=np.float64).reshape(-1, 4) for boxes in (labelled, detected))
    return _greedy(
        overlap(first, second), allowed=_holds_centre(first, second) & _holds_centre(second, first).T
    )


def yaw_ranges(
    yaw: ArrayLike, edges: Sequence[float] = YAW_EDGES
) -> list[tuple[float, float, NDArray[np.bool_]]]:
    """Cut heads into ranges of |yaw|, the lower edge included, the last upper edge too.

    Args:
        yaw: (N,), degrees.
        edges: rising.

    Returns:
        Lower edge, upper edge and (N,) mask of each range, empty ranges included.
    """
    size = np.abs(np.asarray(yaw, dtype=np.float64))
    last = edges[-1]
    return [(low, high, (size >= low) & ((size < high) | (high == last))) for low, high in pairwise(edges)]


def _angle_between(first: Float, second: Float) -> Float:
    """Angle of unit vectors along the last axis, degrees; exact near 0 and 180 (Kahan's form)."""
    minus = np.linalg.norm(first - second, axis=-1)
    plus = np.linalg.norm(first + second, axis=-1)
    return np.asarray(np.degrees(2 * np.arctan2(minus, plus)))


def _ranks(values: ArrayLike) -> Float:
    _, place, count = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place], dtype=np.float64)


def _holds_centre(boxes: Float, others: Float) -> NDArray[np.bool_]:
    centres = (others[:, :2] + others[:, 2:]) / 2
    inside = (centres[None] >= boxes[:, None, :2]) & (centres[None] <= boxes[:, None, 2:])
    return np.asarray(inside.all(-1))


def _greedy(shared: Float, *, allowed: NDArray[np.bool_]) -> Match:
    pairs: dict[int, int] = {}
    rows, columns = np.nonzero(allowed)
    for index in np.argsort(-shared[rows, columns], kind="stable"):
        row, column = int(rows[index]), int(columns[index])
        if row not in pairs and column not in pairs.values():
            pairs[row] = column
    return Match(tuple(pairs), tuple(pairs.values()))
