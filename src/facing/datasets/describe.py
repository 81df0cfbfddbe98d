"""What a reader states about its set, in plain words and as JSON."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facing.datasets.sample import Reader

WIDTH = 88
MATCHES = {
    "overlap": "by the overlap of the boxes",
    "middle": "by its middle, because the boxes of the set are rough",
}


def set_facts(reader: Reader, *, name: str) -> dict[str, Any]:
    """Give everything that a reader states, as JSON holds it.

    Args:
        reader: of the set.
        name: as it is typed.
    """
    return {
        "name": name,
        "title": reader.title,
        "licence": reader.licence,
        "may_train_shipped_weights": reader.may_train_shipped_weights,
        "expected_count": reader.expected_count,
        "known": list(reader.known),
        "classes": reader.classes,
        "complete_labels": reader.complete_labels,
        "box_rule": reader.box_rule,
        "convention": reader.convention,
        "match": reader.match,
    }


def set_table(sets: Sequence[tuple[str, Reader]]) -> str:
    """Lay out sets in a table of four columns and the licences below each name.

    Args:
        sets: names and readers, in the order wanted.
    """
    longest = max((len(name) for name, _ in sets), default=0)
    lines = [f"{'name':<{longest}}  {'pictures':>8}  {'shipped':<7}  title and licence"]
    for name, reader in sets:
        count = "" if reader.expected_count is None else f"{reader.expected_count:,}"
        shipped = "may be" if reader.may_train_shipped_weights else "never"
        lines.append(f"{name:<{longest}}  {count:>8}  {shipped:<7}  {reader.title}")
        lines.append(f"{'':<{longest + 21}}{reader.licence}")
    lines.append("\npictures: in the whole public set; shipped: weights trained on the set")
    return "\n".join(lines)


def set_text(reader: Reader, *, name: str) -> str:
    """Say everything that a reader states, one paragraph per fact.

    Args:
        reader: of the set.
        name: as it is typed.
    """
    count = "not known" if reader.expected_count is None else f"{reader.expected_count:,} in the whole set"
    shipped = "may be shipped" if reader.may_train_shipped_weights else "must not be shipped"
    every = "every visible head is labelled" if reader.complete_labels else "further heads may be unlabelled"
    rows = [
        ("pictures", count),
        ("licence", f"{reader.licence}; weights trained on it {shipped}"),
        ("labels", f"{_stated(reader)}; {every}"),
        ("convention", reader.convention),
        ("head box", reader.box_rule),
        ("a detection counts", MATCHES[reader.match]),
    ]
    return "\n".join([f"{name}: {reader.title}", *(_paragraph(word, text) for word, text in rows)])


def _stated(reader: Reader) -> str:
    if reader.varies:
        return "what its columns state"
    stated = [", ".join(reader.known)] if reader.known else []
    if reader.classes:
        stated.append("a class")
    return " and ".join(stated) or "boxes alone, no angles and no classes"


def _paragraph(word: str, text: str) -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=f"  {word:<20}", subsequent_indent=" " * 22, break_on_hyphens=False
    )
