"""Files: what is missing, broken, counted wrongly or left out."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from facing.datasets.doctor.finding import Finding, counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from facing.datasets.doctor.survey import Seen, Survey
    from facing.datasets.sample import Reader

ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".pgm", ".ppm", ".bmp", ".webp", ".tif", ".tiff"})
RULE = re.compile(r"\bover \d")
"""How readers word what the set's own test rule leaves out; other reasons are about broken files."""
FEW = 0.01  # of the set: public sets lack a picture here and there


def picture_findings(survey: Survey, *, reader: Reader, folder: Path, whole: bool) -> Iterator[Finding]:
    """Check files and counts.

    Args:
        survey: of the set.
        reader: of the set.
        folder: where its files lie.
        whole: whether all of it was read; a part says nothing about counts and unused files.
    """
    if survey.stopped is not None:
        yield Finding(
            "stopped",
            "fault",
            f"the reader gave up after {counted(len(survey.seen), 'picture')}: {survey.stopped}",
            "mend or remove the file it names; what follows is about the part before it",
        )
    if not survey.seen:
        yield Finding("empty", "fault", "no sample could be read", "check that the folder is the right one")
    yield from _unreadable(survey)
    double = [key for key, count in Counter(sample.key for sample in survey.samples).items() if count > 1]
    if double:
        yield Finding(
            "double-key",
            "fault",
            f"{counted(len(double), 'name')} given to several samples",
            "give every sample a name of its own; files that are written by name overwrite one another",
            tuple(double),
        )
    yield from _left_out(survey)
    if whole and survey.stopped is None:
        yield from _count(survey, reader=reader)
        yield from _unused(survey, folder=folder)


def _unreadable(survey: Survey) -> Iterator[Finding]:
    troubled = [one for one in survey.seen if one.trouble is not None]
    absent = [one for one in troubled if _absent(one)]
    if absent:
        yield Finding(
            "missing-picture",
            "fault",
            f"{counted(len(absent), 'label')} without a picture: the file is not there",
            "copy the pictures again, or remove their labels",
            _keys(absent),
        )
    broken = [one for one in troubled if not _absent(one)]
    if broken:
        yield Finding(
            "unreadable-picture",
            "fault",
            f"{counted(len(broken), 'picture')} cannot be read, the first: {broken[0].trouble}",
            "copy them again, or remove them with their labels",
            _keys(broken),
        )
    flat = [one for one in survey.seen if one.size is not None and one.print is None]
    if flat:
        yield Finding(
            "blank-picture",
            "fault",
            f"{counted(len(flat), 'picture')} of one colour all over",
            "they hold no head: copy them again, or remove them",
            _keys(flat),
        )


def _absent(one: Seen) -> bool:
    return isinstance(one.sample.picture, Path) and not one.sample.picture.is_file()


def _left_out(survey: Survey) -> Iterator[Finding]:
    reasons: dict[str, list[str]] = {}
    for one in survey.left_out:
        reasons.setdefault(one.reason, []).append(one.key)
    for reason, keys in reasons.items():
        text = f"{len(keys)} left out by the reader: {reason}"
        if RULE.search(reason):
            yield Finding("left-out", "note", text, keys=tuple(keys))
            continue
        few = len(keys) < FEW * len(survey.seen)
        yield Finding(
            "unusable-label",
            "warning" if few else "fault",
            text,
            "copy these files again; nothing reads them as they are",
            tuple(keys),
        )


def _count(survey: Survey, *, reader: Reader) -> Iterator[Finding]:
    expected, found = reader.expected_count, len({sample.key for sample in survey.samples})
    if expected is None or expected == found:
        return
    few = found < expected
    yield Finding(
        "count",
        "warning",
        f"{counted(found, 'picture')}, the whole public set has {expected}",
        "a part: say so beside any figure measured on it"
        if few
        else "more than there are: look for copies and for files of another set",
        figures={"found": found, "expected": expected},
    )


def _unused(survey: Survey, *, folder: Path) -> Iterator[Finding]:
    """Find picture files of the folder that no sample shows and no rule left out."""
    shown = {sample.picture.resolve() for sample in survey.samples if isinstance(sample.picture, Path)}
    if not shown or not folder.is_dir():
        return
    folders = {path.parent for path in shown}
    dropped = {Path(one.key).with_suffix("").name for one in survey.left_out}
    dropped |= {Path(one.key).name for one in survey.left_out}
    unused = [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in ENDINGS
        and path.resolve().parent in folders
        and path.resolve() not in shown
        and not {path.stem, path.name} & dropped
    ]
    if unused:
        yield Finding(
            "no-label",
            "warning",
            f"{counted(len(unused), 'picture')} without a label among the labelled ones",
            "find their labels, or leave them; nothing reads them",
            tuple(unused),
        )


def _keys(found: Sequence[Seen]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.sample.key for one in found))
