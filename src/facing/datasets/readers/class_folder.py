"""Pictures sorted into folders, DIR/<class>/*.jpg: the layout of the orientation system and many others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from facing.datasets.files import missing
from facing.datasets.sample import LabelledHead, LeftOut, Reader, Sample
from facing.errors import DataError
from facing.picture import ENDINGS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Box = tuple[float, float, float, float]

TITLE = "pictures in one folder per class"
MANIFEST = "manifest.jsonl"
"""Beside the classes, or one folder up where they are parts of a split; `facing datasets make-orientation`
writes it."""


def read_samples(folder: Path) -> Iterator[Sample | LeftOut]:
    """Yield one sample per picture, class by class; the name of the folder is the class.

    Where a manifest lies with the tree, it says which pictures are of one person (`person`) and where the
    head is (`box`).
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; name the one that holds {TITLE}")
    files = [path for path in sorted(folder.glob("[!.]*/[!.]*")) if path.is_file()]
    if not any(path.suffix.lower() in ENDINGS for path in files):
        raise missing(folder, "CLASS/*.jpg or other pictures", title=TITLE)
    told = _manifest(folder)
    for path in files:
        key = f"{path.parent.name}/{path.name}"
        if path.suffix.lower() not in ENDINGS:
            yield LeftOut(key, "no picture by its ending")
        elif path.stat().st_size == 0:
            yield LeftOut(key, "file is empty")
        else:
            person, box = told.get(path.resolve(), (None, None))
            yield Sample(key, path, (LabelledHead(box, None, label=path.parent.name),), source=person)


def _manifest(folder: Path) -> dict[Path, tuple[str, Box | None]]:
    """Read who is on which picture, and where; empty without a manifest."""
    for root in (folder, folder.parent):
        path = root / MANIFEST
        if not path.is_file():
            continue
        try:
            rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            return {
                (root / row["file"]).resolve(): (str(row["person"]), _box(row.get("box"))) for row in rows
            }
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path} is no manifest ({error!r}); write it again with: facing datasets make-orientation"
            ) from error
    return {}


def _box(edges: list[float] | None) -> Box | None:
    if edges is None:
        return None
    x0, y0, x1, y1 = (float(edge) for edge in edges)
    return x0, y0, x1, y1


READER = Reader(
    title=TITLE,
    licence="that of the pictures that lie in it; a manifest states it picture by picture",
    may_train_shipped_weights=False,
    box_rule="the whole picture is the head, unless a manifest says where it is",
    convention="the name of the folder is the class; no angles",
    complete_labels=True,
    known=(),
    classes=True,
    samples=read_samples,
)
