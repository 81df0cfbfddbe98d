"""What weights have seen, and what follows from that for their licence."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from facing.datasets.sample import load_reader
from facing.runtime.weights import own_or_released
from facing.terms import HOW_TO_STATE, RENDERS, UNKNOWN, is_free, is_unknown, shard_terms, stated_terms
from facing.training.unfold import load_start

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from facing.training.checkpoint import Checkpoint
    from facing.training.recipe import DataSettings, Recipe

log = logging.getLogger(__name__)

IMAGENET_TERMS = "pictures for non-commercial research only"


def seen_data(recipe: Recipe, data: Path, *, init: Path | None) -> list[dict[str, str]]:
    """List what the weights of a training will have seen, with licences; it goes into checkpoint and card.

    Args:
        recipe: what is trained.
        data: the data root.
        init: checkpoint or model file that the training starts from; what it saw counts too, like what a
            teacher saw.

    Returns:
        Rows {"name": ..., "licence": ...}, each once.

    Raises:
        DataError: what is written beside a set cannot be read.
    """
    rows = [] if init is None else seen_by(load_start(init), name=init.name)
    teacher = getattr(getattr(recipe, "teacher", None), "path", "")
    if teacher:
        # What is learned from a network comes from its data too.
        file = own_or_released(teacher, data)
        rows = [*rows, *seen_by(load_start(file), name=file.name)]
    start = getattr(getattr(recipe, "model", None), "pretrained", "")
    if start:
        rows = [*rows, {"name": "ImageNet (start of the backbone)", "licence": IMAGENET_TERMS}]
    rows = [*rows, *(_row(entry, data) for entry in recipe.data)]
    behind = getattr(recipe, "background", None)
    if behind and any((data / behind).glob("backgrounds-*.tar")):
        rows = [*rows, _shard_row(data / behind, path=behind)]
    return each_once(rows)


def seen_by(checkpoint: Checkpoint, *, name: str) -> list[dict[str, str]]:
    """Give what weights have seen; one row of unknown terms where their checkpoint does not tell.

    Args:
        checkpoint: of `facing train`.
        name: of the file or run folder, for that row.
    """
    return checkpoint.data or [{"name": f"what {name} was trained on", "licence": UNKNOWN}]


def each_once(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Leave out rows that stood there before."""
    return [row for place, row in enumerate(rows) if row not in rows[:place]]


def licence_of(rows: Iterable[Mapping[str, str]], *, recipe: Recipe) -> str:
    """Give the licence of weights by what they have seen alone.

    Args:
        rows: {"name": ..., "licence": ...} each; none say nothing.
        recipe: its licence counts where all of it was free.
    """
    bound = [row for row in rows if not is_free(row["licence"])]
    stated = [row["name"] for row in bound if not is_unknown(row["licence"])]
    if stated:
        return f"restricted by what it was trained on: {', '.join(stated)}"
    if bound:
        return f"{UNKNOWN}, as that of what it was trained on: {', '.join(row['name'] for row in bound)}"
    return recipe.licence if rows else f"{UNKNOWN}, as nothing says what it was trained on"


def _row(entry: DataSettings, data: Path) -> dict[str, str]:
    if entry.reader == "shards":
        return _shard_row(data / entry.path, path=entry.path)
    facts = stated_terms(data / entry.path)
    if facts is not None:
        return {"name": str(facts["name"]), "licence": str(facts["licence"])}
    reader = load_reader(entry.reader)
    return {"name": reader.title, "licence": reader.licence}


def _shard_row(folder: Path, *, path: str) -> dict[str, str]:
    facts = shard_terms(folder)
    name, licence = str(facts["name"]), str(facts["licence"])
    if is_unknown(licence) and folder.is_dir():  # a task of one's own may read what is no folder
        log.warning(
            "%s: its licence is %s, and so will that of the weights be; %s, or state it with facing export "
            "--trained-on",
            folder,
            licence,
            HOW_TO_STATE,
        )
    return {"name": f"{name}: {path}" if name == RENDERS else name, "licence": licence}
