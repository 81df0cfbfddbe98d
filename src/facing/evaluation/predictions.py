"""Anybody's predictions from a CSV file, in any named convention, as the outcomes of a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from facing.datasets.files import read_table
from facing.datasets.sample import LeftOut, Sample, sample_pixels
from facing.errors import DataError, FacingError, UnknownNameError
from facing.evaluation.outcomes import Classed, Match, Outcome, Run, labelled_box, matched, outcome_of
from facing.geometry import conventions, conventions_methods, conventions_systems
from facing.geometry.rotation import nearest_rotation, rotation_from_euler, rotation_from_front
from facing.pose import ANGLES, HeadPose

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from facing.datasets.sample import LabelledHead
    from facing.evaluation.outcomes import Box

Turn: TypeAlias = Callable[..., Any]

NAMES = ("key", "picture")
"""Columns that say which picture a row is about."""
EULER = ("yaw", "pitch", "roll")
PAN = ("yaw", "pitch")
MATRIX = tuple(f"r{row}{column}" for row in range(3) for column in range(3))
FRONT = ("vx", "vy", "vz")
LABEL = ("label",)
BOX = ("left", "top", "right", "bottom")
DEFAULT_CONVENTION = "300w-lp"
TOLERANCE = 0.02
"""Half precision and four printed digits leave the rotations by less; other matrices by more."""

# Convention -> how triples in degrees, matrices and facing directions become rotations head -> camera.
CONVENTIONS: Mapping[str, Mapping[tuple[str, ...], Turn]] = MappingProxyType(
    {
        DEFAULT_CONVENTION: {
            EULER: rotation_from_euler,
            MATRIX: nearest_rotation,
            FRONT: rotation_from_front,
        },
        "6drepnet": {
            EULER: rotation_from_euler,
            MATRIX: conventions_methods.rotation_from_sixdrepnet,
        },
        "adas": {EULER: conventions_systems.rotation_from_adas},
        "aflw": {EULER: conventions.rotation_from_aflw_deg},
        "biwi": {EULER: rotation_from_euler, MATRIX: conventions.rotation_from_biwi_txt},
        "compact": {FRONT: conventions_methods.rotation_from_compact_vector},
        "dad3dheads": {MATRIX: conventions.rotation_from_dad3dheads_benchmark},
        "kinect1": {EULER: conventions_systems.rotation_from_kinect1},
        "opal": {MATRIX: conventions_methods.rotation_from_opal},
        "opencv": {MATRIX: conventions.opencv_turned},
        "pyramid": {EULER: rotation_from_euler, MATRIX: conventions.rotation_from_pyramid},
        "rekognition": {EULER: conventions_systems.rotation_from_rekognition},
        "skybiometry": {EULER: conventions_systems.rotation_from_skybiometry},
        "synergynet": {EULER: conventions_methods.rotation_from_synergynet},
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """One row."""

    rotation: NDArray[np.float64] | None
    """(3, 3), head -> camera; None where only a class is given."""
    known: frozenset[str]
    label: str | None
    """Class, where that is what the file predicts."""
    box: tuple[float, float, float, float] | None
    """xyxy, pixels; tells the heads of one picture apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """The rows of a file by what they call their picture."""

    file: Path
    convention: str
    by_name: Mapping[str, tuple[Prediction, ...]] = field(default_factory=dict)

    def of(self, sample: Sample) -> tuple[str, tuple[Prediction, ...]] | None:
        """Find the rows of a picture, by its key, its file name, with or without ending."""
        names = [sample.key]
        if isinstance(sample.picture, Path):
            names += [str(sample.picture), sample.picture.name, sample.picture.stem]
        return next(((name, self.by_name[name]) for name in names if name in self.by_name), None)


def read_predictions(path: Path, *, convention: str = DEFAULT_CONVENTION) -> Predictions:
    """Read predictions.

    Args:
        path: CSV with a header: `key` or `picture`, then yaw, pitch, roll in degrees (roll may be missing:
            the direction alone is known), or r00 to r22, or vx, vy, vz, or label; left, top, right, bottom
            (pixels) tell the heads of one picture apart. A row without values is a head not found.
        convention: one of `CONVENTIONS`, what angles, matrices and vectors mean.

    Raises:
        UnknownNameError: there is no such convention.
        DataError: the table lacks columns, a value is no number, or the convention has no such columns.
    """
    if convention not in CONVENTIONS:
        raise UnknownNameError.among(convention, kind="convention", known=CONVENTIONS)
    rows = read_table(path, columns=(), title="predictions")
    header = set(rows[0]) if rows else set()
    name = next((column for column in NAMES if column in header), None)
    if name is None:
        raise DataError(f"{path} has rows with neither key nor picture; name the picture of each row")
    columns = _columns(header, path=path, convention=convention)
    by_name: defaultdict[str, list[Prediction]] = defaultdict(list)
    for number, row in enumerate(rows, start=2):
        where = f"{path} line {number}"
        if any(row[column] for column in columns):
            by_name[row[name]].append(_prediction(row, columns=columns, convention=convention, where=where))
    return Predictions(path, convention, {key: tuple(found) for key, found in by_name.items()})


