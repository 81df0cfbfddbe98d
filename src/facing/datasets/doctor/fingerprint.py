"""Perceptual hashes: which of very many pictures show the same thing, mirrored or not.

The hash is the sign pattern of the lowest 8 x 8 cosine frequencies of a 32 x 32 grey picture about
their median (Zauner, Implementation and benchmarking of perceptual image hash functions, 2010, 3.2.1).
Mirroring a picture changes the sign of its odd horizontal frequencies, so one transform gives both hashes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]
    Index = NDArray[np.intp]
    Pairs = NDArray[np.intp]
    Small = NDArray[np.float16]

SIDE, LOW, SMALL = 32, 8, 24
MOST_BITS = 7
"""Hashes this far apart are candidates: the most that equal 16-bit bands up to one bit are sure to find."""
BANDS = 4
MOST_APART, SPECKS = 0.4, 3
"""Two small grey pictures of standard deviation 1 are one picture where, but for 3 pixels, no two differ
by more. Measured on 280 pictures: half the size, JPEG quality 40 or another brightness stay below in nine
of ten, frames of one fixed camera with the head turned by 15 degrees lie above in nineteen of twenty."""
MOST_ALIKE = 32  # pictures of one hash that are compared with one another
_MOST_AT_ONCE, _CHECKED_AT_ONCE = 1 << 22, 1 << 15  # pairs that lie in memory together


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is kept of a picture to recognise it."""

    plain: int
    """64-bit hash."""
    mirrored: int
    """64-bit hash of the mirrored picture."""
    small: Small
    """(24, 24) grey, mean 0 and standard deviation 1."""


def fingerprint(pixels: NDArray[np.uint8]) -> Fingerprint | None:
    """Recognise a picture by its low frequencies.

    Args:
        pixels: (H, W, 3) RGB.

    Returns:
        None for a picture of one grey.
    """
    grey = Image.fromarray(pixels).convert("L")
    small = np.asarray(grey.resize((SMALL, SMALL), Image.Resampling.BOX), dtype=np.float64)
    if small.std() < 1:  # grey level: there is nothing to recognise
        return None
    values = np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float64)
    low = _cosines() @ values @ _cosines().T
    turned = low * (-1.0) ** np.arange(1, LOW + 1)
    return Fingerprint(_bits(low), _bits(turned), ((small - small.mean()) / small.std()).astype(np.float16))


class Pair(NamedTuple):
    """Two pictures that are one."""

    first: int
    second: int
    apart: float
    """Largest difference of the small grey pictures but for a few pixels, in standard deviations."""


def same_pictures(
    first: Sequence[Fingerprint], second: Sequence[Fingerprint] | None = None, *, mirrored: bool = False
) -> list[Pair]:
    """Find the pairs of pictures that are one, without comparing all with all.

    Args:
        first: of one set.
        second: of another; None pairs `first` with itself, each pair once and lower index first.
        mirrored: find pictures of `second` that are mirror pictures of `first` instead.

    Returns:
        Pairs in order. Where more than 32 pictures share one hash, each further one is compared with the
        first of them only: groups are found, not every pair.
    """
    others = first if second is None else second
    if not first or not others:
        return []
    a = np.array([one.plain for one in first], dtype=np.uint64)
    b = np.array([one.mirrored if mirrored else one.plain for one in others], dtype=np.uint64)
    pairs = _candidates(a, b)
    if second is None:
        pairs = np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1), axis=0)
    small_a, small_b = (np.stack([one.small for one in side]) for side in (first, others))
    turn = -1 if mirrored else 1
    found: list[Pair] = []
    for start in range(0, len(pairs), _CHECKED_AT_ONCE):
        i, j = pairs[start : start + _CHECKED_AT_ONCE].T
        differences = np.abs(small_a[i] - small_b[j][:, :, ::turn]).reshape(len(i), -1)
        apart = np.partition(differences, -1 - SPECKS, axis=1)[:, -1 - SPECKS]
        same = apart <= MOST_APART
        rows = zip(i[same].tolist(), j[same].tolist(), apart[same].tolist(), strict=True)
        found += [Pair(*row) for row in rows]
    return found


