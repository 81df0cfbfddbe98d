"""Front, side and back as a class-folder tree, after the published generator and without its leaks.

The original takes each class from another source and splits augmented copies of one picture. Here sources
are mixed within classes, every picture goes through the same crop, sharpness and augmentation whatever its
class, and persons are split before anything is copied.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from facing.crop import CropSpec, crop_heads
from facing.datasets.orientation_augment import Step, apply_plan, draw_plan, moved_rotation
from facing.datasets.orientation_classes import ORIENTATIONS, ClassRule
from facing.datasets.orientation_sources import (
    Candidate,
    find_box,
    folder_candidates,
    pointing04_candidates,
    read_pictures,
    render_candidates,
)
from facing.datasets.readers.class_folder import MANIFEST
from facing.datasets.sample import Sample
from facing.datasets.split import drawn, split_keys
from facing.errors import BoxError, DataError, PictureError
from facing.geometry.azimuth import azimuth_deg
from facing.geometry.rotation import euler_from_rotation
from facing.output.sink import save_picture, text_sink
from facing.shards import read_shard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from facing.runtime.detector import Detector

SETTINGS = "orientation.json"
PARTS = {"train": 0.8, "val": 0.1, "test": 0.1}
MOST_VARIANTS = 8
"""Of one source picture; the original makes 7.8 on average."""
RESOLUTION_PX = (56, 112)
"""Sides that crops pass through before they are enlarged: no class and no source is sharper than another."""
PHOTOGRAPHS = 0.5
"""Share of a class that photographs may have, so that every class holds renders of the same people."""
BACKGROUNDS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class OrientationJob:
    """What to make. Equal jobs give equal bytes."""

    out: Path
    count: int
    """Pictures per class, over all parts."""
    seed: int = 0
    renders: Path | None = None
    """Folder of head shards: all three classes."""
    pointing04: Path | None = None
    """Sides by the published filter, and fronts."""
    fronts: Path | None = None
    backs: Path | None = None
    """Folders of one's own pictures."""
    side: int = 256
    scale: float = 1.12
    """Crop side over the longer side of the head box, as in the crop contract."""
    rule: ClassRule = field(default_factory=ClassRule)
    augment: bool = True


@dataclass(slots=True)
class OrientationTally:
    """What became of it."""

    written: int = 0
    kept: int = 0
    """Pictures that lay there already."""
    classes: Counter[str] = field(default_factory=Counter)
    """"part/class" -> pictures in the tree, old and new."""
    short: dict[str, int] = field(default_factory=dict)
    """"part/class" -> pictures that the sources were too small for."""
    left_out: Counter[str] = field(default_factory=Counter)
    failed: list[tuple[str, str]] = field(default_factory=list)
    """Source picture and reason, of those that could not be read or hold no head."""


@dataclass(frozen=True, slots=True)
class _Picture:
    """One picture of the tree."""

    candidate: Candidate
    part: str
    variant: int
    name: str
    plan: tuple[Step, ...]


