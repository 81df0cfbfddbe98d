"""Run folders: whose run lies there, what it begins with, and what a resumed run takes over."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from facing.errors import RecipeError
from facing.training.checkpoint import LAST, Checkpoint, load_checkpoint
from facing.training.logs import METRICS
from facing.training.unfold import load_start, take_statistics, unfolded
from facing.training.widen import deepened, widened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import torch
    from torch import nn

    from facing.training.recipe import Recipe
    from facing.training.task import Batch

DRAWN_BY = ("seed", "data", "sampling")
"""Parts of a recipe that decide which heads a batch holds; a task may have no `sampling`."""
SHOWN = 6
"""Names in a list of what did not match; the number of all stands beside them."""


def last_checkpoint(recipe: Recipe, *, out: Path, resume: bool) -> Checkpoint | None:
    """Find what a run goes on from.

    Args:
        recipe: resolved; the run in `out` must be of the same.
        out: run folder.
        resume: whether a run may lie there.

    Returns:
        None where the run begins.

    Raises:
        RecipeError: `out` holds a run that is not to be resumed, or that of another recipe.
        ModelError: the checkpoint is broken.
    """
    if not (out / LAST).exists():
        return None
    if not resume:
        raise RecipeError(f"{out} holds a run already; add --resume or choose another --out")
    last = load_checkpoint(out / LAST)
    if last.digest != recipe.digest():
        here, there = (_flat(settings) for settings in (recipe.to_dict(), last.recipe))
        other = [name for name in here if here[name] != there.get(name) and name != "overrides"]
        apart = f": {other[0]} is {here[other[0]]!r} here and {there.get(other[0])!r} there" if other else ""
        raise RecipeError(
            f"{out} holds a run of another recipe or of data of another size{apart}; choose another --out"
        )
    return last


def _flat(settings: Mapping[str, Any], *, prefix: str = "") -> dict[str, Any]:
    """Give the settings of nested tables by their dotted names."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= _flat(value, prefix=f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


def prepare_folder(recipe: Recipe, *, out: Path, fresh: bool) -> None:
    """Write `recipe.json`, and take away what a run that ended before its first checkpoint left behind."""
    out.mkdir(parents=True, exist_ok=True)
    for part in out.glob(".*.part"):
        part.unlink()
    if fresh:
        (out / METRICS).unlink(missing_ok=True)
    story = {"recipe": recipe.to_dict(), "digest": recipe.digest()}
    (out / "recipe.json").write_text(json.dumps(story, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Give the state of an optimiser as "NUMBER.KEY" -> tensor."""
    return {
        f"{number}.{key}": value
        for number, state in optimizer.state_dict()["state"].items()
        for key, value in state.items()
        if value is not None
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    """Put back what `optimizer_tensors` gave, on the devices where the weights lie now."""
    import torch

    state: dict[str, Any] = optimizer.state_dict()
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for name, value in tensors.items():
        number, _, key = name.partition(".")
        weight = weights[int(number)]
        if value.shape == weight.shape:
            # Files hold rows first; fused optimisers go through memory and need the order of the weights.
            value = torch.empty_like(weight, dtype=value.dtype).copy_(value)  # noqa: PLW2901
        state["state"].setdefault(int(number), {})[key] = value
    optimizer.load_state_dict(state)


@dataclass(frozen=True, slots=True)
class Start:
    """What a network took over from a file, by names of arrays.

    Attributes:
        taken: in both, of one shape.
        widened: in both, narrower in the file: its values stand in the first channels.
        missing: of the network, not in the file.
        reshaped: in both, with the shapes here and there.
        left: of the file, not in the network.
        recipe: of the training that wrote the file, plain data.
    """

    taken: tuple[str, ...]
    widened: tuple[str, ...]
    missing: tuple[str, ...]
    reshaped: tuple[str, ...]
    left: tuple[str, ...]
    recipe: Mapping[str, Any]

    def text(self, path: Path) -> str:
        """Say it, one line per kind of mismatch."""
        own = len(self.taken) + len(self.widened) + len(self.missing) + len(self.reshaped)
        lines = [f"started from {path}: {len(self.taken)} of {own} arrays"]
        for title, names in (
            ("wider than in the file, which fills their first channels", self.widened),
            ("not in the file", self.missing),
            ("of another shape", self.reshaped),
            ("left over in the file", self.left),
        ):
            if names:
                more = ", ..." if len(names) > SHOWN else ""
                lines.append(f"  {title}: {len(names)}: {', '.join(names[:SHOWN])}{more}")
        return "\n".join(lines)

    def repeats(self, path: Path, *, recipe: Recipe) -> str:
        """Say in a sentence that a training would draw what its start has seen; empty where it would not.

        Batch k depends on seed, data and k alone: with the seed of its start, a training goes over the same
        crops in the same order with the same augmentation, and learns them by heart (docs/log.md).
        """
        own = recipe.to_dict()
        if any(own.get(part) != self.recipe.get(part) for part in DRAWN_BY):
            return ""
        return (
            f"{path} was trained with seed {recipe.seed} and these data too and has seen these batches; "
            f"add --set seed={recipe.seed + 1}"
        )


def start_from(network: nn.Module, path: Path, *, batch: Callable[[], Batch] | None = None) -> Start:
    """Load the weights of a file wherever names agree and shapes do, or are smaller there.

    Args:
        network: takes them over; convolutions may be wider. A wider or deeper detector answers as the one of
            the file; the head of a wider pose network starts anew.
        path: checkpoint, run folder or model file.
        batch: makes a batch of the training, whose statistics normalisation takes when it starts from a model
            file. Without it the network answers as the file does in eval mode only.

    Raises:
        ModelError: there is no such checkpoint or model.
        RecipeError: nothing agrees.
    """
    checkpoint = load_start(path)
    foreign, folded = unfolded(network, checkpoint.weights)
    own = network.state_dict()
    taken = {
        name: foreign[name] for name in own if name in foreign and foreign[name].shape == own[name].shape
    }
    wider = widened(network, foreign)
    if not taken and not wider:
        raise RecipeError(f"{path} shares no weights with this recipe's network; choose another --init")
    deepened(network, foreign)
    loaded = taken | wider
    network.load_state_dict(loaded, strict=False)
    layers = [name for name in folded if f"{name}.bias" in loaded]
    if layers and batch is not None:
        take_statistics(network, layers, batch()["picture"])
    return Start(
        taken=tuple(taken),
        widened=tuple(wider),
        missing=tuple(name for name in own if name not in foreign),
        reshaped=tuple(
            f"{name} {tuple(own[name].shape)} here, {tuple(foreign[name].shape)} there"
            for name in own
            if name in foreign and name not in loaded
        ),
        left=tuple(sorted(foreign.keys() - own.keys() - dict(network.named_buffers()).keys())),
        recipe=checkpoint.recipe,
    )
