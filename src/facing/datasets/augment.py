"""Pictures with classes -> varied copies in class folders: the orientation system's pipeline on any set.

Vary one part of a split at a time: copies of one picture on both sides of a split are the leak that the
original reports as 98 %. The manifest says what each copy was made of, so that `split_keys` keeps them
together.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.crop import CropSpec, crop_heads
from facing.datasets.convert import Tally, file_name
from facing.datasets.orientation_augment import apply_plan, draw_plan
from facing.datasets.readers.class_folder import MANIFEST
from facing.datasets.sample import LeftOut, sample_pixels
from facing.datasets.split import drawn
from facing.errors import FacingError
from facing.output.sink import save_picture, text_sink

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from facing.datasets.orientation_augment import Step
    from facing.datasets.sample import LabelledHead, Sample

SCALE = 1.12
"""Crop side over the longer side of a head box, as in the crop contract."""
MIRRORED = {"left": "right", "right": "left"}


def augment_set(
    entries: Iterable[Sample | LeftOut], out: Path, *, variants: int = 8, side: int = 256, seed: int = 0
) -> Tally:
    """Write varied copies of every head that has a class: OUT/CLASS/NAME.vN.png and a manifest.

    Equal calls write equal bytes. A mirrored head of the class left is one of the class right, and the other
    way round.

    Args:
        entries: of `Reader.samples`.
        out: folder that the reader `class-folder` reads.
        variants: copies of each head; the original makes 7.8 on average.
        side: of a copy, pixels. Heads without a box are whole pictures, made square by their mirror image.
        seed: another seed gives other copies.

    Returns:
        Counts; a picture that cannot be read is in `failed` and stops nothing.

    Raises:
        DataError: the folder cannot be written, or holds not the set.
        MissingExtraError: scipy, which bends pictures, is not installed.
    """
    tally = Tally()
    rows: list[dict[str, Any]] = []
    for entry in entries:
        if isinstance(entry, LeftOut):
            tally.left_out[entry.reason] += 1
            continue
        labelled = [(place, head) for place, head in enumerate(entry.heads) if head.label is not None]
        if len(labelled) < len(entry.heads):
            tally.left_out["no class"] += len(entry.heads) - len(labelled)
        try:
            for place, head in labelled:
                rows += _copies(entry, head, out, place=place, variants=variants, side=side, seed=seed)
        except (FacingError, OSError) as error:
            tally.failed.append((entry.key, str(error)))
    with text_sink(out / MANIFEST) as stream:
        stream.writelines(f"{json.dumps(row)}\n" for row in rows)
    tally.written = len(rows)
    return tally


def _copies(
    sample: Sample, head: LabelledHead, out: Path, *, place: int, variants: int, side: int, seed: int
) -> list[dict[str, Any]]:
    """Write the copies of one head and give their lines of the manifest."""
    assert head.label is not None
    pixels = sample_pixels(sample)
    height, width = pixels.shape[:2]
    if head.box is None:
        box: tuple[float, ...] = (0.0, 0.0, width, height)
        spec, edge = CropSpec(side=side, scale=1.0, border="mirror"), None
    else:
        box, spec, edge = head.box, CropSpec(side=side, scale=SCALE), (side - side / SCALE) / 2
    crop = crop_heads(pixels, [box], spec).pixels[0]
    rows = []
    for variant in range(variants):
        digits = drawn(f"{sample.key}\n{place}\n{variant}", seed=seed)
        plan = draw_plan(np.random.default_rng([*digits]))
        label = _label_after(head.label, plan)
        suffix = f".head{place}" if len(sample.heads) > 1 else ""
        name = f"{label}/{file_name(sample.key)}{suffix}.v{variant}.png"
        save_picture(apply_plan(crop, plan), out / name)
        rows.append(
            {
                "file": name,
                "class": label,
                "picture": sample.key,
                "person": sample.source or sample.key,
                "variant": variant,
                "box": None
                if edge is None
                else [round(at, 2) for at in (edge, edge, side - edge, side - edge)],
                "augmentations": [[step.name, *(round(value, 4) for value in step.values)] for step in plan],
            }
        )
    return rows


def _label_after(label: str, plan: tuple[Step, ...]) -> str:
    mirrored = any(step.name == "mirror" for step in plan)
    return MIRRORED.get(label, label) if mirrored else label