def make_orientation(
    job: OrientationJob,
    *,
    detector: Detector | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> OrientationTally:
    """Write DIR/{train,val,test}/{front,side,back}/ and a manifest.

    A job that was killed goes on where it stopped; pictures appear whole or not at all.

    Args:
        job: what to make.
        detector: finds the heads on one's own pictures; None takes each picture for a head.
        progress: called with pictures done and pictures in all.

    Returns:
        Counts; a picture that cannot be used is in `failed` and stops nothing.

    Raises:
        DataError: a source is not what it should be, a class has no source, or the folder holds another job.
        MissingExtraError: scipy, which bends pictures, is not installed.
    """
    tally = OrientationTally()
    candidates = list(_candidates(job, tally))
    lacking = [name for name in ORIENTATIONS if not any(one.label == name for one in candidates)]
    if lacking:
        raise DataError(f"no source gives the class {lacking[0]}; add renders, or a folder of your own")
    _claim(job, whole_pictures=detector is None)
    planned = _planned(job, candidates, tally)
    missing = [one for one in planned if not (job.out / one.name).exists()]
    tally.kept = len(planned) - len(missing)
    backgrounds = _backgrounds(job) if missing else []
    waiting: dict[tuple[str, str], list[_Picture]] = {}
    for one in missing:
        waiting.setdefault((one.candidate.source, one.candidate.key), []).append(one)
    done = tally.kept
    for candidate, pixels in read_pictures([group[0].candidate for group in waiting.values()]):
        group = waiting[candidate.source, candidate.key]
        done += len(group)
        try:
            if isinstance(pixels, Exception):
                raise pixels
            box = candidate.box or find_box(pixels, detector)
            heads = [_head(job, one, pixels=pixels, box=box, backgrounds=backgrounds) for one in group]
        except (PictureError, BoxError, DataError, OSError) as error:
            tally.failed.append((str(candidate.file), str(error)))
            group, heads = [], []
        for one, head in zip(group, heads, strict=True):
            save_picture(apply_plan(head, one.plan), job.out / one.name)
            tally.written += 1
        if progress:
            progress(done, len(planned))
    _write_manifest(job, planned, tally)
    return tally


def _candidates(job: OrientationJob, tally: OrientationTally) -> Iterator[Candidate]:
    if job.renders:
        yield from render_candidates(job.renders, rule=job.rule, left_out=tally.left_out)
    if job.pointing04:
        yield from pointing04_candidates(job.pointing04, rule=job.rule, left_out=tally.left_out)
    if job.fronts:
        yield from folder_candidates(job.fronts, label="front", left_out=tally.left_out)
    if job.backs:
        yield from folder_candidates(job.backs, label="back", left_out=tally.left_out)


def _planned(job: OrientationJob, candidates: list[Candidate], tally: OrientationTally) -> list[_Picture]:
    """Choose what is written: persons to parts first, then variants of their pictures."""
    part_of = _parts(job, candidates)
    groups: dict[tuple[str, str, bool], list[Candidate]] = {}
    for one in sorted(candidates, key=lambda one: drawn(f"{one.source}\n{one.key}", seed=job.seed)):
        photograph = one.source != "renders"
        groups.setdefault((part_of[one.source, one.key], one.label, photograph), []).append(one)
    planned = []
    for part, share in PARTS.items():
        for label in ORIENTATIONS:
            wanted = round(share * job.count)
            photographs, renders = (groups.get((part, label, kind), []) for kind in (True, False))
            most = MOST_VARIANTS if job.augment else 1
            some = min(round(PHOTOGRAPHS * wanted) if renders else wanted, most * len(photographs))
            rest = min(wanted - some, most * len(renders))
            some = min(wanted - rest, most * len(photographs))
            for pool, count in ((photographs, some), (renders, rest)):
                planned += [
                    _picture(job, pool[k % len(pool)], part=part, variant=k // len(pool))
                    for k in range(count)
                ]
            if some + rest < wanted:
                tally.short[f"{part}/{label}"] = wanted - some - rest
    return sorted(planned, key=lambda one: one.name)


def _parts(job: OrientationJob, candidates: list[Candidate]) -> dict[tuple[str, str], str]:
    """Split each source by person, so that every part has some of each."""
    part_of: dict[tuple[str, str], str] = {}
    for source in dict.fromkeys(one.source for one in candidates):
        samples = [
            Sample(one.key, one.file, (), source=one.person) for one in candidates if one.source == source
        ]
        for part, keys in split_keys(samples, parts=PARTS, seed=job.seed).items():
            part_of |= dict.fromkeys(((source, key) for key in keys), part)
    return part_of


def _picture(job: OrientationJob, candidate: Candidate, *, part: str, variant: int) -> _Picture:
    plain = re.sub(r"[^\w.+-]", "_", candidate.key)
    # Keys that differ by what is no part of a file name must not meet in one file.
    text = f"{candidate.source}\n{candidate.key}"
    digest = blake2b(text.encode(errors="surrogateescape"), digest_size=3).hexdigest()
    name = f"{part}/{candidate.label}/{candidate.source}-{plain}-{digest}-{variant}.jpg"
    plan = draw_plan(_generator(job, name, use=0)) if job.augment else ()
    return _Picture(candidate, part, variant, name, plan)


def _generator(job: OrientationJob, name: str, *, use: int) -> np.random.Generator:
    return np.random.default_rng([use, *drawn(name, seed=job.seed)])


def _head(
    job: OrientationJob,
    one: _Picture,
    *,
    pixels: NDArray[np.uint8],
    box: tuple[float, float, float, float],
    backgrounds: list[NDArray[np.uint8]],
) -> NDArray[np.uint8]:
    """Cut one head and bring it to a drawn sharpness, (side, side, 3)."""
    rng = _generator(job, one.name, use=1)
    picture = pixels if pixels.shape[2] == 3 else _before(pixels, rng, backgrounds=backgrounds)
    through = int(rng.integers(RESOLUTION_PX[0], RESOLUTION_PX[1] + 1))
    small = crop_heads(picture, [box], CropSpec(side=through, scale=job.scale)).pixels[0]
    return np.asarray(Image.fromarray(small).resize((job.side, job.side), Image.Resampling.BICUBIC))


def _before(
    pixels: NDArray[np.uint8], rng: np.random.Generator, *, backgrounds: list[NDArray[np.uint8]]
) -> NDArray[np.uint8]:
    """Lay a render (H, W, 4) over a drawn background, or over a plain colour where there are none."""
    height, width = pixels.shape[:2]
    behind: NDArray[np.floating[Any]] = np.broadcast_to(rng.uniform(0, 255, size=3), (height, width, 3))
    if backgrounds:
        chosen = backgrounds[int(rng.integers(len(backgrounds)))]
        behind = np.asarray(Image.fromarray(chosen).resize((width, height)), dtype=np.float64)
    cover = pixels[..., 3:] / 255.0
    return np.rint(pixels[..., :3] * cover + behind * (1 - cover)).astype(np.uint8)


def _backgrounds(job: OrientationJob) -> list[NDArray[np.uint8]]:
    if job.renders is None:
        return []
    found: list[NDArray[np.uint8]] = []
    for path in sorted(job.renders.glob("backgrounds-*.tar")):
        found += [sample.pixels(coverage=False) for sample in read_shard(path)]
        if len(found) >= BACKGROUNDS:
            break
    return found[:BACKGROUNDS]


def _write_manifest(job: OrientationJob, planned: Iterable[_Picture], tally: OrientationTally) -> None:
    """Say of every picture that is there what it is; a line per file, in the order of their names."""
    with text_sink(job.out / MANIFEST) as stream:
        for one in planned:
            if not (job.out / one.name).exists():
                continue
            tally.classes[f"{one.part}/{one.candidate.label}"] += 1
            stream.write(json.dumps(_row(one, job), ensure_ascii=False) + "\n")


def _row(one: _Picture, job: OrientationJob) -> dict[str, Any]:
    candidate = one.candidate
    edge = (job.side - job.side / job.scale) / 2
    row: dict[str, Any] = {"file": one.name, "class": candidate.label}
    row |= dict.fromkeys(("yaw", "pitch", "roll", "azimuth"))
    if candidate.rotation is not None:
        moved = moved_rotation(candidate.rotation, one.plan)
        angles = {name: float(angle) for name, angle in euler_from_rotation(moved)._asdict().items()}
        angles["azimuth"] = float(azimuth_deg(moved))
        row |= {name: round(angles[name], 2) + 0.0 for name in ("yaw", "pitch", "roll", "azimuth")}
    return row | {
        "source": candidate.source,
        "picture": candidate.key,
        "person": candidate.person,
        "variant": one.variant,
        # As cut: what the augmentation moves is the jitter of the crop, not of the box.
        "box": [round(at, 2) for at in (edge, edge, job.side - edge, job.side - edge)],
        "stated": candidate.stated,
        "augmentations": [[step.name, *(round(value, 4) for value in step.values)] for step in one.plan],
        "licence": candidate.licence,
    }


def _claim(job: OrientationJob, *, whole_pictures: bool) -> None:
    """Say beside the tree how it was made, and refuse to mix two jobs."""
    rule = job.rule
    facts = {
        "schema": 1,
        "count": job.count,
        "seed": job.seed,
        "sources": {
            name: getattr(job, name).name
            for name in ("renders", "pointing04", "fronts", "backs")
            if getattr(job, name) is not None
        },
        "side": job.side,
        "scale": job.scale,
        "front_max": rule.front_max,
        "back_min": rule.back_min,
        "margin": rule.margin,
        "augment": job.augment,
        "whole_pictures": whole_pictures,
    }
    text = json.dumps(facts, indent=1) + "\n"
    path = job.out / SETTINGS
    if path.exists():
        if path.read_text(encoding="utf-8") != text:
            raise DataError(f"{job.out} holds another job ({SETTINGS}); choose an empty folder")
        return
    with text_sink(path) as stream:
        stream.write(text)
