"""Where output goes: open streams, text files and drawn pictures, each file whole or not at all."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeAlias

from facing.atomic import new_file
from facing.errors import DataError
from facing.output.record import PictureRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Add", "Writer", "new_file", "save_picture", "text_sink"]

Add: TypeAlias = Callable[[PictureRecord], None]
"""Takes the next record; text appears at once on a stream."""

Writer: TypeAlias = Callable[[Path | TextIO], AbstractContextManager[Add]]
"""What a file in `output/writers` exports: `with WRITER(target) as add: add(record)`.

A path is written whole or not at all; a stream is written as records come and stays open.
"""


@contextmanager
def text_sink(target: Path | TextIO) -> Iterator[TextIO]:
    """Open a path for text (UTF-8, line feeds, whole or not at all) or pass a stream on and leave it open.

    File names that are no valid Unicode keep their bytes.
    """
    if not isinstance(target, Path):
        yield target
        return
    with (
        new_file(target) as part,
        part.open("w", encoding="utf-8", errors=sys.getfilesystemencodeerrors(), newline="\n") as stream,
    ):
        yield stream


def save_picture(pixels: NDArray[np.uint8], path: Path) -> None:
    """Save a picture, whole or not at all.

    Args:
        pixels: (H, W, 3) RGB uint8.
        path: with an ending that names the format: .jpg, .jpeg, .png or .webp.

    Raises:
        DataError: it cannot be written there.
    """
    from PIL import Image

    try:
        with new_file(path) as part:
            Image.fromarray(pixels).save(part, quality=92)
    except ValueError as error:  # WebP, for one, ends at 16,383 pixels a side
        raise DataError(f"{path} cannot be written ({error}); choose another place or format") from error
