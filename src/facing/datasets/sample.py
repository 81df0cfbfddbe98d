"""What a dataset reader yields: pictures, their labelled heads, and what is known about the set."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from facing import registry
from facing.errors import DataError
from facing.picture import load_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

Angle = Literal["yaw", "pitch", "roll"]
Facing = Literal["front", "left", "right", "back"]

ANGLES: tuple[Angle, ...] = ("yaw", "pitch", "roll")
READERS = "facing.datasets.readers"
GREY = 127
"""Behind renders, which are stored with coverage and without background."""


class StoredPicture(Protocol):
    """A picture that is no file of its own: in a shard, in an array file."""

    def pixels(self) -> NDArray[np.uint8]:
        """Decode it: (H, W, 3) RGB, or (H, W, 4) with coverage. Raises OSError where it is broken."""
        ...


@dataclass(frozen=True, slots=True)
class LabelledHead:
    """One head of a picture and what its set says about it."""

    box: tuple[float, float, float, float] | None
    """Head box, xyxy in pixels, may leave the frame; None: the whole picture is the head."""
    rotation: NDArray[np.floating[Any]] | None
    """(3, 3), head -> camera; angles that are not in `known` are 0 in it. None: no angle is known."""
    known: tuple[Angle, ...] = ()
    """Which of yaw, pitch, roll the set states."""
    label: str | None = None
    """Coarse class: a `Facing`, left and right as the viewer of the picture sees them, or a class of the
    set's own."""
    landmarks: Mapping[str, NDArray[np.floating[Any]]] = field(default_factory=lambda: MappingProxyType({}))
    """Landmarks under the set's own name for them, as stored: (J, 2) or (J, 3), pixels, x right, y down."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture and its labelled heads."""

    key: str
    """Name that is unique within the set."""
    picture: Path | StoredPicture
    """The file, or the picture as it lies in a shard or array file."""
    heads: tuple[LabelledHead, ...]
    source: str | None = None
    """Person, sequence or photograph that this picture shares with others; a split keeps it together."""
    tags: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Free words and figures about the picture, as renders state them: skin, age, hair, light."""


def sample_pixels(
    sample: Sample, *, behind: Callable[[int, int], NDArray[Any]] | None = None
) -> NDArray[np.uint8]:
    """Read the picture of a sample, upright RGB (H, W, 3) uint8.

    Args:
        sample: of any reader.
        behind: gives what lies behind renders of some height and width, (H, W, 3), 0 to 255; grey where None.

    Raises:
        PictureError: the file cannot be read.
        DataError: a stored picture cannot be decoded.
    """
    if isinstance(sample.picture, Path):
        return load_picture(sample.picture)
    try:
        stored = sample.picture.pixels()
    except OSError as error:
        raise DataError(f"{sample.key} cannot be decoded ({error}); write its file again") from error
    if stored.shape[2] == 3:
        return stored
    cover = stored[..., 3:].astype(np.float64) / 255
    back = GREY if behind is None else behind(*stored.shape[:2])
    return np.rint(stored[..., :3] * cover + back * (1 - cover)).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A picture that the set holds and its own test rule leaves out."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reader:
    """One public set: terms, conventions and its samples."""

    title: str
    licence: str
    may_train_shipped_weights: bool
    """False for everything that is for research only or whose terms are not written down."""
    box_rule: str
    """How the head box came about."""
    convention: str
    """The set's own signs and how they were turned into ours."""
    complete_labels: bool
    """Whether every visible head of a picture is labelled; otherwise further boxes are no mistakes."""
    known: tuple[Angle, ...]
    """Angles that every labelled head states; empty for sets of boxes or classes alone."""
    samples: Callable[[Path], Iterator[Sample | LeftOut]]
    """Folder -> samples in a fixed order, already in our convention. Raises DataError for a folder
    that does not hold the set; a single broken label becomes a `LeftOut`."""
    classes: bool = False
    """Whether heads state a coarse class (`LabelledHead.label`)."""
    varies: bool = False
    """Whether each table states something else; `known` and `classes` then promise nothing."""
    expected_count: int | None = None
    """Pictures in the whole public set after its test rule, where that is known."""
    match: Literal["overlap", "middle"] = field(default="overlap")
    """How a detected box is known to be a labelled head: "middle" where boxes are rough."""


def reader_names() -> tuple[str, ...]:
    """List the sets that can be read, as they are typed on the command line."""
    return registry.words(READERS)


def load_reader(name: str) -> Reader:
    """Load the reader of one set.

    Args:
        name: its file name; "-" and "_" are one.

    Raises:
        UnknownNameError: there is no such reader.
    """
    reader = registry.load_word(READERS, name, attribute="READER", kind="dataset")
    assert isinstance(reader, Reader)
    return reader
