"""Names are file names: what a folder of the package holds, found without importing it."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import entry_points
from importlib.util import find_spec

from facing.errors import FacingError, UnknownNameError


def names(package: str) -> tuple[str, ...]:
    """List what a folder of facing and its plug-ins offer.

    Args:
        package: dotted name of the folder, such as "facing.losses"; it is also the
            plug-in group under which other distributions may offer more.

    Returns:
        Sorted names; private files (leading underscore) do not count.

    Raises:
        FacingError: two sources offer the same name.
    """
    spec = find_spec(package)
    folders = list(spec.submodule_search_locations or []) if spec else []
    own = [module.name for module in pkgutil.iter_modules(folders) if not module.name.startswith("_")]
    foreign = [point.name for point in entry_points(group=package)]
    double = sorted({name for name in foreign if name in own or foreign.count(name) > 1})
    if double:
        raise FacingError(f"{package}: {', '.join(double)} is offered twice; uninstall one of the plug-ins")
    return tuple(sorted(own + foreign))


def load(package: str, name: str, *, attribute: str, kind: str) -> object:
    """Import one entry of a folder and hand over what it exports.

    Args:
        package: dotted name of the folder.
        name: one of `names(package)`.
        attribute: what such a file exports, such as "LOSS".
        kind: the word for it in an error, such as "loss".

    Raises:
        UnknownNameError: there is no such entry.
        FacingError: the file exists but does not export `attribute`.
    """
    known = names(package)
    if name not in known:
        raise UnknownNameError.among(name, kind=kind, known=known)
    for point in entry_points(group=package):
        if point.name == name:
            return point.load()
    module = importlib.import_module(f"{package}.{name}")
    if not hasattr(module, attribute):
        raise FacingError(f"{package}.{name} exports no {attribute}; a {kind} file must")
    return getattr(module, attribute)


def words(package: str) -> tuple[str, ...]:
    """List the names of a folder as they are typed on the command line, with "-" for "_"."""
    return tuple(name.replace("_", "-") for name in names(package))


def load_word(package: str, word: str, *, attribute: str, kind: str) -> object:
    """Do what `load` does for a name as it is typed, in which "-" and "_" are one."""
    known = words(package)
    if word.replace("_", "-") not in known:
        raise UnknownNameError.among(word, kind=kind, known=known)
    return load(package, word.replace("-", "_"), attribute=attribute, kind=kind)