def collect_predictions(
    samples: Iterable[Sample | LeftOut],
    predictions: Predictions,
    *,
    match: Match = "overlap",
    read: Callable[[HeadPose], str | None] | None = None,
) -> Run:
    """Give every labelled head its prediction.

    Args:
        samples: of a reader.
        predictions: one row per head; a picture with several heads needs boxes, or as many rows as heads in
            their order.
        match: how boxes are known to be labelled heads, as in `collect`.
        read: gives the class of an estimate where a protocol has its own rule.

    Returns:
        Outcomes of all labelled heads; those without a row are not found.

    Raises:
        DataError: not one row belongs to a picture of the set.
    """
    outcomes: list[Outcome] = []
    left_out: list[LeftOut] = []
    failures: list[tuple[str, str]] = []
    used: set[str] = set()
    for sample in samples:
        if isinstance(sample, LeftOut):
            left_out.append(sample)
            continue
        found = predictions.of(sample)
        rows = found[1] if found else ()
        used |= {found[0]} if found else set()
        told: list[HeadPose | Classed | None]
        try:
            told = _told(sample, rows, match=match)
        except FacingError as error:
            failures.append((sample.key, str(error)))
            told = [None] * len(sample.heads)
        outcomes += [
            outcome_of(sample, head, one, read=read) for head, one in zip(sample.heads, told, strict=True)
        ]
    if outcomes and not used:
        known, asked = next(iter(predictions.by_name), "nothing"), outcomes[0].key
        raise DataError(
            f"{predictions.file} names no picture of the set: it has {known!r}, the set {asked!r}; "
            "use the set's keys"
        )
    return Run("predictions", tuple(outcomes), (), tuple(left_out), tuple(failures))


def _columns(header: set[str], *, path: Path, convention: str) -> tuple[str, ...]:
    for columns in (MATRIX, FRONT, EULER, PAN):
        if set(columns) <= header:
            turns = CONVENTIONS[convention]
            if (EULER if columns == PAN else columns) in turns:
                return columns
            able = [name for name, known in CONVENTIONS.items() if columns in known]
            raise DataError(
                f"{path} has {columns[0]} to {columns[-1]}, which convention {convention} does not know; "
                f"these do: {', '.join(able)}"
            )
    if set(LABEL) <= header:
        return LABEL
    raise DataError(
        f"{path} has neither yaw, pitch, roll nor r00 to r22 nor vx, vy, vz nor label; add what it predicts"
    )


def _prediction(
    row: Mapping[str, str], *, columns: tuple[str, ...], convention: str, where: str
) -> Prediction:
    box = _box(row, where=where)
    if columns == LABEL:
        return Prediction(None, frozenset(), row["label"], box)
    values = _numbers(row, columns=columns, where=where)
    turns = CONVENTIONS[convention]
    try:
        if columns == MATRIX:
            rotation = turns[MATRIX](np.reshape(values, (3, 3)))
        elif columns == FRONT:
            rotation = turns[FRONT](values)
        else:
            angles = dict.fromkeys(EULER, 0.0) | dict(zip(columns, values, strict=True))
            rotation = turns[EULER](**angles)
        proper = np.asarray(nearest_rotation(rotation), dtype=np.float64)
    except DataError as error:
        raise DataError(f"{where} holds no pose ({error}); correct or remove it") from error
    if columns == MATRIX and not np.allclose(
        np.reshape(values, (3, 3)) @ np.reshape(values, (3, 3)).T, np.eye(3), atol=TOLERANCE
    ):
        raise DataError(f"{where}: r00 to r22 are no rotation; write unit, orthogonal rows")
    known = ANGLES if columns in {EULER, MATRIX} else frozenset(PAN)
    return Prediction(proper, known, None, box)


def _numbers(row: Mapping[str, str], *, columns: Sequence[str], where: str) -> list[float]:
    try:
        values = [float(row[name]) for name in columns]
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: {', '.join(columns)} are not all numbers ({error}); correct it") from error
    if not np.isfinite(values).all():
        raise DataError(f"{where}: {', '.join(columns)} are not all finite; leave the row out")
    return values


def _box(row: Mapping[str, str], *, where: str) -> tuple[float, float, float, float] | None:
    if not all(row.get(name) for name in BOX):
        return None
    left, top, right, bottom = _numbers(row, columns=BOX, where=where)
    return left, top, right, bottom


def _told(sample: Sample, rows: Sequence[Prediction], *, match: Match) -> list[HeadPose | Classed | None]:
    """Give each head of a picture what its row says."""
    if not rows:
        return [None] * len(sample.heads)
    if len(rows) == len(sample.heads) and (len(rows) == 1 or any(row.box is None for row in rows)):
        return [
            _said(row, box=row.box or head.box or _whole(sample, head))
            for head, row in zip(sample.heads, rows, strict=True)
        ]
    boxed = [(row, row.box) for row in rows if row.box is not None]
    if len(boxed) < len(rows):
        raise DataError(
            f"{sample.key} has {len(sample.heads)} labelled heads and {len(rows)} rows without boxes; "
            "add left, top, right, bottom"
        )
    found = [_said(row, box=box) for row, box in boxed]
    return matched(sample.heads, found, picture=sample_pixels(sample), match=match)


def _said(row: Prediction, *, box: Box) -> HeadPose | Classed:
    if row.rotation is None:
        return Classed(box, row.label or "")
    return HeadPose(box=box, score=1.0, rotation=row.rotation, known=row.known)


def _whole(sample: Sample, head: LabelledHead) -> Box:
    return labelled_box(head, sample_pixels(sample))
