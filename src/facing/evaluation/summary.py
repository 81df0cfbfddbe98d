"""Outcomes of a run -> the figures of one set, ready for JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.datasets.sample import ANGLES
from facing.evaluation import metrics
from facing.evaluation.classes import class_pairs, class_report
from facing.evaluation.compat_metrics import compat_figures
from facing.evaluation.errors import pose_errors
from facing.evaluation.ranges import DEFAULT_BIN_DEG, by_range
from facing.evaluation.reliability import reliability_figures
from facing.geometry.rotation import euler_from_rotation
from facing.pose import FACINGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from facing.datasets.sample import Angle, Reader
    from facing.evaluation.errors import PoseErrors
    from facing.evaluation.outcomes import Detected, Run

    Float = NDArray[np.float64]

SCHEMA = 1
LIMITS_DEG = (5, 10, 15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Figures beyond the usual ones."""

    limits_deg: tuple[float, ...] = ()
    """Further limits of `accuracy` and `front_accuracy`."""
    by: tuple[Angle, ...] = ()
    """Angles by whose ranges errors are averaged."""
    bin_deg: float = DEFAULT_BIN_DEG
    """Width of these ranges."""
    hard_deg: float | None = None
    """Keys of heads with a larger error are listed."""
    compat: bool = False
    """Also the figures of published scripts, faults included."""


def summarise(result: Run, *, reader: Reader | None = None, wanted: Wanted | None = None) -> dict[str, Any]:
    """Condense a run into figures; degrees, None where a set or a model does not state what is needed.

    Means are over found heads, shares over all labelled heads: a missed head is a failure in `accuracy`
    and `facing_accuracy` and absent from every mean. `accuracy` is by geodesic error, or by the error
    that `accuracy_by` names where not all angles are known; `front_accuracy` by the facing direction.

    Args:
        result: of `collect`.
        reader: named in the figures.
        wanted: further figures: `by_range`, `hard`, `compat`.
    """
    wanted = wanted or Wanted()
    errors = pose_errors(result.outcomes)
    figures: dict[str, Any] = {
        "schema": SCHEMA,
        "dataset": None if reader is None else _set(reader),
        "boxes": result.boxes,
        "count": len(result.outcomes),
        "found": sum(outcome.found for outcome in result.outcomes),
        "skipped": dict(sorted(Counter(item.reason for item in result.left_out).items())),
        "failed_pictures": len(result.failures),
    }
    figures |= _pose_figures(errors, limits=sorted({*LIMITS_DEG, *wanted.limits_deg}))
    pairs = class_pairs(result.outcomes)
    figures |= _facing_figures(pairs)
    figures["classes"] = class_report(pairs).to_dict() if pairs else None
    figures["detector"] = _detector_figures(result.detected) if result.boxes == "detector" else None
    if wanted.by:
        figures["by_range"] = {
            angle: by_range(errors, angle=angle, bin_deg=wanted.bin_deg) for angle in wanted.by
        }
    if wanted.hard_deg is not None:
        figures["hard"] = {"over": wanted.hard_deg, "keys": hard_keys(errors, over_deg=wanted.hard_deg)}
    if wanted.compat and "front_angle" in errors.by_name:
        figures["compat"] = compat_figures(
            errors.estimated, errors.true, differences=errors.differences if errors.is_full else None
        )
    return figures


def hard_keys(errors: PoseErrors, *, over_deg: float) -> list[str]:
    """List the pictures of heads that are further off, the worst first, each once."""
    order = np.argsort(-errors.judged, kind="stable")
    keys = [errors.outcomes[index].key for index in order.tolist() if errors.judged[index] > over_deg]
    return list(dict.fromkeys(keys))


def _set(reader: Reader) -> dict[str, Any]:
    return {
        "title": reader.title,
        "licence": reader.licence,
        "box_rule": reader.box_rule,
        "convention": reader.convention,
        "complete_labels": reader.complete_labels,
        "match": reader.match,
    }


def _pose_figures(errors: PoseErrors, *, limits: Sequence[float]) -> dict[str, Any]:
    by_name, full = errors.by_name, errors.is_full
    true_yaw, yaw = (
        np.asarray(euler_from_rotation(pose).yaw, dtype=np.float64)
        for pose in (errors.true, errors.estimated)
    )
    return {
        **{name: _mean(by_name.get(name)) for name in ("mae", *ANGLES, "geodesic_mean")},
        "geodesic_median": float(np.median(by_name["geodesic_mean"])) if full else None,
        **{name: _mean(by_name.get(name)) for name in ("maev", "front_angle")},
        "frobenius": float(metrics.frobenius_errors(errors.estimated, errors.true).mean()) if full else None,
        "accuracy": _shares(errors.judged if errors.rule else None, limits=limits, count=errors.count),
        "accuracy_by": {"geodesic_mean": "geodesic"}.get(errors.rule, errors.rule) if errors.rule else None,
        "front_accuracy": _shares(by_name.get("front_angle"), limits=limits, count=errors.count),
        "bias": {
            name: _mean(errors.differences[:, ANGLES.index(name)]) if name in errors.known else None
            for name in ANGLES
        },
        "yaw_correlation": metrics.correlation(true_yaw, yaw) if "yaw" in errors.known else None,
        "by_yaw": _by_yaw(by_name, true_yaw) if "yaw" in errors.known else [],
        "interval95": {name: _interval(values) for name, values in by_name.items()},
        "aligned": _aligned(errors.estimated, errors.true) if full else None,
        "calibration": _calibration(errors),
    }


def _shares(errors: Float | None, *, limits: Sequence[float], count: int) -> dict[str, float | None]:
    return {
        f"{limit:g}": None if errors is None else metrics.share_within(errors, limit, count=count)
        for limit in limits
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


def _calibration(errors: PoseErrors) -> dict[str, float | None] | None:
    true = errors.by_name.get("geodesic_mean")
    return None if errors.stated is None or true is None else reliability_figures(errors.stated, true)


def _facing_figures(pairs: Sequence[tuple[str, str | None]]) -> dict[str, Any]:
    judged = pairs if all(label in FACINGS for label, _ in pairs) else []
    right = Counter(label for label, guess in judged if guess == label)
    counts = Counter(label for label, _ in judged)
    return {
        "facing_accuracy": sum(right.values()) / len(judged) if judged else None,
        "facing_by_class": {
            name: {"count": counts[name], "accuracy": right[name] / counts[name]}
            for name in FACINGS
            if counts[name]
        },
    }


def _detector_figures(detected: Sequence[Detected]) -> dict[str, float | None]:
    heads = sum(picture.labelled for picture in detected)
    return {
        "recall": sum(picture.by_overlap for picture in detected) / heads if heads else None,
        "recall_middle": sum(picture.by_middle for picture in detected) / heads if heads else None,
        "further_per_picture": sum(picture.further for picture in detected) / len(detected)
        if detected
        else None,
    }
