"""Any labelled set into another form: head shards, the four folders of the compact system, CSV, a list.

Forms are the files of `datasets/converters`. A conversion that was killed goes on where it stopped: what lies
whole in the target is kept, and `facing-set.json` beside it says with which settings it was made.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import chain
from typing import TYPE_CHECKING, Any

from facing import registry
from facing.datasets.describe import set_facts
from facing.datasets.sample import LeftOut
from facing.datasets.split import only
from facing.datasets.stats import head_angles
from facing.errors import DataError
from facing.output.sink import text_sink
from facing.terms import MANIFEST, stated_terms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from facing.datasets.sample import Reader, Sample

FORMS = "facing.datasets.converters"
MOST_DEG = 99.0
"""The field's own rule since Hopenet: a head with a larger angle is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertJob:
    """What to convert, and how."""

    name: str
    """Of the set, as it is typed."""
    reader: Reader
    path: Path
    """Where the set lies."""
    out: Path
    """Folder to write."""
    max_angle: float = MOST_DEG
    """Heads with a larger known angle are left out, degrees; 180 keeps all."""
    side: int = 160
    """Of the head pictures in shards, pixels."""
    scale: float = 1.9
    """Side of the cut region over the longer side of the head box: room for a training to jitter."""
    part: tuple[int, int] = (0, 1)
    """(i, n): this call writes every n-th part, starting with i; others run elsewhere."""
    keys: frozenset[str] | None = None
    """Only these pictures; None takes all."""


@dataclass(slots=True)
class Tally:
    """What became of the pictures; a converter adds to it while it writes."""

    written: int = 0
    """Heads, or pictures where the form has one entry per picture."""
    kept: int = 0
    """Shards or entries that lay there already."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Reason -> heads or pictures that this form or the set's own rule leaves out."""
    failed: list[tuple[str, str]] = field(default_factory=list)
    """Key and reason of every picture that could not be read."""


@dataclass(frozen=True, slots=True)
class Converter:
    """What a file of `datasets/converters` exports."""

    title: str
    write: Callable[[ConvertJob, Iterator[Sample], Tally], None]
    """Writes the samples, which hold only heads to be written, and counts in the tally."""
    in_parts: bool
    """Whether several calls may write parts of it side by side (`ConvertJob.part`)."""


def form_names() -> tuple[str, ...]:
    """List the forms that can be written, as they are typed."""
    return registry.words(FORMS)


def convert(job: ConvertJob, *, form: str = "shards", progress: Callable[[int], None] | None = None) -> Tally:
    """Write a set in another form.

    Args:
        job: what to convert, and how.
        form: one of `form_names()`.
        progress: called with the number of pictures looked at so far.

    Returns:
        Counts; a picture that cannot be read is in `failed` and stops nothing.

    Raises:
        UnknownNameError: there is no such form.
        DataError: the folder does not hold the set, the target holds another set or other settings, the form
            cannot be written in parts, or nothing was left to write.
    """
    converter = registry.load_word(FORMS, form, attribute="CONVERTER", kind="form")
    assert isinstance(converter, Converter)
    if job.part[1] > 1 and not converter.in_parts:
        raise DataError(f"{form} is one file and cannot be written in {job.part[1]} parts; leave --shard out")
    tally = Tally()
    samples = _wanted(job, tally)
    first = next(samples, None)
    if first is None:
        raise _nothing(job, tally, form=form)
    _claim(job, form=form)
    converter.write(job, _counted(chain([first], samples), progress), tally)
    if job.part[1] == 1 and not (tally.written or tally.kept or tally.failed):
        raise _nothing(job, tally, form=form)
    return tally


def identity_of(sample: Sample, *, name: str) -> int:
    """Give heads of one person, sequence or photograph one whole number, equal on every machine.

    Args:
        sample: of the set.
        name: of the set, so that person 1 of two sets are two.

    Returns:
        0 to 2 ** 53 - 1, so that every JSON reader holds it exactly.
    """
    source = sample.key if sample.source is None else f"source {sample.source}"
    text = f"{name.replace('_', '-')}\n{source}"
    digest = blake2b(text.encode(errors="surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 11


def file_name(key: str) -> str:
    """Make a file name of a key, one that is not hidden; keys that differ give names that differ."""
    name = re.sub(r"[^\w.+-]", "_", key).lstrip(".") or "_"
    if name == key:
        return name
    return f"{name}-{blake2b(key.encode(errors='surrogateescape'), digest_size=3).hexdigest()}"


def _nothing(job: ConvertJob, tally: Tally, *, form: str) -> DataError:
    reasons = ", ".join(f"{count}: {reason}" for reason, count in tally.left_out.items()) or "no pictures"
    return DataError(
        f"{job.path}: nothing of {job.reader.title} can be written as {form} ({reasons}); choose another form"
    )


def _wanted(job: ConvertJob, tally: Tally) -> Iterator[Sample]:
    """Give samples with the heads that are to be written."""
    for entry in only(job.reader.samples(job.path), keys=job.keys):
        if isinstance(entry, LeftOut):
            tally.left_out[entry.reason] += 1
            continue
        heads = tuple(
            head
            for head in entry.heads
            if all(abs(value) <= job.max_angle for value in head_angles(head).values())
        )
        over = len(entry.heads) - len(heads)
        if over:
            tally.left_out[f"an angle over {job.max_angle:g} degrees"] += over
        if heads:
            yield replace(entry, heads=heads)
        elif not entry.heads:
            tally.left_out["no labelled head"] += 1


def _counted(samples: Iterator[Sample], progress: Callable[[int], None] | None) -> Iterator[Sample]:
    for count, sample in enumerate(samples, start=1):
        if progress is not None:
            progress(count)
        yield sample


def _claim(job: ConvertJob, *, form: str) -> None:
    """Say beside the data where it comes from, and refuse to mix two conversions."""
    facts: dict[str, Any] = {
        "schema": 1,
        "form": form,
        "set": stated_terms(job.path) or set_facts(job.reader, name=job.name),
        "max_angle": job.max_angle,
        "pictures": None if job.keys is None else _digest(job.keys),
    }
    if form == "shards":
        facts |= {"side": job.side, "scale": job.scale}
    text = json.dumps(facts, indent=1) + "\n"
    path = job.out / MANIFEST
    try:
        found = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        with text_sink(path) as stream:
            stream.write(text)
        return
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); choose another folder") from error
    if found != text:
        raise DataError(f"{job.out} holds another set or other settings ({MANIFEST}); choose an empty folder")


def _digest(keys: frozenset[str]) -> str:
    text = "\n".join(sorted(keys))
    return blake2b(text.encode(errors="surrogateescape"), digest_size=8).hexdigest()
