"""All questions to one set; the twin of `facing datasets check`."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from facing.datasets.doctor.boxes import box_findings, found_box_findings
from facing.datasets.doctor.duplicates import duplicate_findings, leak_findings
from facing.datasets.doctor.finding import SEVERITIES, Finding, Report
from facing.datasets.doctor.labels import MOST_DEG, label_findings
from facing.datasets.doctor.landmarks import landmark_findings
from facing.datasets.doctor.pictures import picture_findings
from facing.datasets.doctor.signs import sign_findings
from facing.datasets.doctor.survey import survey
from facing.datasets.doctor.witness import Witness, witnesses
from facing.datasets.split import only
from facing.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from facing.datasets.doctor.survey import Progress, Survey
    from facing.datasets.sample import Reader

LOOK_AT = 60
"""Pictures that the networks look at: a wrong sign shows on a dozen, and 60 take seconds."""


def check_set(
    reader: Reader,
    folder: Path,
    *,
    limit: int | None = None,
    keys: frozenset[str] | None = None,
    most_deg: float = MOST_DEG,
    look_at: int = LOOK_AT,
    against: Sequence[tuple[str, Survey]] = (),
    threads: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Read a set and look for everything that is known to go wrong with labelled heads.

    Args:
        reader: of the set.
        folder: where its files are.
        limit: look at this many pictures only, left-out ones included.
        keys: look at the samples of these keys only.
        most_deg: angles over it are reported.
        look_at: how many pictures our own networks look at, to judge signs, axes and boxes; 0 for none.
        against: other splits as (name, `survey` of its samples), for leaks.
        threads: of one network call.
        progress: called with what is being done and how many are done.

    Returns:
        The report; a broken picture or label is a finding in it, never an error.

    Raises:
        DataError: the folder does not hold the set.
    """
    seen = survey(only(reader.samples(folder), keys=keys), limit=limit, progress=progress)
    looked, unable = _looked_at(seen, look_at=look_at, threads=threads, progress=progress)
    found = chain(
        picture_findings(seen, reader=reader, folder=folder, whole=limit is None and keys is None),
        label_findings(seen.samples, reader=reader, most_deg=most_deg),
        sign_findings(looked),
        landmark_findings(seen.seen),
        box_findings(seen.seen),
        found_box_findings(looked),
        duplicate_findings(seen.seen),
        *(leak_findings(seen.seen, other.seen, name=name) for name, other in against),
        unable,
    )
    return Report(
        title=reader.title,
        folder=str(folder),
        pictures=len(seen.seen),
        heads=sum(len(sample.heads) for sample in seen.samples),
        left_out=len(seen.left_out),
        looked_at=len(looked),
        findings=tuple(sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))),
    )


def _looked_at(
    seen: Survey, *, look_at: int, threads: int | None, progress: Progress | None
) -> tuple[tuple[Witness, ...], tuple[Finding, ...]]:
    """Ask the networks; a package without weights checks the rest all the same."""
    try:
        return witnesses(seen.seen, most=look_at, threads=threads, progress=progress), ()
    except ModelError as error:
        text = f"signs, axes and places of boxes were not compared with the pictures: {error}"
        return (), (Finding("no-networks", "warning", text),)
