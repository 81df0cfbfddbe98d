"""Protocols: named rules that say which heads of a set count, how they are cut and what is reported.

Each file of `protocols/` exports one as PROTOCOL.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from facing import registry
from facing.datasets.sample import LabelledHead, LeftOut, Sample
from facing.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from facing.crop import CropSpec
    from facing.pose import HeadPose

PROTOCOLS = "facing.evaluation.protocols"


def as_labelled(_sample: Sample, head: LabelledHead) -> LabelledHead | LeftOut:
    """Take every head as its reader gives it."""
    return head


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """One way of testing that a result can name."""

    title: str
    reader: str
    """Name of the set's reader."""
    filter: str
    """Which heads count, in words."""
    box_rule: str
    """Which box the crop starts from, in words."""
    crop: CropSpec | None = None
    """Cuts heads in place of the model's own crop, at the model's side; None: the model's own."""
    convention: str
    """What to know about the labels."""
    metrics: tuple[str, ...]
    """Figures of `summarise` that results under this protocol state, the first one first."""
    expected_count: int | None = None
    """Heads of the whole public set under this protocol, where that is known."""
    source: str
    """Where the rule is from."""
    take: Callable[[Sample, LabelledHead], LabelledHead | LeftOut] = as_labelled
    """Gives a head as it is judged, with box and class of the protocol, or leaves it out."""
    read: Callable[[HeadPose], str | None] | None = None
    """Reads an estimate as a class; None: as `HeadPose.facing`."""


def protocol_names() -> tuple[str, ...]:
    """List the protocols, as they are typed on the command line."""
    return registry.words(PROTOCOLS)


def load_protocol(name: str) -> Protocol:
    """Load one protocol.

    Args:
        name: its file name; "-" and "_" are one.

    Raises:
        UnknownNameError: there is no such protocol.
    """
    protocol = registry.load_word(PROTOCOLS, name, attribute="PROTOCOL", kind="protocol")
    assert isinstance(protocol, Protocol)
    return protocol


def apply_protocol(protocol: Protocol, samples: Iterable[Sample | LeftOut]) -> Iterator[Sample | LeftOut]:
    """Pass on what a protocol takes; a head that cannot be judged by it becomes a `LeftOut`."""
    for sample in samples:
        if isinstance(sample, LeftOut):
            yield sample
            continue
        taken = [protocol.take(sample, head) for head in sample.heads]
        heads = tuple(head for head in taken if isinstance(head, LabelledHead))
        yield from (head for head in taken if isinstance(head, LeftOut))
        if heads or not sample.heads:
            yield replace(sample, heads=heads)


def landmarks_of(head: LabelledHead, *, name: str, protocol: str) -> NDArray[np.floating]:
    """Give the landmarks that a published box starts from, (J, 2 or 3), pixels.

    Raises:
        DataError: the set's reader does not give them.
    """
    if name not in head.landmarks:
        raise DataError(
            f"{protocol} starts from the landmarks {name!r}, which are not in this set; use another"
        )
    return head.landmarks[name]
