"""The pyramid system's own list of DAD-3DHeads: img_path, bbox and R, made from the official annotations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from facing.datasets.convert import Converter
from facing.datasets.readers.dad3dheads import READER, pyramid_list
from facing.errors import DataError
from facing.output.sink import text_sink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facing.datasets.convert import ConvertJob, Tally
    from facing.datasets.sample import Sample


def write_pyramid_list(job: ConvertJob, samples: Iterator[Sample], tally: Tally) -> None:
    """Write `pyramid.json`, whole or not at all; img_path starts from the folder that was named."""
    if job.reader is not READER or not job.path.is_dir():
        raise DataError(f"{job.path}: this list is made from the folder of {READER.title}; name that")
    records = pyramid_list(job.path, samples)
    with text_sink(job.out / "pyramid.json") as stream:
        json.dump(records, stream, separators=(",", ":"))
    tally.written = len(records)


CONVERTER = Converter(
    title="the pyramid system's list of DAD-3DHeads", write=write_pyramid_list, in_parts=False
)
