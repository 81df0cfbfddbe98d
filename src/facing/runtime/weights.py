"""Model names -> files. The default weights lie in the package, so nothing is ever downloaded."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from facing.errors import ModelError, UnknownNameError

FOLDER = Path(__file__).parents[1] / "weights"
TABLE = "weights.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippedModel:
    """One row of the table of shipped weights.

    Attributes:
        name: what users say, such as "small"; it points to the newest file of that kind.
        path: the ONNX file.
        sha256: of that file, hexadecimal.
        kind: "pose" or "heads".
        licence: of the weights.
    """

    name: str
    path: Path
    sha256: str
    kind: str
    licence: str

    def is_intact(self) -> bool:
        """Say whether the file is there and has the bytes it was released with."""
        return self.path.is_file() and hashlib.sha256(self.path.read_bytes()).hexdigest() == self.sha256


def shipped(folder: Path = FOLDER) -> tuple[ShippedModel, ...]:
    """List the weights that came with the package, sorted by name.

    Args:
        folder: with `weights.json`, {name: {"file", "sha256", "kind", "licence"}}, and the files it names.

    Raises:
        ModelError: the table is damaged.
    """
    table = folder / TABLE
    if not table.is_file():
        return ()
    try:
        rows = json.loads(table.read_text(encoding="utf-8"))
        return tuple(
            ShippedModel(
                name=name,
                path=folder / row["file"],
                sha256=row["sha256"],
                kind=row["kind"],
                licence=row["licence"],
            )
            for name, row in sorted(rows.items())
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{table} is damaged ({error!r}); install facing again") from error


def weights_path(name_or_file: str | os.PathLike[str], *, folder: Path = FOLDER) -> Path:
    """Find a model file.

    Args:
        name_or_file: the name of shipped weights, their full name ("small-1") or a path to an .onnx file.
        folder: where the shipped weights lie.

    Raises:
        ModelError: the file does not exist.
        UnknownNameError: no shipped weights have this name.
    """
    given = os.fspath(name_or_file)
    path = Path(given)
    models = shipped(folder)
    for model in models:
        if given in (model.name, model.path.stem):
            if not model.path.is_file():
                raise ModelError(f"{model.path} of model {given!r} is missing; install facing again")
            return model.path
    if path.is_file():
        return path
    if path.is_dir():
        raise ModelError(f"{path} is a folder; give an .onnx file")
    if path.suffix == ".onnx" or path.name != given:
        raise ModelError(f"model file {path} does not exist; check the name")
    raise UnknownNameError.among(given, kind="model", known=[model.name for model in models])
