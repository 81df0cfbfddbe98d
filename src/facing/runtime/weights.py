"""Model names -> files. The default weights lie in the package; larger ones are fetched when asked for."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from facing.errors import ModelError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(__file__).parents[1] / "weights"
TABLE = "weights.json"
HOME = "FACING_HOME"
"""Environment variable that names the folder of fetched weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippedModel:
    """One row of the table of released weights.

    Attributes:
        name: what users say, such as "small"; it points to the newest file of that kind.
        path: the ONNX file; of weights to fetch, where it lies or will lie.
        sha256: of that file, hexadecimal.
        kind: "pose" or "heads".
        licence: of the weights.
        fetchable: whether the file is no part of the package and must be fetched first.
        url: where it is fetched from; "" where only a copy of the file can be given.
        mb: size of the file, megabytes; None where the table does not say.
    """

    name: str
    path: Path
    sha256: str
    kind: str
    licence: str
    fetchable: bool = False
    url: str = ""
    mb: float | None = None

    @property
    def names(self) -> tuple[str, str]:
        """What it is found by: its name and its full name, such as "small-1"."""
        return self.name, self.path.stem

    @property
    def fetch_command(self) -> str:
        """The command line that fetches it; weights without an address need a copy of the file."""
        return f"facing models fetch {self.name}{'' if self.url else ' --from FILE'}"

    def is_intact(self) -> bool:
        """Say whether the file is there and has the bytes it was released with."""
        return self.path.is_file() and hashlib.sha256(self.path.read_bytes()).hexdigest() == self.sha256


def user_folder() -> Path:
    """Give the folder where fetched weights lie.

    It is the one that the environment variable FACING_HOME names; else `facing` in %LOCALAPPDATA% on Windows,
    and in $XDG_DATA_HOME or ~/.local/share elsewhere.

    Source: XDG Base Directory Specification 0.8, which ignores a relative $XDG_DATA_HOME.
    """
    if chosen := os.environ.get(HOME):
        return Path(chosen).expanduser()
    variable, usual = "XDG_DATA_HOME", Path(".local", "share")
    if sys.platform == "win32":
        variable, usual = "LOCALAPPDATA", Path("AppData", "Local")
    base = Path(os.environ.get(variable, ""))
    return (base if base.is_absolute() else Path.home() / usual) / "facing"


def shipped(folder: Path = FOLDER, *, home: Path | None = None) -> tuple[ShippedModel, ...]:
    """List the released weights, those of the package and those to fetch, sorted by name.

    Args:
        folder: with `weights.json`, {name: {"file", "sha256", "kind", "licence"}}, and the files it names. A
            row with "url" or "mb" is of a file that is no part of the package, unless it lies there anyway.
        home: where fetched weights lie; None for `user_folder`.

    Raises:
        ModelError: the table is damaged.
    """
    table = folder / TABLE
    if not table.is_file():
        return ()
    try:
        rows = json.loads(table.read_text(encoding="utf-8"))
        return tuple(_model(name, row, folder=folder, home=home) for name, row in sorted(rows.items()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{table} is damaged ({error!r}); install facing again") from error


def released_names() -> frozenset[str]:
    """Give what `weights_path` knows released weights by: names and full names."""
    return frozenset(name for model in shipped() for name in model.names)


def released(name: str, models: Sequence[ShippedModel]) -> ShippedModel | None:
    """Find released weights by their name or full name; None if there are none."""
    return next((model for model in models if name in model.names), None)


def weights_path(
    name_or_file: str | os.PathLike[str], *, folder: Path = FOLDER, home: Path | None = None
) -> Path:
    """Find a model file; nothing is ever downloaded here.

    Args:
        name_or_file: the name of released weights, their full name ("small-1") or a path to an .onnx file.
        folder: where the weights of the package lie.
        home: where fetched weights lie; None for `user_folder`.

    Raises:
        ModelError: the file does not exist, or was not fetched yet.
        UnknownNameError: no released weights have this name.
    """
    given = os.fspath(name_or_file)
    path = Path(given)
    models = shipped(folder, home=home)
    model = released(given, models)
    if model is not None:
        if model.path.is_file():
            return model.path
        if model.fetchable:
            raise ModelError(f"model {given!r} is not fetched yet; run {model.fetch_command}")
        raise ModelError(f"{model.path} of model {given!r} is missing; install facing again")
    if path.is_file():
        return path
    if path.is_dir():
        raise ModelError(f"{path} is a folder; give an .onnx file")
    if path.suffix == ".onnx" or path.name != given:
        raise ModelError(f"model file {path} does not exist; check the name")
    raise UnknownNameError.among(given, kind="model", known=[model.name for model in models])


def own_or_released(name: str, folder: Path = Path()) -> Path:
    """Find what a training may start from or learn beside.

    Args:
        name: a file or folder, from `folder`, or else the name of released weights.
        folder: where one's own files are looked for.

    Returns:
        A path, which need not exist where `name` is neither.

    Raises:
        ModelError: released weights that were not fetched yet.
    """
    own = folder / name
    return own if own.exists() or name not in released_names() else weights_path(name)


def _model(name: str, row: dict[str, str | float], *, folder: Path, home: Path | None) -> ShippedModel:
    path = folder / str(row["file"])
    # A checkout of the repository may hold what the wheel leaves out.
    fetchable = ("url" in row or "mb" in row) and not path.is_file()
    return ShippedModel(
        name=name,
        path=(home or user_folder()) / path.name if fetchable else path,
        sha256=str(row["sha256"]),
        kind=str(row["kind"]),
        licence=str(row["licence"]),
        fetchable=fetchable,
        url=str(row.get("url", "")),
        mb=float(row["mb"]) if "mb" in row else None,
    )
