"""Where pictures of front, side and back come from: renders, Pointing'04 and one's own folders."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from facing.datasets.orientation_classes import BETWEEN, ORIENTATIONS
from facing.datasets.readers import pointing04
from facing.datasets.sample import LeftOut
from facing.errors import DataError, PictureError
from facing.geometry.azimuth import azimuth_deg
from facing.picture import find_pictures, load_picture
from facing.shards import find_shards, read_shard

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from facing.datasets.orientation_classes import ClassRule
    from facing.runtime.detector import Detector

SourceName = Literal["renders", "pointing04", "fronts", "backs"]

# The published filter: 40 of the 93 poses of a series.
SIDE_PAN_DEG, SIDE_TILT_DEG = 45.0, 30.0
FRONT_PAN_DEG = 30.0
"""Frontal poses of Pointing'04 that join the fronts, lest its one room mark the sides."""
RENDERS_LICENCE = "rendered from CC0 and MIT material"
OWN_LICENCE = "of its owner, not stated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A head that can be written, any number of times in different variants."""

    source: SourceName
    key: str
    """Unique within its source."""
    person: str
    """What a split keeps together: a person where the source tells, else the picture."""
    label: str
    file: Path
    """The picture, or the shard that holds it under `key`."""
    licence: str
    box: tuple[float, float, float, float] | None = None
    """Head box; None: a detector has to find it."""
    rotation: NDArray[np.floating[Any]] | None = None
    stated: dict[str, float] = field(default_factory=dict)
    """Angles that the file name states, with their signs."""


def render_candidates(folder: Path, *, rule: ClassRule, left_out: Counter[str]) -> Iterator[Candidate]:
    """Yield every rendered head of a folder of shards that is in a class."""
    for path in find_shards(folder, kind="heads"):
        for sample in read_shard(path):
            try:
                rotation = np.asarray(sample.label["rotation"], dtype=np.float64).reshape(3, 3)
                x0, y0, x1, y1 = (float(edge) for edge in sample.label["box"])
                person = f"{folder.name}-{int(sample.label['identity'])}"
            except (KeyError, TypeError, ValueError):
                left_out["label cannot be read"] += 1
                continue
            label = _label(rotation, rule=rule, left_out=left_out)
            if label:
                yield Candidate(
                    source="renders",
                    key=sample.key,
                    person=person,
                    label=label,
                    file=path,
                    licence=RENDERS_LICENCE,
                    box=(x0, y0, x1, y1),
                    rotation=rotation,
                )


def pointing04_candidates(folder: Path, *, rule: ClassRule, left_out: Counter[str]) -> Iterator[Candidate]:
    """Yield the sides of Pointing'04 by the published filter, and as room-mates its fronts.

    Sides: |pan| >= 45 and |tilt| <= 30. The original splits names at their signs and so loses them; here
    `stated` keeps them.
    """
    for entry in pointing04.READER.samples(folder):
        if isinstance(entry, LeftOut):
            left_out[entry.reason] += 1
            continue
        name = pointing04.NAME.match(Path(entry.key).name)
        assert name is not None  # the reader passes on no other names
        tilt, pan = float(name[4]), float(name[5])
        head = entry.heads[0]
        assert head.rotation is not None
        assert isinstance(entry.picture, Path)
        if abs(tilt) > SIDE_TILT_DEG or FRONT_PAN_DEG < abs(pan) < SIDE_PAN_DEG:
            left_out["not among the poses of the published filter"] += 1
            continue
        label = _label(head.rotation, rule=rule, left_out=left_out)
        # The published filter counts the border itself, pan 45, among the sides.
        if abs(pan) == rule.front_max and rule.margin == 0:
            label = "side"
        if label:
            yield Candidate(
                source="pointing04",
                key=entry.key,
                person=f"pointing04-{entry.source}",
                label=label,
                file=entry.picture,
                licence=pointing04.READER.licence,
                box=head.box,
                rotation=head.rotation,
                stated={"pan": pan, "tilt": tilt},
            )


def folder_candidates(folder: Path, *, label: str, left_out: Counter[str]) -> Iterator[Candidate]:
    """Yield the pictures of one's own folder, all of one class; each counts as a person of its own."""
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; name the one that holds your pictures of a {label}")
    for found in find_pictures([folder]):
        if found.error is not None:
            left_out["no picture"] += 1
            continue
        key = found.path.relative_to(folder).as_posix()
        yield Candidate(
            source="backs" if label == "back" else "fronts",
            key=key,
            person=f"{folder.name}/{key}",
            label=label,
            file=found.path,
            licence=OWN_LICENCE,
        )


def read_pictures(chosen: Iterable[Candidate]) -> Iterator[tuple[Candidate, NDArray[np.uint8] | Exception]]:
    """Read the pictures of candidates: files one by one, shards once each.

    Yields:
        Each candidate with (H, W, 3) RGB, for renders (H, W, 4) with coverage, or with why it has none.
    """
    by_shard: dict[Path, dict[str, Candidate]] = {}
    for candidate in chosen:
        if candidate.source == "renders":
            by_shard.setdefault(candidate.file, {})[candidate.key] = candidate
            continue
        try:
            yield candidate, load_picture(candidate.file)
        except PictureError as error:
            yield candidate, error
    for path, wanted in sorted(by_shard.items()):
        for sample in read_shard(path):
            if sample.key not in wanted:
                continue
            try:
                yield wanted[sample.key], sample.pixels(coverage=True)
            except OSError as error:
                yield wanted[sample.key], error


def find_box(picture: NDArray[np.uint8], detector: Detector | None) -> tuple[float, float, float, float]:
    """Give the best head of a picture, or its frame where there is no detector.

    Raises:
        DataError: the detector finds none.
    """
    height, width = picture.shape[:2]
    if detector is None:
        return (0.0, 0.0, float(width), float(height))
    boxes, _ = detector.detect(picture)
    if not len(boxes):
        raise DataError("no head was found in it")
    x0, y0, x1, y1 = (float(edge) for edge in boxes[0])
    return x0, y0, x1, y1


def _label(rotation: NDArray[np.floating[Any]], *, rule: ClassRule, left_out: Counter[str]) -> str | None:
    number = int(rule.classes(azimuth_deg(rotation)))
    if number == BETWEEN:
        left_out["within the margin of a class"] += 1
        return None
    return ORIENTATIONS[number]
