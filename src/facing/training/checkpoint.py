"""Checkpoints: one safetensors file each, its story as JSON in the header. No code, no pickle.

A run folder holds `best.safetensors` (averaged weights), `last.safetensors` (those of the last epoch and all
that a resumed run needs), `recipe.json`, `metrics.csv`, and `epochs/NNN.safetensors`
where the recipe keeps them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from facing.atomic import new_file
from facing.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

BEST, LAST = "best.safetensors", "last.safetensors"
EPOCHS = "epochs"
HEADER_KEY = "facing"
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights of a network and where they come from.

    Attributes:
        weights: averaged weights, by the names of the network.
        recipe: the resolved recipe, plain data.
        digest: SHA-256 of the recipe.
        step: training steps done.
        epoch: epochs done; 0 in files of earlier versions.
        figures: validation figures of these weights, by name.
        raw: weights as the optimizer holds them; empty where the run cannot be resumed from this file.
        optim: state of the optimizer, "NUMBER.KEY" -> tensor.
        scaler: state of the loss scaler of float16 training; empty otherwise.
        best: the best score so far, smaller is better.
        commit: of facing when the file was written, empty where unknown.
        data: what the weights have seen, each {"name": ..., "licence": ...}.
    """

    weights: dict[str, Tensor]
    recipe: dict[str, Any]
    digest: str
    step: int
    figures: dict[str, float] = field(default_factory=dict)
    raw: dict[str, Tensor] = field(default_factory=dict)
    optim: dict[str, Tensor] = field(default_factory=dict)
    scaler: dict[str, Any] = field(default_factory=dict)
    epoch: int = 0
    best: float | None = None
    commit: str = ""
    data: list[dict[str, str]] = field(default_factory=list)


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, whole or not at all.

    Raises:
        ModelError: it cannot be written there.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    groups = {"weights": checkpoint.weights, "raw": checkpoint.raw, "optim": checkpoint.optim}
    tensors = {
        f"{group}/{name}": tensor.detach().cpu().contiguous()
        for group, members in groups.items()
        for name, tensor in members.items()
    }
    story = {
        "schema": SCHEMA,
        "recipe": checkpoint.recipe,
        "digest": checkpoint.digest,
        "step": checkpoint.step,
        "epoch": checkpoint.epoch,
        "scaler": checkpoint.scaler,
        "figures": checkpoint.figures,
        "best": checkpoint.best,
        "commit": checkpoint.commit,
        "data": checkpoint.data,
    }
    try:
        with new_file(path, keep_ending=False, kind=ModelError) as part:
            save_file(tensors, part, metadata={HEADER_KEY: json.dumps(story, sort_keys=True)})
    except SafetensorError as error:  # what its library makes of a full disk
        raise ModelError(f"{path} cannot be written ({error}); choose another place") from error


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint file, or the best one of a run folder.

    Raises:
        ModelError: there is none, it is broken, foreign or of another schema.
    """
    from safetensors import SafetensorError, safe_open

    file = path
    if path.is_dir():
        file = path / (BEST if (path / BEST).exists() else LAST)
    if not file.is_file():
        raise ModelError(f"{file} does not exist; give a run folder of facing train or a .safetensors file")
    groups: dict[str, dict[str, Tensor]] = {"weights": {}, "raw": {}, "optim": {}}
    try:
        with safe_open(str(file), framework="pt") as opened:
            header = (opened.metadata() or {}).get(HEADER_KEY)
            if header is None:
                raise ModelError(f"{file} was not written by facing train; give one that was")
            for key in opened.keys():  # noqa: SIM118 - not a mapping
                group, _, name = key.partition("/")
                groups[group][name] = opened.get_tensor(key)
    except SafetensorError as error:
        raise ModelError(f"{file} cannot be read ({error}); copy or train it again") from error
    story = json.loads(header)
    if story.pop("schema") != SCHEMA:
        raise ModelError(f"{file} has another schema than {SCHEMA}; use the facing that wrote it")
    return Checkpoint(**{**story, **groups})
