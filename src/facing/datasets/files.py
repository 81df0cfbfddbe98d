"""Finding the files of a set, and saying plainly when a folder does not hold it."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from facing.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


def find_files(folder: Path, pattern: str, *, title: str) -> list[Path]:
    """List the files of a set in a fixed order.

    Args:
        folder: what the user named.
        pattern: as for `Path.glob`.
        title: name of the set, for the error.

    Raises:
        DataError: the folder does not exist or holds no such file.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; name the one that holds {title}")
    found = sorted(folder.glob(pattern))
    if not found:
        raise DataError(f"{folder} holds no {pattern}; name the folder of {title}")
    return found


def read_table(path: Path, *, columns: tuple[str, ...], title: str) -> list[dict[str, str]]:
    """Read a comma-separated table with a header.

    Args:
        path: the table.
        columns: names that must be in the header.
        title: name of the set, for the error.

    Raises:
        DataError: the file is missing, no text, or lacks a column.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}); name the folder of {title}") from error
    table = csv.DictReader(io.StringIO(text))
    missing = [name for name in columns if name not in (table.fieldnames or ())]
    if missing:
        raise DataError(f"{path} has no column {missing[0]}; {title} needs {', '.join(columns)}")
    return list(table)
