"""Pictures that are there twice: copies, mirror copies, and leaks between splits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facing.datasets.doctor.finding import Finding, counted
from facing.datasets.doctor.fingerprint import same_pictures
from facing.datasets.doctor.labels import proper
from facing.datasets.doctor.survey import largest_head
from facing.geometry.boxes import overlap
from facing.geometry.rotation import geodesic_deg

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from facing.datasets.doctor.fingerprint import Fingerprint, Pair
    from facing.datasets.doctor.survey import Seen

MIRROR = np.diag([-1.0, 1.0, 1.0])
MANY = 0.05  # share of the set from which copies change its statistics
OTHER_LABEL_DEG = 15.0  # near-identical photographs of one set differ by 4 degrees in label at the median
SAME_HEAD = 0.5  # overlap of two boxes of one picture that are the same head's


def duplicate_findings(seen: Sequence[Seen]) -> Iterator[Finding]:
    """Find copies and mirror copies within one set."""
    ready = [one for one in seen if one.print is not None]
    prints = _prints(ready)
    copies = same_pictures(prints)
    plain = {pair[:2]: pair.apart for pair in copies}
    # Copies of a picture that is nearly its own mirror picture look mirrored as well.
    mirrored = [
        pair for pair in same_pictures(prints, mirrored=True) if pair.apart < plain.get(pair[:2], np.inf)
    ]
    turned = {pair[:2] for pair in mirrored}
    copies = [pair for pair in copies if pair[:2] not in turned]
    yield from _copies(ready, copies)
    yield from _mirrored(ready, mirrored)


def leak_findings(seen: Sequence[Seen], against: Sequence[Seen], *, name: str) -> Iterator[Finding]:
    """Find pictures of this set, mirrored or not, that another split holds as well.

    Args:
        seen: of this set.
        against: of the other split.
        name: of the other split, for the text.
    """
    ready, others = ([one for one in side if one.print is not None] for side in (seen, against))
    mine, theirs = _prints(ready), _prints(others)
    plain = {pair.first for pair in same_pictures(mine, theirs)}
    mirrored = {pair.first for pair in same_pictures(mine, theirs, mirrored=True)} - plain
    leaked = sorted(plain | mirrored)
    if leaked:
        yield Finding(
            "leak",
            "fault",
            f"{len(leaked)} of {len(ready)} pictures are in {name} as well, {len(mirrored)} of them mirrored",
            "take them out of the set that is trained on: they are learned by heart and then measured",
            tuple(ready[index].sample.key for index in leaked),
            {"plain": len(plain), "mirrored": len(mirrored)},
        )
    both = {one.sample.source for one in seen} & {one.sample.source for one in against}
    shared = sorted(source for source in both if source is not None)
    if shared:
        yield Finding(
            "shared-source",
            "fault",
            f"{counted(len(shared), 'source')} (person, photograph) also in {name}, the first: {shared[0]}",
            "split by source: facing datasets split",
            tuple(one.sample.key for one in seen if one.sample.source in both - {None}),
            {"sources": shared},
        )


def _copies(ready: Sequence[Seen], pairs: Sequence[Pair]) -> Iterator[Finding]:
    groups = _groups(pairs)
    if not groups:
        return
    involved = sorted(index for group in groups for index in group)
    extra = len(involved) - len(groups)
    across = [pair for pair in pairs if _sources_differ(ready[pair.first], ready[pair.second])]
    together = all(_sources_agree(ready[pair.first], ready[pair.second]) for pair in pairs)
    many = extra > MANY * len(ready) and not together
    yield Finding(
        "near-duplicate",
        "warning" if many else "note",
        f"{len(involved)} of {len(ready)} pictures are near-copies, in {counted(len(groups), 'group')}",
        "they share their sources, so a split by source keeps them together"
        if together
        else "keep each group in one split (equal source), and count it once where numbers matter",
        _keys(ready, involved),
        {"groups": [[ready[index].sample.key for index in group] for group in groups], "extra": extra},
    )
    if across:
        both = sorted({index for pair in across for index in (pair.first, pair.second)})
        yield Finding(
            "duplicate-across-sources",
            "fault",
            f"{len(both)} pictures are near-copies of a picture that states another source",
            "give them one source: a split by source does not keep them apart",
            _keys(ready, both),
        )
    other = [
        pair
        for pair in pairs
        if (apart := _label_apart(ready[pair.first], ready[pair.second], mirrored=False)) is not None
        and apart > OTHER_LABEL_DEG
    ]
    if other:
        both = sorted({index for pair in other for index in (pair.first, pair.second)})
        yield Finding(
            "duplicate-other-label",
            "warning",
            f"{len(both)} near-copies have labels more than {OTHER_LABEL_DEG:g} degrees apart",
            "at least one of the two is wrong: look at them",
            _keys(ready, both),
        )


def _mirrored(ready: Sequence[Seen], pairs: Sequence[Pair]) -> Iterator[Finding]:
    if not pairs:
        return
    groups = _groups(pairs)
    copies = sorted({max(group) for group in groups})
    apart = [
        (pair, _label_apart(ready[pair.first], ready[pair.second], mirrored=True), straight)
        for pair in pairs
        for straight in [_label_apart(ready[pair.first], ready[pair.second], mirrored=False)]
    ]
    judged = [
        (pair, turned, straight)
        for pair, turned, straight in apart
        if turned is not None and straight is not None
    ]
    wrong = [pair for pair, turned, straight in judged if turned > OTHER_LABEL_DEG and straight < turned]
    agree = len(judged) - len(wrong)
    told = f", and labels of {agree} of {len(judged)} pairs are mirrored with them" if judged else ""
    yield Finding(
        "mirrored-copy",
        "warning" if len(copies) > MANY * len(ready) else "note",
        f"{len(copies)} of {len(ready)} pictures are mirror pictures of others{told}",
        "count them once, keep both in one split (equal source), drop one where training mirrors anyway",
        _keys(ready, sorted({index for pair in pairs for index in (pair.first, pair.second)})),
        {"pairs": [[ready[a].sample.key, ready[b].sample.key] for a, b, _ in pairs]},
    )
    if wrong:
        both = sorted({index for pair in wrong for index in (pair.first, pair.second)})
        yield Finding(
            "mirrored-label",
            "fault",
            f"{len(wrong)} of {len(judged)} mirrored pairs have labels that are not mirrored",
            "a mirrored picture needs yaw and roll of opposite sign",
            _keys(ready, both),
        )


def _label_apart(first: Seen, second: Seen, *, mirrored: bool) -> float | None:
    """Measure two labels of one head; None where a label is missing or the boxes are of two heads."""
    a, b = largest_head(first.sample), largest_head(second.sample)
    if a is None or b is None or a.rotation is None or b.rotation is None:
        return None
    if not (proper(a.rotation) and proper(b.rotation)) or not _same_head(first, second, mirrored=mirrored):
        return None
    turned = MIRROR @ b.rotation @ MIRROR if mirrored else b.rotation
    return float(geodesic_deg(a.rotation, turned))


def _same_head(first: Seen, second: Seen, *, mirrored: bool) -> bool:
    boxes = []
    for one in (first, second):
        head = largest_head(one.sample)
        assert head is not None
        assert one.size is not None
        boxes.append(np.array(head.box or (0, 0, *one.size), dtype=np.float64) / (*one.size, *one.size))
    if mirrored:
        x0, y0, x1, y1 = boxes[1]
        boxes[1] = np.array([1 - x1, y0, 1 - x0, y1])
    return bool(overlap(boxes[:1], boxes[1:])[0, 0] > SAME_HEAD)


def _sources_agree(first: Seen, second: Seen) -> bool:
    return first.sample.source is not None and first.sample.source == second.sample.source


def _sources_differ(first: Seen, second: Seen) -> bool:
    return None not in {first.sample.source, second.sample.source} and not _sources_agree(first, second)


def _groups(pairs: Sequence[Pair]) -> list[list[int]]:
    """Join pairs that share a picture; groups and their members in order."""
    parent: dict[int, int] = {}

    def root(index: int) -> int:
        while parent.setdefault(index, index) != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for pair in pairs:
        a, b = root(pair.first), root(pair.second)
        parent[max(a, b)] = min(a, b)
    groups: dict[int, list[int]] = {}
    for index in sorted(parent):
        groups.setdefault(root(index), []).append(index)
    return list(groups.values())


def _prints(ready: Sequence[Seen]) -> list[Fingerprint]:
    return [one.print for one in ready if one.print is not None]


def _keys(ready: Sequence[Seen], indices: Sequence[int]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ready[index].sample.key for index in indices))
