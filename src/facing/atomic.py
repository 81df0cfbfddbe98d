"""Files that appear whole or not at all, also when the process is killed while it writes."""

from __future__ import annotations

import secrets
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from facing.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facing.errors import FacingError


@contextmanager
def new_file(
    path: Path,
    *,
    keep_ending: bool = True,
    kind: type[FacingError] = DataError,
    remedy: str = "choose another place",
) -> Iterator[Path]:
    """Write a file whole or not at all.

    Args:
        path: where it goes in the end; its folder is made. What is there stays until the new file is done.
        keep_ending: whether the path to write to ends as `path` does, for libraries that read the format
            off the name; without it, nothing takes what a killed process leaves for a finished file.
        kind: of the error.
        remedy: what the error tells the user to do.

    Yields:
        A path beside it to write to; a hidden, short name, so that it fits wherever `path` itself does.

    Raises:
        FacingError: of the given kind: the folder or the file cannot be written. Errors of other files
            that are read meanwhile pass through.
    """
    part = path.with_name(f".{secrets.token_hex(6)}.part{path.suffix if keep_ending else ''}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(path)
    except OSError as error:
        if isinstance(error.filename, str) and Path(error.filename) not in {part, path, *path.parents}:
            raise
        raise kind(f"{path} cannot be written ({error.strerror or error}); {remedy}") from error
    finally:
        with suppress(OSError):  # it may never have been there
            part.unlink()
