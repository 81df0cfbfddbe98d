"""Finding the files of a set, and saying plainly when a folder does not hold it."""

from __future__ import annotations

import csv
import io
import json
import zlib
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from facing.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LIST_ENDING = ".txt"
ROOT_MARK = "# root:"
"""First line of a list that does not lie in the folder its names start from."""


class Listing(NamedTuple):
    """Files of a set and the folder that their names start from."""

    root: Path
    files: list[Path]


def find_files(folder: Path, pattern: str, *, title: str) -> list[Path]:
    """List the files of a set in a fixed order.

    Args:
        folder: what the user named.
        pattern: as for `Path.glob`.
        title: name of the set, for the error.

    Raises:
        DataError: the folder does not exist or holds no such file; it names some of what lies there.
    """
    return find_any(folder, (pattern,), title=title)


def find_any(folder: Path, patterns: Sequence[str], *, title: str) -> list[Path]:
    """List the files that match at least one pattern, each once and in a fixed order; see `find_files`.

    Hidden files are left out: what a killed run left is one, and `Path.glob` gives it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; name the one that holds {title}")
    matches = {path for pattern in patterns for path in folder.glob(pattern)}
    found = sorted(path for path in matches if not path.name.startswith("."))
    if not found:
        raise missing(folder, " or ".join(patterns), title=title)
    return found


def missing(folder: Path, wanted: str, *, title: str) -> DataError:
    """Say what a folder should hold and some of what it does hold.

    Args:
        folder: what the user named; it exists.
        wanted: what was looked for.
        title: name of the set.
    """
    # A few names suffice; a folder of 100,000 files is not read to its end for them.
    some = sorted(f"{path.name}/" if path.is_dir() else path.name for path in islice(folder.iterdir(), 4))
    held = f"it holds {', '.join(some)}" if some else "it is empty"
    return DataError(f"{folder} holds no {wanted} ({held}); name the folder of {title}")


def listed_files(path: Path, pattern: str, *, ending: str, title: str) -> Listing:
    """List the files of a set, all of them or those that a list file names.

    A list file (.txt) has one name per line without ending, such as "AFW/AFW_1051618982_1_0": the lists
    of Hopenet and of the pyramid system. Names start from the folder of the list, or from the
    folder in a first line "# root: FOLDER", itself relative to the list.

    Args:
        path: folder or list file.
        pattern: as for `Path.glob`, for a folder.
        ending: what follows a listed name, such as ".mat".
        title: name of the set, for the error.

    Returns:
        The root and the files: sorted for a folder, in the order of the lines for a list. Single files of a
        list may be missing.

    Raises:
        DataError: the path does not exist, the folder holds no such file, or none of the listed files exists.
    """
    if path.is_dir() or path.suffix != LIST_ENDING:
        return Listing(path, find_files(path, pattern, title=title))
    root, names = read_list(path, title=title)
    files = [root / f"{name}{ending}" for name in names]
    if not any(file.is_file() for file in files):
        some = f"none of its {len(files)} files, such as {files[0]}, exists" if files else "it names nothing"
        raise DataError(f"{path} is no list of {title}: {some}; put it into the folder its names start from")
    return Listing(root, files)


def read_list(path: Path, *, title: str) -> tuple[Path, list[str]]:
    """Read the names of a list file and the folder they start from; see `listed_files`.

    Raises:
        DataError: the file is missing or no text.
    """
    lines = [line.strip() for line in _text(path, title=title).splitlines()]
    root = path.parent
    if lines and lines[0].startswith(ROOT_MARK):
        root = root / lines[0].removeprefix(ROOT_MARK).strip()
    return root, [line for line in lines if line and not line.startswith("#")]


def read_mat(path: Path, *, names: Sequence[str]) -> dict[str, Any]:
    """Read variables of a MATLAB file; those that it lacks are absent.

    Raises:
        DataError: the file is missing or cannot be read.
        MissingExtraError: scipy is not installed.
    """
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError as error:
        raise MissingExtraError.of(need="reading .mat labels", extra="data") from error
    try:
        label: dict[str, Any] = loadmat(path, variable_names=list(names))
    # A damaged file fails anywhere in the parser: zlib, struct, buffer sizes.
    except (
        MatReadError,
        OSError,
        TypeError,
        ValueError,
        KeyError,
        NotImplementedError,
        MemoryError,
        zlib.error,
    ) as error:
        raise DataError(f"{path} is no MATLAB file that can be read ({error}); copy it again") from error
    return label


def read_json(path: Path, *, title: str) -> Any:
    """Read a JSON file.

    Raises:
        DataError: the file is missing or no JSON.
    """
    try:
        return json.loads(_text(path, title=title))
    except ValueError as error:
        raise DataError(f"{path} is no JSON that can be read ({error}); copy it again") from error


def read_table(path: Path, *, columns: tuple[str, ...], title: str) -> list[dict[str, str]]:
    """Read a comma-separated table with a header.

    Args:
        path: the table.
        columns: names that must be in the header.
        title: name of the set, for the error.

    Raises:
        DataError: the file is missing, no text, or lacks a column.
    """
    if path.parent.is_dir() and not path.exists():
        raise missing(path.parent, path.name, title=title)
    text = _text(path, title=title)
    table = csv.DictReader(io.StringIO(text))
    lacking = [name for name in columns if name not in (table.fieldnames or ())]
    if lacking:
        raise DataError(f"{path} has no column {lacking[0]}; {title} needs {', '.join(columns)}")
    return list(table)


def text_of(path: Path) -> str:
    """Read text that names files: UTF-8, with or without a mark of its order as Excel sets it.

    Bytes that are no UTF-8 become what Python makes of them in file names, so that the names still fit.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no text.
    """
    text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    if "\0" in text:
        raise ValueError("it is no text")
    return text


def _text(path: Path, *, title: str) -> str:
    try:
        return text_of(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); name the folder of {title}") from error
