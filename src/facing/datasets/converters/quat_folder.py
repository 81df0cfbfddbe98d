"""The four folders of the compact system, one set of files per head; see the reader `quat_folder`."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from facing.datasets.convert import Converter, file_name
from facing.datasets.readers.quat_folder import MIRROR, SOURCE_COLUMNS, SOURCES
from facing.datasets.sample import sample_pixels
from facing.datasets.stats import head_angles
from facing.errors import FacingError
from facing.geometry.rotation import quaternion_from_rotation
from facing.output.sink import new_file, save_picture, text_sink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facing.datasets.convert import ConvertJob, Tally
    from facing.datasets.sample import LabelledHead, Sample

ORIENTATION = 0x0112  # of EXIF; 1 is upright


def write_folders(job: ConvertJob, samples: Iterator[Sample], tally: Tally) -> None:
    """Write bg_imgs, bbox, info and angles; heads whose `angles` file lies there are kept.

    A head needs yaw and pitch; an unknown roll is written as 0, which this system does not read.
    `sources.csv` says in the end which heads share a source; every call writes it for all parts.
    """
    sources: dict[str, str] = {}
    for number, sample in enumerate(samples):
        if sample.source is not None or len(sample.heads) > 1:
            source = sample.key if sample.source is None else sample.source
            sources |= {_name(sample, place=place): source for place in range(len(sample.heads))}
        if number % job.part[1] != job.part[0]:
            continue
        for place, head in enumerate(sample.heads):
            if not {"yaw", "pitch"} <= set(head.known):
                tally.left_out["yaw or pitch is not known"] += 1
                continue
            name = _name(sample, place=place)
            if (job.out / "angles" / f"{name}.txt").exists():
                tally.kept += 1
                continue
            try:
                size = _write_picture(sample, job.out / "bg_imgs" / f"{name}.jpg")
            except (FacingError, OSError) as error:
                tally.failed.append((sample.key, str(error)))
                break  # the other heads of this picture as well
            for part, line in _lines(head, size=size).items():  # angles last: it stands for all four
                with text_sink(job.out / part / f"{name}.txt") as stream:
                    stream.write(f"{line}\n")
            tally.written += 1
    if sources:
        with text_sink(job.out / SOURCES) as stream:
            csv.writer(stream, lineterminator="\n").writerows([SOURCE_COLUMNS, *sources.items()])


def _name(sample: Sample, *, place: int) -> str:
    return file_name(sample.key) + (f".head{place}" if len(sample.heads) > 1 else "")


def _lines(head: LabelledHead, *, size: tuple[int, int]) -> dict[str, str]:
    """Give the line of each folder; angles to 1e-8 radians."""
    assert head.rotation is not None
    box = (0, 0, *size) if head.box is None else head.box
    degrees = head_angles(head)
    angles = np.radians([degrees["pitch"], degrees["yaw"], degrees.get("roll", 0.0)])
    quaternion = quaternion_from_rotation(MIRROR @ head.rotation @ MIRROR)
    return {
        "bbox": " ".join(f"{edge:.2f}" for edge in box),
        "info": " ".join(f"{value:.8f}" for value in quaternion),
        "angles": " ".join(f"{value:.8f}" for value in angles),
    }


def _write_picture(sample: Sample, path: Path) -> tuple[int, int]:
    """Copy an upright JPEG as it is, write anything else as one; give width and height."""
    pixels = sample_pixels(sample)  # also proves that it can be read
    if isinstance(sample.picture, Path) and _is_upright_jpeg(sample.picture):
        with new_file(path) as part:
            shutil.copyfile(sample.picture, part)
    else:
        save_picture(pixels, path)
    return pixels.shape[1], pixels.shape[0]


def _is_upright_jpeg(path: Path) -> bool:
    with Image.open(path) as picture:
        return (
            picture.format == "JPEG" and picture.mode == "RGB" and picture.getexif().get(ORIENTATION, 1) == 1
        )


CONVERTER = Converter(title="the four folders of the compact system", write=write_folders, in_parts=True)
