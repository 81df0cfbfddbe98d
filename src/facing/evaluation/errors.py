"""The errors of a run, head by head: what figures, tables, plots and sheets are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facing.datasets.sample import ANGLES
from facing.evaluation import metrics
from facing.geometry.rotation import euler_from_rotation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from facing.datasets.sample import Angle
    from facing.evaluation.outcomes import Outcome

    Float = NDArray[np.float64]

RULES = ("geodesic_mean", "front_angle", "yaw")
"""Errors by which a head is judged, the first that labels and model allow."""


@dataclass(frozen=True, slots=True, eq=False)
class PoseErrors:
    """The heads of a run that have a label and an estimate, N, and how far these are apart.

    Attributes:
        outcomes: the N heads, in the order of the set.
        count: all heads with a labelled pose, missed ones included.
        known: angles that all labels and all estimates state.
        true: (N, 3, 3).
        estimated: (N, 3, 3).
        angles: (N, 3), true yaw, pitch and roll, degrees; 0 where not known.
        differences: (N, 3), estimated minus true, wrapped by 360, degrees.
        by_name: (N,) degrees, for each figure that `known` allows: yaw, pitch, roll, mae, geodesic_mean,
            maev, front_angle.
    """

    outcomes: tuple[Outcome, ...]
    count: int
    known: tuple[Angle, ...]
    true: Float
    estimated: Float
    angles: Float
    differences: Float
    by_name: Mapping[str, Float]

    @property
    def rule(self) -> str | None:
        """Name of the error by which heads are judged; None where no angle is known."""
        return next((name for name in RULES if name in self.by_name), None)

    @property
    def judged(self) -> Float:
        """(N,) errors by `rule`; (0,) where there is none."""
        return self.by_name[self.rule] if self.rule else np.zeros(0)

    @property
    def stated(self) -> Float | None:
        """(N,) errors that the model expects, degrees; None where it states none for some head."""
        said = [outcome.pose.error_deg for outcome in self.outcomes if outcome.pose is not None]
        told = [value for value in said if value is not None]
        return np.array(told) if len(told) == len(self.outcomes) else None

    @property
    def is_full(self) -> bool:
        """Whether all three angles are known."""
        return len(self.known) == len(ANGLES)


def pose_errors(outcomes: Sequence[Outcome]) -> PoseErrors:
    """Compare the estimates of a run with its labels.

    Args:
        outcomes: of `collect`; heads without a labelled rotation do not count.
    """
    labelled = [outcome for outcome in outcomes if outcome.head.rotation is not None]
    pairs = [(outcome, outcome.pose) for outcome in labelled if outcome.pose is not None]
    known = tuple(
        name
        for name in ANGLES
        if pairs and all(name in outcome.head.known and name in pose.known for outcome, pose in pairs)
    )
    true = np.array([outcome.head.rotation for outcome, _ in pairs], dtype=np.float64).reshape(-1, 3, 3)
    estimated = np.array([pose.rotation for _, pose in pairs], dtype=np.float64).reshape(-1, 3, 3)
    differences = metrics.angle_differences(estimated, true)
    by_name: dict[str, Float] = {name: np.abs(differences[:, ANGLES.index(name)]) for name in known}
    if len(known) == len(ANGLES):
        by_name["mae"] = np.abs(differences).mean(-1)
        by_name["geodesic_mean"] = metrics.geodesic_errors(estimated, true)
        by_name["maev"] = metrics.axis_errors(estimated, true).mean(-1)
    if {"yaw", "pitch"} <= set(known):
        by_name["front_angle"] = metrics.front_errors(estimated, true)
    return PoseErrors(
        outcomes=tuple(outcome for outcome, _ in pairs),
        count=len(labelled),
        known=known,
        true=true,
        estimated=estimated,
        angles=np.stack(euler_from_rotation(true), axis=-1).astype(np.float64),
        differences=differences,
        by_name=by_name,
    )
