"""Any labelled set made ready for training: head shards, converted once where the set has another form."""

from __future__ import annotations

import json
import logging
import math
import os
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facing.datasets.convert import ConvertJob, convert
from facing.datasets.converters.shards import FORMAT
from facing.datasets.sample import load_reader
from facing.output.sink import text_sink
from facing.shards import find_shards, read_shard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from facing.training.recipe import DataSettings

log = logging.getLogger(__name__)

FOLDER = ".facing"
"""Below the data root: what was converted, kept for the next training."""
MOST_DEG = 180.0
"""Heads of any pose are stored; `DataSettings.max_angle` decides which of them are learned from."""
ROOM = 1.9
"""Side of a stored head picture over the longer side of its head box; crops move, turn and grow inside it."""
DONE = "done.json"


def head_folders(entries: Sequence[DataSettings], data: Path, *, side: int, scale: float) -> list[Path]:
    """Give folders of head shards for what a recipe learns from.

    Sets that are no shards are converted into `.facing` below the data root: once, resumably, with every
    picture that cannot be used counted and told.

    Args:
        entries: of the recipe.
        data: the data root.
        side: of the crops, pixels.
        scale: crop side over the longer side of the head box.

    Returns:
        One folder per entry.

    Raises:
        DataError: a folder does not hold the set.
        UnknownNameError: no reader has this name.
    """
    shards = [data / entry.path for entry in entries if entry.reader == "shards"]
    # Crops at their own resolution, or at that of the shards they are mixed with: pictures have one size.
    stored = _stored_side(shards[0]) if shards else 32 * math.ceil(side * ROOM / scale / 32)
    return [
        data / entry.path if entry.reader == "shards" else _converted(entry, data, side=stored)
        for entry in entries
    ]


def _stored_side(folder: Path) -> int:
    first = next(iter(read_shard(find_shards(folder)[0])))
    return int(first.pixels().shape[0])


def _converted(entry: DataSettings, data: Path, *, side: int) -> Path:
    reader = load_reader(entry.reader)
    path = data / entry.path
    if not reader.may_train_shipped_weights:
        log.info("%s: licence of %s: %s", path, reader.title, reader.licence)
    made_of = (entry.reader, path.resolve(), _state(path), side, f"{MOST_DEG:g}", FORMAT)
    digest = blake2b("\n".join(map(str, made_of)).encode(), digest_size=5).hexdigest()
    out = data / FOLDER / f"{entry.reader}-{digest}"
    if (out / DONE).exists():
        _tell(json.loads((out / DONE).read_text(encoding="utf-8")), path, out=out)
        return out
    log.info("%s: converting %s for training", path, reader.title)
    tally = convert(
        ConvertJob(
            name=entry.reader,
            reader=reader,
            path=path,
            out=out,
            side=side,
            scale=ROOM,
            max_angle=MOST_DEG,
        )
    )
    story = {"left_out": dict(tally.left_out), "failed": tally.failed}
    with text_sink(out / DONE) as stream:
        stream.write(json.dumps(story, indent=1) + "\n")
    _tell(story, path, out=out)
    return out


def _state(path: Path) -> tuple[int, int]:
    """Give the number of files of a set and the time of the newest: a set that changed is converted anew."""
    if path.is_file():
        return 1, path.stat().st_mtime_ns
    count, newest = 0, 0
    for folder, below, files in os.walk(path):
        below[:] = [name for name in below if not name.startswith(".")]  # our own FOLDER may lie there
        count += len(files)
        newest = max([newest, *(Path(folder, name).lstat().st_mtime_ns for name in files)])
    return count, newest


def _tell(story: Mapping[str, Any], path: Path, *, out: Path) -> None:
    """Log where the heads of a set lie and which of them were left out."""
    log.info("%s: its heads are kept in %s", path, out)
    for reason, count in story["left_out"].items():
        log.info("%s: %d left out: %s", path, count, reason)
    if story["failed"]:
        key, why = story["failed"][0]
        log.warning(
            "%s: pictures that cannot be read are left out: %d; %s: %s", path, len(story["failed"]), key, why
        )
