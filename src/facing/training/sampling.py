"""Which heads a training draws: sets by weight, poses and classes in balance, sources kept apart."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from facing.datasets.sample import ANGLES
from facing.geometry.rotation import euler_from_rotation
from facing.models.settings import Section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facing.datasets.sample import Angle
    from facing.training.data import HeadLabels

log = logging.getLogger(__name__)


class SamplingSettings(Section):
    """Which heads are drawn how often.

    `balance` evens out yaw, pose (yaw and pitch together) or classes: a head is drawn with a chance of one
    over the number of heads in its bin, to the `power`; 0 is as the data are, 1 all bins alike.
    """

    balance: Literal["none", "yaw", "pose", "class"] = "none"
    power: float = Field(default=1.0, ge=0, le=1)
    bin_deg: float = Field(default=15.0, gt=0, le=180)


def draw_chances(
    labels: HeadLabels, folders: NDArray[np.int64], *, weights: Sequence[float], sampling: SamplingSettings
) -> NDArray[np.float64]:
    """Give the chance of every head, (N,), 1 in all.

    Args:
        labels: of N heads.
        folders: which set each head belongs to, (N,).
        weights: of the sets; a set is drawn as often as its weight says, whatever its size.
        sampling: balance within each set.
    """
    chances = np.zeros(len(folders))
    bins = _bins(labels, sampling)
    for number, weight in enumerate(weights):
        rows = folders == number
        if not rows.any():
            continue
        _, place, counts = np.unique(bins[rows], return_inverse=True, return_counts=True)
        own = counts[place].astype(np.float64) ** -sampling.power if sampling.balance != "none" else 1.0
        share = np.broadcast_to(own, int(rows.sum()))
        chances[rows] = weight * share / share.sum()
    return np.asarray(chances / chances.sum())


def stated(labels: HeadLabels, angles: Sequence[Angle]) -> NDArray[np.bool_]:
    """Mark heads whose set states all of some angles, (N,)."""
    return np.asarray(labels.known[:, [ANGLES.index(name) for name in angles]].all(1))


def over_limit(
    labels: HeadLabels, folders: NDArray[np.int64], *, max_angles: Sequence[float]
) -> NDArray[np.bool_]:
    """Mark heads with a known angle over the limit of their set, (N,).

    Angles are those that `datasets convert --max-angle` reads and the heads of networks learn.

    Args:
        labels: of N heads.
        folders: which set each head belongs to, (N,).
        max_angles: of the sets, degrees.
    """
    angles = euler_from_rotation(labels.rotation.astype(np.float64))
    sizes = np.abs(np.stack([np.asarray(angle) for angle in angles], axis=1))
    largest = np.where(labels.known, sizes, 0.0).max(1)
    # Renders are exact to a millionth: at the limit itself they are in.
    return np.asarray(largest > np.asarray(max_angles)[folders] + 1e-3)


def tell_left_out(
    left_out: NDArray[np.bool_], folders: NDArray[np.int64], *, paths: Sequence[str], reason: str
) -> None:
    """Log how many heads of each set are not learned from.

    Args:
        left_out: (N,).
        folders: which set each head belongs to, (N,).
        paths: of the sets.
        reason: why.
    """
    for number, path in enumerate(paths):
        own = folders == number
        count = int((left_out & own).sum())
        if count:
            log.info("%s: %d of %d heads left out: %s", path, count, int(own.sum()), reason)


def held_out(identity: NDArray[np.int64], *, share: float) -> NDArray[np.bool_]:
    """Mark heads of about a share of the sources (persons, photographs); one source is never parted.

    Args:
        identity: of the source, (N,).
        share: 0 to 1.

    Returns:
        (N,), the same for a source wherever it turns up. At least one source is marked and one is not,
        where there are two.
    """
    # Source: the finaliser of SplitMix64 (Steele et al. 2014), so that neighbouring numbers part.
    mixed = identity.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    place = (mixed ^ (mixed >> np.uint64(31))).astype(np.float64) / 2.0**64
    sources = np.unique(place)
    if len(sources) < 2:
        return np.zeros(len(identity), bool)
    limit = np.clip(share, np.nextafter(sources[0], 1), sources[-1])
    return np.asarray(place < limit)


def _bins(labels: HeadLabels, sampling: SamplingSettings) -> NDArray[np.int64]:
    if sampling.balance == "class":
        return np.asarray(np.unique(labels.label, return_inverse=True)[1], dtype=np.int64)
    angles = euler_from_rotation(labels.rotation.astype(np.float64))
    yaw, pitch = (
        np.asarray(np.floor((np.asarray(angle) + 180) / sampling.bin_deg), dtype=np.int64)
        for angle in (angles.yaw, angles.pitch)
    )
    return np.asarray(yaw * 1000 + pitch if sampling.balance == "pose" else yaw)
