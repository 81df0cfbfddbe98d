"""Coarse classes: how estimates are read as one, confusion matrix, precision, recall and F1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.pose import FACINGS, HeadPose

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from facing.datasets.sample import LabelledHead
    from facing.evaluation.outcomes import Outcome

ORIENTATIONS = ("front", "side", "back")
MISSED = "not found"


@dataclass(frozen=True, slots=True, eq=False)
class ClassReport:
    """What heads are and what they were taken for.

    Attributes:
        classes: C names: those of the labels in the usual order, then those that were only estimated.
        confusion: (C, C + 1) heads; rows are true classes, columns estimated ones, the last one is
            "not found".
    """

    classes: tuple[str, ...]
    confusion: NDArray[np.int_]

    @property
    def count(self) -> int:
        """Labelled heads."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float | None:
        """Share of all labelled heads that got their class; a head not found is wrong."""
        return float(np.trace(self.confusion) / self.count) if self.count else None

    @property
    def balanced_accuracy(self) -> float | None:
        """Mean recall of the classes that have heads."""
        recalls = [row["recall"] for row in self.rows() if row["recall"] is not None]
        return float(np.mean(recalls)) if recalls else None

    def rows(self) -> list[dict[str, Any]]:
        """Give `name`, `precision`, `recall`, `f1` and `support` per class; None where 0 divides."""
        rows = []
        for index, name in enumerate(self.classes):
            right = int(self.confusion[index, index])
            support, taken = int(self.confusion[index].sum()), int(self.confusion[:, index].sum())
            rows.append(
                {
                    "name": name,
                    "precision": right / taken if taken else None,
                    "recall": right / support if support else None,
                    "f1": 2 * right / (support + taken) if support + taken else None,
                    "support": support,
                }
            )
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Give the report ready for JSON."""
        return {
            "count": self.count,
            "accuracy": self.accuracy,
            "balanced_accuracy": self.balanced_accuracy,
            "classes": self.rows(),
            "estimated_as": [*self.classes, MISSED],
            "confusion": self.confusion.tolist(),
        }


def class_report(pairs: Sequence[tuple[str, str | None]]) -> ClassReport:
    """Count what was taken for what; exact over heads, not a mean over batches.

    Args:
        pairs: true class and estimated one, None where the head was not found.
    """
    true, taken = {label for label, _ in pairs}, {guess for _, guess in pairs if guess is not None}
    usual = (*FACINGS[:1], "side", *FACINGS[1:])
    order = {name: place for place, name in enumerate(usual)}
    classes = [
        *sorted(true, key=lambda name: (order.get(name, len(order)), name)),
        *sorted(taken - true, key=lambda name: (order.get(name, len(order)), name)),
    ]
    confusion = np.zeros((len(classes), len(classes) + 1), dtype=int)
    for label, guess in pairs:
        confusion[classes.index(label), len(classes) if guess is None else classes.index(guess)] += 1
    return ClassReport(tuple(classes), confusion)


def class_pairs(outcomes: Sequence[Outcome]) -> list[tuple[str, str | None]]:
    """Read labels and estimates of a run as classes.

    Args:
        outcomes: heads without a class, stated or from their full rotation, do not count.

    Returns:
        True class and estimated one per head, as `class_report` takes them. Labels of left and right become
        "side" where that is what the estimator tells.
    """
    named = [(label, outcome) for outcome in outcomes if (label := true_class(outcome.head)) is not None]
    names = {label for label, _ in named}
    pairs = [(label, estimated_class(outcome, of=names)) for label, outcome in named]
    if "side" not in names and any(guess == "side" for _, guess in pairs):
        return [("side" if label in {"left", "right"} else label, guess) for label, guess in pairs]
    return pairs


def true_class(head: LabelledHead) -> str | None:
    """Give the class that the set states, or that its full rotation has by the rule of `HeadPose.facing`."""
    if head.label is not None or head.rotation is None or len(head.known) < 3:
        return head.label
    return HeadPose(box=(0, 0, 1, 1), score=1.0, rotation=np.asarray(head.rotation, dtype=np.float64)).facing


def estimated_class(outcome: Outcome, *, of: Collection[str]) -> str | None:
    """Give the class that an estimate states or amounts to; None where there is no estimate.

    Args:
        outcome: of a run.
        of: the classes of the labels: with "side" among them left and right are one.
    """
    if outcome.label is not None or outcome.pose is None:
        return outcome.label
    return read_class(outcome.pose, of=of)


def read_class(pose: HeadPose, *, of: Collection[str] = FACINGS) -> str | None:
    """Read a pose as a class.

    Front, left, right, back by `HeadPose.facing`. Where the labels know sides as one class, or the model
    tells no direction, by the model's own probabilities of front, side and back if it has them.
    """
    if pose.orientation is not None and ("side" in of or "yaw" not in pose.known):
        return ORIENTATIONS[int(np.argmax(pose.orientation))]
    if "yaw" not in pose.known:
        return None
    return "side" if "side" in of and pose.facing in {"left", "right"} else pose.facing


def class_table(report: Mapping[str, Any]) -> str:
    """Lay `ClassReport.to_dict` out as text: one line per class, then the confusion matrix."""
    names = [row["name"] for row in report["classes"]]
    width = max(9, *map(len, names)) if names else 9
    lines = [f"{'class':<{width}}  precision  recall     f1  heads"]
    for row in report["classes"]:
        precision, recall, f1 = (_share(row[name]) for name in ("precision", "recall", "f1"))
        lines.append(f"{row['name']:<{width}}  {precision:>9}  {recall:>6}  {f1:>5}  {row['support']:>5}")
    lines.append(
        f"accuracy {_share(report['accuracy'])} of {report['count']} heads, "
        f"balanced {_share(report['balanced_accuracy'])} (mean recall)"
    )
    columns = report["estimated_as"]
    lines.append(f"{'true / as':<{width}}  " + "  ".join(f"{name:>{width}}" for name in columns))
    for name, row in zip(names, report["confusion"], strict=True):
        if sum(row):
            lines.append(f"{name:<{width}}  " + "  ".join(f"{number:>{width}}" for number in row))
    return "\n".join(lines)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
