"""Head shards: one picture with coverage per head, as `facing synth` writes them, for training.

The label has the keys of `facing.shards`. What a set does not know is null: `rotation` where no angle is
stated, `landmarks` and `visible` where there are no 68 points, `camera` always. It also has `known` (the
angles that `rotation` states; others are 0 in it) and `label` (the class, or null); `tags` names the set, the
picture and its source.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from facing.crop import CropSpec, crop_heads
from facing.datasets.convert import Converter, identity_of
from facing.errors import BoxError, FacingError
from facing.output.sink import text_sink
from facing.picture import load_picture
from facing.shards import SCHEMA, ShardSample, encode, write_shard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from facing.datasets.convert import ConvertJob, Tally
    from facing.datasets.sample import LabelledHead, Sample

FORMAT = 1
"""Of what is written for a set. Whoever changes crops or labels raises it: trainings then convert anew."""
PICTURES_PER_SHARD = 256
LANDMARKS = 68
STALE = frozenset({"pt2d"})
"""Points of 300W-LP that do not follow the turned face; they are no labels."""


class _Covered(NamedTuple):
    """A picture whose colour is already multiplied by its coverage, both (H, W, 3) uint8."""

    colour: NDArray[np.uint8]
    cover: NDArray[np.uint8]


def write_shards(job: ConvertJob, samples: Iterator[Sample], tally: Tally) -> None:
    """Write `heads-*.tar`; shards that lie there are kept.

    What failed in a shard is kept beside it in `heads-NNNNN.failed.json`, so that a call that finds the shard
    done still tells. Delete both to try again.
    """
    for number, block in enumerate(_blocks(samples)):
        if number % job.part[1] != job.part[0]:
            continue
        path = job.out / f"heads-{number:05d}.tar"
        notes = path.with_suffix(".failed.json")
        if path.exists():
            tally.kept += 1
            if notes.exists():
                tally.failed += [(key, why) for key, why in json.loads(notes.read_text(encoding="utf-8"))]
            continue
        before = len(tally.failed)
        first = number * PICTURES_PER_SHARD
        heads = [
            head
            for place, sample in enumerate(block)
            for head in _cut(job, sample, tally, number=first + place)
        ]
        failed = tally.failed[before:]
        if failed:
            with text_sink(notes) as stream:
                stream.write(json.dumps(failed, indent=1) + "\n")
        else:
            notes.unlink(missing_ok=True)  # of an earlier call that was killed
        if heads:
            tally.written += write_shard(path, heads)


def _blocks(samples: Iterator[Sample]) -> Iterator[list[Sample]]:
    block: list[Sample] = []
    for sample in samples:
        block.append(sample)
        if len(block) == PICTURES_PER_SHARD:
            yield block
            block = []
    if block:
        yield block


def _cut(job: ConvertJob, sample: Sample, tally: Tally, *, number: int) -> Iterator[ShardSample]:
    try:
        picture = _covered(sample)
    except (FacingError, OSError) as error:
        tally.failed.append((sample.key, str(error)))
        return
    for place, head in enumerate(sample.heads):
        try:
            pixels, label = cut_head(picture, head, side=job.side, scale=job.scale)
        except BoxError:
            tally.left_out["head box misses the picture or has no area"] += 1
            continue
        label["identity"] = identity_of(sample, name=job.name)
        label["tags"] = {"set": job.name, "picture": sample.key, "source": sample.source}
        yield ShardSample(f"{number:08d}-{place}", encode(pixels), label)


def cut_head(
    picture: tuple[NDArray[np.uint8], NDArray[np.uint8]], head: LabelledHead, *, side: int, scale: float
) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """Cut one head with room around it and write its label in pixels of the cut.

    Args:
        picture: colour, multiplied by coverage, and coverage, (H, W, 3) uint8 each.
        head: in pixels of the picture.
        side: S of the cut, pixels.
        scale: side of the region over the longer side of the head box.

    Returns:
        (S, S, 4) uint8, coverage 0 outside the picture; the label without identity and tags.

    Raises:
        BoxError: the box has no area or misses the picture.
    """
    colour, cover = picture
    height, width = colour.shape[:2]
    box = np.array((0, 0, width, height) if head.box is None else head.box, dtype=np.float64)
    spec = CropSpec(side=side, scale=scale, square="longer", border="black", filter="bilinear")
    cut, crop_from_picture = crop_heads(colour, box[None], spec)
    covered = crop_heads(cover, box[None], spec).pixels[0, ..., :1].astype(np.float32)
    plain = cut[0] * (255 / np.maximum(covered, 1))
    pixels = np.concatenate([np.minimum(np.rint(plain), 255), covered], axis=2).astype(np.uint8)
    affine = crop_from_picture[0]
    points = _landmarks(head)
    label: dict[str, Any] = {
        "schema": SCHEMA,
        "rotation": None if head.rotation is None else np.round(head.rotation, 6).tolist(),
        "known": list(head.known),
        "label": head.label,
        "box": np.round(_moved(box.reshape(2, 2), affine).ravel(), 2).tolist(),
        "landmarks": None,
        "visible": None,
        "camera": None,
    }
    if points is not None:
        inside = ((points >= 0) & (points <= (width, height))).all(1)
        label["landmarks"] = np.round(_moved(points, affine), 2).tolist()
        label["visible"] = inside.astype(int).tolist()
    return pixels, label


def _landmarks(head: LabelledHead) -> NDArray[np.float64] | None:
    """Pick 68 finite points that follow the face, (68, 2); points with depth are preferred."""
    found = [
        np.asarray(points, dtype=np.float64)
        for name, points in head.landmarks.items()
        if name not in STALE and len(points) == LANDMARKS and np.isfinite(points).all()
    ]
    return max(found, key=lambda points: points.shape[1])[:, :2] if found else None


def _moved(points: NDArray[np.float64], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(points @ affine[:, :2].T + affine[:, 2])


def _covered(sample: Sample) -> _Covered:
    stored = load_picture(sample.picture) if isinstance(sample.picture, Path) else sample.picture.pixels()
    if stored.shape[2] == 3:
        return _Covered(stored, np.broadcast_to(np.uint8(255), stored.shape))
    cover = np.repeat(stored[..., 3:], 3, axis=2)
    colour = (stored[..., :3].astype(np.uint16) * cover + 127) // 255
    return _Covered(colour.astype(np.uint8), cover)


CONVERTER = Converter(title="head shards for training", write=write_shards, in_parts=True)
