"""A list: one key per line, pictures with a head that is left; the list files of the pyramid system."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from facing.datasets.convert import Converter
from facing.datasets.files import ROOT_MARK
from facing.output.sink import text_sink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facing.datasets.convert import ConvertJob, Tally
    from facing.datasets.sample import Sample


def write_list(job: ConvertJob, samples: Iterator[Sample], tally: Tally) -> None:
    """Write `list.txt`, whole or not at all; its first line says where the set lies."""
    with text_sink(job.out / "list.txt") as stream:
        if job.path.is_dir():
            stream.write(f"{ROOT_MARK} {os.path.relpath(job.path.absolute(), job.out.absolute())}\n")
        for sample in samples:
            stream.write(f"{sample.key}\n")
            tally.written += 1


CONVERTER = Converter(title="a list of the pictures, one key per line", write=write_list, in_parts=False)
