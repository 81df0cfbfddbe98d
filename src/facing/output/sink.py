"""Where output goes: files that are written whole or not at all, and open streams."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeAlias

from facing.errors import DataError
from facing.output.record import PictureRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

Add: TypeAlias = Callable[[PictureRecord], None]
"""Takes the next record; text appears at once on a stream."""

Writer: TypeAlias = Callable[[Path | TextIO], AbstractContextManager[Add]]
"""What a file in `output/writers` exports: `with WRITER(target) as add: add(record)`.

A path is written whole or not at all; a stream is written as records come and stays open.
"""


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Write a file whole or not at all.

    Args:
        path: where it goes in the end; its folder is made. What is there stays until the new file is done.

    Yields:
        A path beside it to write to, with the same ending.

    Raises:
        DataError: the folder or the file cannot be written.
    """
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{path} cannot be written ({reason}); choose another place") from error
    finally:
        with suppress(OSError):  # it may never have been there
            part.unlink()


@contextmanager
def text_sink(target: Path | TextIO) -> Iterator[TextIO]:
    """Open a path for text (UTF-8, line feeds, whole or not at all) or pass a stream on and leave it open."""
    if not isinstance(target, Path):
        yield target
        return
    with new_file(target) as part, part.open("w", encoding="utf-8", newline="\n") as stream:
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

    with new_file(path) as part:
        Image.fromarray(pixels).save(part, quality=92)
