"""Whose pictures a folder holds and under which terms: `facing-set.json` beside the data.

Conversions, renders and scenes write it, and anybody can for a folder of one's own:

    {"set": {"name": "my photographs", "licence": "CC0-1.0", "may_train_shipped_weights": true}}
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from facing.errors import DataError
from facing.output.sink import text_sink
from facing.shards import read_shard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MANIFEST = "facing-set.json"
UNKNOWN = "unknown"
"""How a licence begins that nobody stated."""
RENDERS = "facing renders"
RENDERS_TERMS = "rendered from CC0 and MIT material"
FREE = frozenset({"CC0-1.0", "MIT", "Apache-2.0"})
"""Licences that the licence of a shipped recipe answers to."""
HOW_TO_STATE = (
    f'write {MANIFEST} into it: {{"set": {{"name": "NAME", "licence": "LICENCE", '
    '"may_train_shipped_weights": false}}'
)
STATED = {"name", "licence", "may_train_shipped_weights"}


def stated_terms(path: Path) -> dict[str, Any] | None:
    """Say which set a folder holds, so that its licence stays with the pictures.

    Args:
        path: a folder with `facing-set.json`, or a file in it.

    Returns:
        name, title, licence, may_train_shipped_weights and, of a conversion, all that the set's reader
        states; None where nothing is stated.

    Raises:
        DataError: the note beside the data cannot be read.
    """
    note = (path if path.is_dir() else path.parent) / MANIFEST
    if not note.is_file():
        return None
    try:
        facts = json.loads(note.read_text(encoding="utf-8"))["set"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{note} cannot be read ({error!r}); convert the set again or write it as facing.terms says"
        ) from error
    if not (isinstance(facts, dict) and facts.keys() >= STATED):
        raise DataError(
            f"{note} names no set and licence; convert the set again or write it as facing.terms says"
        )
    return {"title": facts["name"], **facts}


def shard_terms(folder: Path) -> dict[str, Any]:
    """Say which set a folder of shards holds; without `facing-set.json`, what the labels tell.

    Returns:
        name, title, licence and may_train_shipped_weights. The licence begins with `UNKNOWN` where nothing is
        stated and the labels are not those of renders.

    Raises:
        DataError: the note or a shard cannot be read.
    """
    stated = stated_terms(folder / MANIFEST)
    if stated is not None:
        return stated
    first = [min(folder.glob(f"{kind}-*.tar"), default=None) for kind in ("heads", "scenes")]
    if any(first) and all(_is_rendered(path) for path in first if path is not None):
        return _facts(RENDERS, licence=RENDERS_TERMS, free=True)
    return _facts(folder.name, licence=UNKNOWN, free=False)


def composed_terms(folders: Sequence[Path], *, name: str) -> dict[str, Any]:
    """Say under which terms pictures are that were put together out of those of several folders.

    Args:
        folders: of shards or pictures.
        name: of what was made of them.

    Raises:
        DataError: a note or a shard cannot be read.
    """
    parts = [shard_terms(folder) for folder in folders]
    unknown = [part["name"] for part in parts if is_unknown(part["licence"])]
    bound = [f"{UNKNOWN} for {', '.join(dict.fromkeys(unknown))}"] if unknown else []
    bound += [
        f"{part['name']}: {part['licence']}"
        for part in parts
        if not (is_free(part["licence"]) or is_unknown(part["licence"]))
    ]
    return _facts(
        name,
        licence="; ".join(dict.fromkeys(bound)) or RENDERS_TERMS,
        free=all(part["may_train_shipped_weights"] for part in parts),
    )


def state_terms(folder: Path, facts: Mapping[str, Any] | None = None) -> None:
    """Write `facing-set.json` into a folder of shards, before the first of them.

    Args:
        folder: is made where it is not there.
        facts: name, licence and may_train_shipped_weights; None for renders.

    Raises:
        DataError: the folder holds another set, or cannot be written.
    """
    wanted = _facts(RENDERS, licence=RENDERS_TERMS, free=True) if facts is None else dict(facts)
    found = stated_terms(folder / MANIFEST)
    if found is None:
        with text_sink(folder / MANIFEST) as stream:
            stream.write(json.dumps({"schema": 1, "set": wanted}, indent=1) + "\n")
    elif any(found[fact] != wanted[fact] for fact in STATED):
        raise DataError(
            f"{folder} holds {found['name']} under {found['licence']}, not {wanted['name']} under "
            f"{wanted['licence']} ({MANIFEST}); choose an empty folder"
        )


def is_free(licence: str) -> bool:
    """Whether a licence asks for no more than the licence of a shipped recipe gives."""
    return licence == RENDERS_TERMS or all(part in FREE for part in licence.split(" AND "))


def is_unknown(licence: str) -> bool:
    """Whether nobody stated the licence."""
    return licence.startswith(UNKNOWN)


def _facts(name: str, *, licence: str, free: bool) -> dict[str, Any]:
    return {"name": name, "title": name, "licence": licence, "may_train_shipped_weights": free}


def _is_rendered(path: Path) -> bool:
    """Whether labels of a shard say what a renderer knows: the camera, or the pose of every boxed head."""
    for sample in read_shard(path):
        label = sample.label
        if "boxes" not in label:
            return label.get("camera") is not None
        if label["boxes"]:
            return len(label.get("rotations", ())) == len(label["boxes"])
    return False
