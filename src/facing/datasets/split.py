"""Splits that keep a person, sequence or photograph on one side, and lists of keys."""

from __future__ import annotations

import logging
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal

from facing.datasets.files import ROOT_MARK, text_of
from facing.datasets.sample import Sample
from facing.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from facing.datasets.sample import LeftOut

log = logging.getLogger(__name__)

Together = Literal["source", "picture"]


def split_keys(
    entries: Iterable[Sample | LeftOut], *, parts: Mapping[str, float], seed: int = 0, by: Together = "source"
) -> dict[str, list[str]]:
    """Split a set so that no source lies on two sides.

    Groups come in an order drawn from `seed` and their names alone, each goes to the part that lacks most of
    its share; so neither the order of the entries nor the machine matters. A set that names no source is
    split by picture, and a warning says so.

    Args:
        entries: of `Reader.samples`; what is left out is in no part.
        parts: name -> share, above 0 each; shares are divided by their sum.
        seed: another seed gives another split.
        by: "source" keeps pictures of one person, sequence or photograph together; "picture" does not.

    Returns:
        Name of each part -> its keys, sorted.

    Raises:
        DataError: there are fewer groups than parts, or a share is not above 0.
    """
    if not parts or not all(0 < share < float("inf") for share in parts.values()):
        raise DataError(f"parts are {dict(parts)}; give each a share above 0, such as train=0.8,val=0.2")
    groups: dict[str, list[str]] = {}
    sourced = False
    for entry in entries:
        if isinstance(entry, Sample):
            groups.setdefault(_group(entry, by=by), []).append(entry.key)
            sourced |= entry.source is not None
    if len(groups) < len(parts):
        raise DataError(
            f"there are {len(groups)} groups by {by} for {len(parts)} parts; use more data or --by picture"
        )
    if by == "source" and not sourced:
        log.warning(
            "the set names no persons, sequences or photographs, so pictures of one may lie in several "
            "parts; name them in a column source of a csv table, or say --by picture"
        )
    total = sum(len(keys) for keys in groups.values()) / sum(parts.values())
    wanted = {name: share * total for name, share in parts.items()}
    split: dict[str, list[str]] = {name: [] for name in parts}
    for group in sorted(groups, key=lambda group: drawn(group, seed=seed)):
        lacking = max(parts, key=lambda name: (1 - len(split[name]) / wanted[name], wanted[name]))
        split[lacking] += groups[group]
    return {name: sorted(keys) for name, keys in split.items()}


def drawn(key: str, *, seed: int) -> bytes:
    """Give a key its place in a drawn order: equal on every machine, unlike Python's own hash."""
    return blake2b(f"{seed}\n{key}".encode(errors="surrogateescape"), digest_size=16).digest()


def only(entries: Iterable[Sample | LeftOut], *, keys: frozenset[str] | None) -> Iterator[Sample | LeftOut]:
    """Keep the entries of a list; None keeps all."""
    return (entry for entry in entries if keys is None or entry.key in keys)


def read_keys(path: Path) -> frozenset[str]:
    """Read a list of keys, one per line; empty lines and the line that names the root do not count.

    Raises:
        DataError: the file cannot be read or holds no key.
    """
    try:
        lines = text_of(path).splitlines()
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a list of keys ({error}); name a text file") from error
    keys = frozenset(line.strip() for line in lines if not line.startswith(ROOT_MARK)) - {""}
    if not keys:
        raise DataError(f"{path} holds no key; write one per line")
    return keys


def _group(sample: Sample, *, by: Together) -> str:
    if by == "picture" or sample.source is None:
        return f"picture {sample.key}"
    return f"source {sample.source}"
