"""Outcomes of a run -> the figures of one set, ready for JSON."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.datasets.sample import ANGLES
from facing.evaluation import metrics
from facing.geometry.rotation import euler_from_rotation
from facing.pose import HeadPose

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from facing.datasets.sample import LabelledHead, Reader
    from facing.evaluation.outcomes import Detected, Outcome, Run

    Float = NDArray[np.float64]

SCHEMA = 1
LIMITS_DEG = (5, 10, 15)


def summarise(result: Run, *, reader: Reader | None = None) -> dict[str, Any]:
    """Condense a run into figures; degrees, None where a set or a model does not state what is needed.

    Means are over found heads, shares over all labelled heads: a missed head is a failure in `accuracy`
    and `facing_accuracy` and absent from every mean. `accuracy` is by geodesic error, or by the error
    that `accuracy_by` names where not all angles are known.

    Args:
        result: of `collect`.
        reader: named in the figures.
    """
    heads = [outcome for outcome in result.outcomes if outcome.head.rotation is not None]
    rows = [(outcome.head, outcome.pose) for outcome in heads if outcome.pose is not None]
    known = [name for name in ANGLES if rows and all(name in h.known and name in p.known for h, p in rows)]
    figures: dict[str, Any] = {
        "schema": SCHEMA,
        "dataset": None if reader is None else _set(reader),
        "boxes": result.boxes,
        "count": len(result.outcomes),
        "found": sum(outcome.pose is not None for outcome in result.outcomes),
        "skipped": dict(sorted(Counter(item.reason for item in result.left_out).items())),
        "failed_pictures": len(result.failures),
    }
    figures |= _pose_figures(rows, known=known, count=len(heads))
    figures |= _facing_figures(result.outcomes)
    figures["detector"] = _detector_figures(result.detected) if result.boxes == "detector" else None
    return figures


def _set(reader: Reader) -> dict[str, Any]:
    return {
        "title": reader.title,
        "licence": reader.licence,
        "box_rule": reader.box_rule,
        "convention": reader.convention,
        "complete_labels": reader.complete_labels,
        "match": reader.match,
    }


def _pose_figures(
    rows: Sequence[tuple[LabelledHead, HeadPose]], *, known: Sequence[str], count: int
) -> dict[str, Any]:
    true = np.array([head.rotation for head, _ in rows], dtype=np.float64).reshape(-1, 3, 3)
    estimated = np.array([pose.rotation for _, pose in rows], dtype=np.float64).reshape(-1, 3, 3)
    differences = metrics.angle_differences(estimated, true)
    errors: dict[str, Float] = {
        name: np.abs(differences[:, ANGLES.index(name)]) for name in ANGLES if name in known
    }
    full = len(known) == 3
    if full:
        errors["mae"] = np.abs(differences).mean(-1)
        errors["geodesic_mean"] = metrics.geodesic_errors(estimated, true)
        errors["maev"] = metrics.axis_errors(estimated, true).mean(-1)
    if {"yaw", "pitch"} <= set(known):
        errors["front_angle"] = metrics.front_errors(estimated, true)
    rule = next((name for name in ("geodesic_mean", "front_angle", "yaw") if name in errors), None)
    judged = errors[rule] if rule else np.zeros(0)
    true_yaw, yaw = (
        np.asarray(euler_from_rotation(pose).yaw, dtype=np.float64) for pose in (true, estimated)
    )
    return {
        **{name: _mean(errors.get(name)) for name in ("mae", *ANGLES, "geodesic_mean")},
        "geodesic_median": float(np.median(errors["geodesic_mean"])) if full else None,
        **{name: _mean(errors.get(name)) for name in ("maev", "front_angle")},
        "accuracy": {
            str(limit): metrics.share_within(judged, limit, count=count) if rule else None
            for limit in LIMITS_DEG
        },
        "accuracy_by": {"geodesic_mean": "geodesic"}.get(rule, rule) if rule else None,
        "bias": {
            name: _mean(differences[:, ANGLES.index(name)]) if name in known else None for name in ANGLES
        },
        "yaw_correlation": metrics.correlation(true_yaw, yaw) if "yaw" in known else None,
        "by_yaw": _by_yaw(errors, true_yaw) if "yaw" in known else [],
        "interval95": {name: _interval(values) for name, values in errors.items()},
        "aligned": _aligned(estimated, true) if full else None,
        "calibration": _calibration([pose.error_deg for _, pose in rows], errors.get("geodesic_mean")),
    }


def _mean(values: Float | None) -> float | None:
    return None if values is None or len(values) == 0 else float(values.mean())


def _interval(values: Float) -> list[float] | None:
    ends = metrics.bootstrap_interval(values)
    return None if ends is None else list(ends)


def _by_yaw(errors: Mapping[str, Float], yaw: Float) -> list[dict[str, Any]]:
    names = [name for name in ("mae", *ANGLES, "geodesic_mean", "maev", "front_angle") if name in errors]
    return [
        {
            "from": low,
            "to": high,
            "count": int(mask.sum()),
            **{name: _mean(errors[name][mask]) for name in names},
        }
        for low, high, mask in metrics.yaw_ranges(yaw)
    ]


def _aligned(estimated: Float, true: Float) -> dict[str, float]:
    """Figures after the best constant turn of the head's axes; never to be mixed with the others."""
    constant = metrics.best_constant(estimated, true)
    turned = estimated @ constant
    angles = euler_from_rotation(constant)
    geodesic = metrics.geodesic_errors(turned, true)
    return {
        **{name: float(getattr(angles, name)) for name in ANGLES},
        "mae": float(np.abs(metrics.angle_differences(turned, true)).mean()),
        "geodesic_mean": float(geodesic.mean()),
        "geodesic_median": float(np.median(geodesic)),
    }


def _calibration(stated: Sequence[float | None], real: Float | None) -> dict[str, float | None] | None:
    said = np.array([value for value in stated if value is not None])
    if real is None or len(said) == 0 or len(said) != len(real):
        return None
    return {
        "expected_error": metrics.expected_calibration_error(said, real),
        "rank_correlation": metrics.rank_correlation(said, real),
        "stated_mean": float(said.mean()),
        "real_mean": float(real.mean()),
    }


def _facing_figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    judged = [(_true_facing(outcome.head), outcome.pose) for outcome in outcomes]
    classes = {
        name: [pose for label, pose in judged if label == name] for name in ("front", "left", "right", "back")
    }
    right = {
        name: sum(pose is not None and pose.facing == name for pose in poses)
        for name, poses in classes.items()
    }
    count = sum(map(len, classes.values()))
    return {
        "facing_accuracy": sum(right.values()) / count if count else None,
        "facing_by_class": {
            name: {"count": len(poses), "accuracy": right[name] / len(poses)}
            for name, poses in classes.items()
            if poses
        },
    }


def _true_facing(head: LabelledHead) -> str | None:
    """Class that the set states, or that its full rotation has by the rule of `HeadPose.facing`."""
    if head.label is not None or head.rotation is None or len(head.known) < 3:
        return head.label
    return HeadPose(box=(0, 0, 1, 1), score=1.0, rotation=np.asarray(head.rotation, dtype=np.float64)).facing


def _detector_figures(detected: Sequence[Detected]) -> dict[str, float | None]:
    heads = sum(picture.labelled for picture in detected)
    return {
        "recall": sum(picture.by_overlap for picture in detected) / heads if heads else None,
        "recall_middle": sum(picture.by_middle for picture in detected) / heads if heads else None,
        "further_per_picture": sum(picture.further for picture in detected) / len(detected)
        if detected
        else None,
    }