def _candidates(a: Hashes, b: Hashes) -> Pairs:
    """Pair pictures by hash: (P, 2), indices in a and b, each pair once."""
    values_a, members_a = _grouped(a)
    values_b, members_b = _grouped(b)
    parts = [np.zeros((0, 2), dtype=np.intp)]
    for i, j in near_hashes(values_a, values_b).tolist():
        rows, columns = members_a[i], members_b[j]
        parts.append(_product(rows[:MOST_ALIKE], columns[:MOST_ALIKE]))
        if values_a[i] == values_b[j]:
            parts += [_product(rows[MOST_ALIKE:], columns[:1]), _product(rows[:1], columns[MOST_ALIKE:])]
    return np.concatenate(parts)


def _grouped(hashes: Hashes) -> tuple[Hashes, list[Index]]:
    values, inverse = np.unique(hashes, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    ends = np.cumsum(np.bincount(inverse, minlength=len(values)))
    return values, np.split(order, ends[:-1])


def _product(rows: Index, columns: Index) -> Pairs:
    return np.stack([np.repeat(rows, len(columns)), np.tile(columns, len(rows))], axis=1)


def near_hashes(a: Hashes, b: Hashes) -> Pairs:
    """Find all pairs of hashes at most `MOST_BITS` apart.

    With 7 differing bits one of four 16-bit bands has at most one: each band is looked up as it is and
    with each of its bits turned, in a sorted list.

    Args:
        a: (N,) uint64.
        b: (M,) uint64.

    Returns:
        (P, 2), indices in a and b, each pair once.

    Source: multi-index hashing (Norouzi, Punjani and Fleet 2012, 3.1).
    """
    flips = np.array([0, *(1 << bit for bit in range(16))], dtype=np.uint16)
    parts = []
    for band in range(BANDS):
        shift = np.uint64(16 * band)
        in_a, in_b = ((h >> shift).astype(np.uint16) for h in (a, b))
        order = np.argsort(in_b, kind="stable")
        ranked = in_b[order]
        for flip in flips:
            low = np.searchsorted(ranked, in_a ^ flip, side="left")
            counts = np.searchsorted(ranked, in_a ^ flip, side="right") - low
            parts += [_near(a, b, pairs) for pairs in _expanded(low, counts, order=order)]
    if not parts:
        return np.zeros((0, 2), dtype=np.intp)
    return np.unique(np.concatenate(parts), axis=0)


def _expanded(low: Pairs, counts: Pairs, *, order: Pairs) -> Iterator[Pairs]:
    """Write ranges of the sorted list out as pairs, a bounded number at a time."""
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + _MOST_AT_ONCE)))
        part = counts[start:stop]
        rows = np.repeat(np.arange(start, stop), part)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(part) - part, part)
        yield np.stack([rows, order[low[rows] + within]], axis=1)
        start = stop


def _near(a: Hashes, b: Hashes, pairs: Pairs) -> Pairs:
    apart = a[pairs[:, 0]] ^ b[pairs[:, 1]]
    bits = _bit_counts()[apart.view(np.uint16)].reshape(-1, 4).sum(1)
    return np.asarray(pairs[bits <= MOST_BITS])


@cache
def _bit_counts() -> NDArray[np.uint8]:
    """(65536,), set bits of every 16-bit number."""
    bits = np.unpackbits(np.arange(1 << 16, dtype=np.uint16).view(np.uint8).reshape(-1, 2), axis=1)
    return np.asarray(bits.sum(1, dtype=np.uint8))


@cache
def _cosines() -> NDArray[np.float64]:
    """(8, 32), the lowest rows of the cosine transform but for the constant one."""
    wave = np.arange(1, LOW + 1)[:, None] * (np.arange(SIDE) + 0.5) * np.pi / SIDE
    return np.asarray(np.cos(wave))


def _bits(low: NDArray[np.floating[Any]]) -> int:
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")
