"""An estimator over a labelled set: one outcome per labelled head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

import numpy as np

from facing.datasets.sample import LabelledHead, LeftOut, Sample, sample_pixels
from facing.errors import FacingError
from facing.evaluation import metrics
from facing.evaluation.classes import read_class
from facing.geometry.rotation import euler_from_rotation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from facing.pose import HeadPose

Boxes = Literal["labels", "detector"]
Match = Literal["overlap", "middle"]
Box = tuple[float, float, float, float]

LEAST_OVERLAP = 0.3
"""With detector boxes a labelled head counts as found from this overlap on: head boxes of different
makers differ by hair and margin, and two heads of a crowd hardly ever overlap by as much."""
RECALL_OVERLAP = 0.4
"""Overlap at which recall is given, the figure published side by side."""


class HasBox(Protocol):
    """Anything said about one head."""

    @property
    def box(self) -> Box:
        """Box of the head, xyxy, pixels."""
        ...


T = TypeVar("T", bound=HasBox)


@dataclass(frozen=True, slots=True)
class Classed:
    """What a network of classes says about one head: no angle."""

    box: Box
    label: str


class Estimator(Protocol):
    """What is measured: a picture and, optionally, boxes; one pose or class per box, in their order."""

    def __call__(
        self, picture: NDArray[np.uint8], /, *, boxes: Sequence[Box] | None = None
    ) -> Sequence[HeadPose | Classed]:
        """Estimate the heads of an upright (H, W, 3) RGB picture, in the order of `boxes`."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """One labelled head and what the estimator said about it."""

    key: str
    head: LabelledHead
    pose: HeadPose | None
    """None: not found, or its picture could not be read."""
    sample: Sample | None = None
    """Where the head is from; None where the picture is not at hand."""
    label: str | None = None
    """Class that the estimator states, or that a protocol reads from the pose; None: the usual reading."""

    @property
    def found(self) -> bool:
        """Whether there is any estimate."""
        return self.pose is not None or self.label is not None


@dataclass(frozen=True, slots=True)
class Detected:
    """Detector boxes of one picture against its labels."""

    labelled: int
    by_overlap: int
    """Labels with a detection of overlap 0.4 or more."""
    by_middle: int
    """Labels and detections that hold each other's centre."""
    further: int
    """Detections that are neither."""


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that happened, in the order of the set."""

    boxes: Boxes | Literal["predictions"]
    outcomes: tuple[Outcome, ...]
    detected: tuple[Detected, ...]
    left_out: tuple[LeftOut, ...]
    failures: tuple[tuple[str, str], ...]
    """(key, sentence) of pictures that raised; their heads are outcomes without a pose."""


def collect(
    samples: Iterable[Sample | LeftOut],
    estimator: Estimator,
    *,
    boxes: Boxes = "labels",
    match: Match = "overlap",
    read: Callable[[HeadPose], str | None] | None = None,
) -> Run:
    """Estimate every labelled head of a set; one bad picture never stops it.

    Args:
        samples: of a reader.
        estimator: a `PoseEstimator` or anything with its call.
        boxes: "labels" gives the estimator the labelled head boxes, "detector" lets it find them.
        match: how a detected head is known to be a labelled one: "overlap" of at least 0.3, or "middle"
            (each box holds the other's centre) for sets with rough boxes.
        read: gives the class of an estimate where a protocol has its own rule.

    Returns:
        Outcomes of all labelled heads.
    """
    outcomes: list[Outcome] = []
    detected: list[Detected] = []
    left_out: list[LeftOut] = []
    failures: list[tuple[str, str]] = []
    for sample in samples:
        if isinstance(sample, LeftOut):
            left_out.append(sample)
            continue
        told: list[HeadPose | Classed | None]
        try:
            picture = sample_pixels(sample)
            if boxes == "labels":
                told = list(estimator(picture, boxes=[labelled_box(head, picture) for head in sample.heads]))
            else:
                found = estimator(picture)
                told = matched(sample.heads, found, picture=picture, match=match)
                detected.append(_detected(sample.heads, found, picture=picture))
        except FacingError as error:
            failures.append((sample.key, str(error)))
            told = [None] * len(sample.heads)
            if boxes == "detector":
                detected.append(Detected(len(sample.heads), 0, 0, 0))
        outcomes += [
            outcome_of(sample, head, one, read=read) for head, one in zip(sample.heads, told, strict=True)
        ]
    return Run(boxes, tuple(outcomes), tuple(detected), tuple(left_out), tuple(failures))


def outcome_of(
    sample: Sample,
    head: LabelledHead,
    told: HeadPose | Classed | None,
    *,
    read: Callable[[HeadPose], str | None] | None = None,
) -> Outcome:
    """Put a head and what was said about it together; `read` gives the class of a pose."""
    if told is None or isinstance(told, Classed):
        return Outcome(sample.key, head, None, sample, told.label if told else None)
    return Outcome(sample.key, head, told, sample, read(told) if read else None)


def errors_by_head(result: Run) -> list[dict[str, Any]]:
    """List what happened head by head, ready for JSON.

    Returns:
        Per labelled head `key`, `box` (label), `true` and `estimated` (yaw, pitch, roll in degrees, None
        where not stated), `geodesic` where all angles are known, `front_angle` where the direction is,
        `stated_error`, `facing`, `error`.
    """
    sentences = dict(result.failures)
    return [_row(outcome, sentences.get(outcome.key)) for outcome in result.outcomes]


def _row(outcome: Outcome, sentence: str | None) -> dict[str, Any]:
    head, pose = outcome.head, outcome.pose
    true: dict[str, float | None] = dict.fromkeys(("yaw", "pitch", "roll"))
    geodesic, front_angle = None, None
    if head.rotation is not None:
        angles = euler_from_rotation(head.rotation)
        true |= {name: round(float(getattr(angles, name)), 3) for name in head.known}
        if pose is not None and len(head.known) == 3 and len(pose.known) == 3:
            geodesic = round(float(metrics.geodesic_errors(pose.rotation, head.rotation)), 3)
        if pose is not None and {"yaw", "pitch"} <= (pose.known & set(head.known)):
            front_angle = round(float(metrics.front_errors(pose.rotation, head.rotation)), 3)
    return {
        "key": outcome.key,
        "box": None if head.box is None else [round(edge, 2) for edge in head.box],
        "true": true,
        "label": head.label,
        "estimated": None
        if pose is None
        else {
            name: None if (angle := getattr(pose, name)) is None else round(angle, 3)
            for name in ("yaw", "pitch", "roll")
        },
        "geodesic": geodesic,
        "stated_error": None if pose is None else pose.error_deg,
        "front_angle": front_angle,
        "facing": (outcome.label or read_class(pose)) if pose is not None else outcome.label,
        "error": sentence or (None if outcome.found else "not found"),
    }


def labelled_box(head: LabelledHead, picture: NDArray[np.uint8]) -> Box:
    """Give the box of a head; heads without one fill their picture."""
    height, width = picture.shape[:2]
    return head.box if head.box is not None else (0.0, 0.0, float(width), float(height))


def _arrays(
    heads: Sequence[LabelledHead], found: Sequence[HasBox], *, picture: NDArray[np.uint8]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    labelled = np.array([labelled_box(head, picture) for head in heads], dtype=np.float64).reshape(-1, 4)
    return labelled, np.array([one.box for one in found], dtype=np.float64).reshape(-1, 4)


def matched(
    heads: Sequence[LabelledHead], found: Sequence[T], *, picture: NDArray[np.uint8], match: Match
) -> list[T | None]:
    """Give each labelled head its own among those found, by their boxes; None where there is none."""
    labelled, boxes = _arrays(heads, found, picture=picture)
    if match == "middle":
        pairs = metrics.match_by_middle(labelled, boxes)
    else:
        pairs = metrics.match_by_overlap(labelled, boxes, least=LEAST_OVERLAP)
    own: list[T | None] = [None] * len(heads)
    for label, index in zip(*pairs, strict=True):
        own[label] = found[index]
    return own


def _detected(
    heads: Sequence[LabelledHead], found: Sequence[HasBox], *, picture: NDArray[np.uint8]
) -> Detected:
    labelled, boxes = _arrays(heads, found, picture=picture)
    by_overlap = metrics.match_by_overlap(labelled, boxes, least=RECALL_OVERLAP)
    by_middle = metrics.match_by_middle(labelled, boxes)
    further = set(range(len(found))) - set(by_overlap.detected) - set(by_middle.detected)
    return Detected(len(heads), len(by_overlap.labelled), len(by_middle.labelled), len(further))
