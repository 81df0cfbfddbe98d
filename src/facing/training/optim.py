"""How weights move: groups, optimisers, learning rates, frozen parts and the moving average."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import get_ema_multi_avg_fn

from facing.errors import RecipeError

if TYPE_CHECKING:
    from torch import Tensor

    from facing.training.recipe import OptimSettings

FINAL_LR_SHARE = 0.01


def learning_rate(optim: OptimSettings, step: int) -> float:
    """Give the learning rate of a step before the factors of its groups: a line up, then the schedule."""
    warmup = optim.warmup * optim.steps
    if step < warmup:
        return optim.lr * (step + 1) / (warmup + 1)
    if optim.schedule == "constant":
        return optim.lr
    if optim.schedule == "step":
        return optim.lr * optim.gamma ** (step // optim.epoch_steps // optim.gamma_epochs)
    done = (step - warmup) / max(optim.steps - warmup, 1)
    return optim.lr * (FINAL_LR_SHARE + (1 - FINAL_LR_SHARE) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))


def group_factors(optim: OptimSettings, step: int) -> dict[str, float]:
    """Give the multiples of the learning rate at a step: stem, backbone, head."""
    freezing = step // optim.epoch_steps < optim.freeze_epochs
    return (optim.freeze_groups if freezing else optim.groups).model_dump()


def can_stand_still(optim: OptimSettings) -> bool:
    """Say whether any part stands still at any time."""
    factors = list(optim.groups.model_dump().values())
    if optim.freeze_epochs:
        factors += optim.freeze_groups.model_dump().values()
    return 0.0 in factors


def weight_groups(network: nn.Module, optim: OptimSettings) -> dict[str, list[nn.Parameter]]:
    """Part the weights of a network, each in one group.

    Args:
        network: its method `groups()` names its parts; one without it is a backbone as a whole.
        optim: refused where it treats parts differently that the network does not name.

    Raises:
        RecipeError: the network has no parts and the settings ask for them.
    """
    named = getattr(network, "groups", None)
    if named is not None:
        groups: dict[str, list[nn.Parameter]] = named()
        numbers = [id(weight) for group in groups.values() for weight in group]
        assert len(set(numbers)) == len(numbers) == len(list(network.parameters()))
        return groups
    frozen = [optim.freeze_groups] if optim.freeze_epochs else []
    for factors in (optim.groups, *frozen):
        if len(set(factors.model_dump().values())) > 1:
            raise RecipeError(
                f"optim.groups and optim.freeze_groups: {type(network).__name__} has no parts to treat "
                "differently; leave them and optim.freeze_epochs out"
            )
    return {"backbone": list(network.parameters())}


def build_optimizer(
    groups: dict[str, list[nn.Parameter]], optim: OptimSettings, *, fused: bool = True
) -> torch.optim.Optimizer:
    """Make one optimiser for the whole training; every parameter group says its `part`.

    Args:
        groups: as `weight_groups` gives them.
        optim: kind and decay; rates are set anew at every step.
        fused: one pass over the weights instead of one per operation. It unscales float16 gradients by
            itself, which leaves no moment to clip them, so 16-mixed does without.
    """
    # Biases and normalisation are not decayed: their scale means something.
    parameters = [
        {"params": chosen, "weight_decay": decay, "part": part}
        for part, weights in groups.items()
        for chosen, decay in (
            ([weight for weight in weights if weight.ndim > 1], optim.weight_decay),
            ([weight for weight in weights if weight.ndim <= 1], 0.0),
        )
        if chosen
    ]
    if optim.name == "sgd":
        return torch.optim.SGD(
            parameters, lr=optim.lr, momentum=optim.momentum, nesterov=optim.nesterov, fused=fused
        )
    kind = torch.optim.AdamW if optim.name == "adamw" else torch.optim.Adam
    return kind(parameters, lr=optim.lr, fused=fused)


def freeze(network: nn.Module, still: set[int], *, norm: str) -> None:
    """Put a network into training mode but for what stands still.

    Args:
        network: to change.
        still: `id` of every weight that stands still; they get no gradients, so they cost no backward pass
            and no optimiser counts a step for them.
        norm: `OptimSettings.freeze_norm`.
    """
    network.train()
    for weight in network.parameters():
        weight.requires_grad_(id(weight) not in still)
    for layer in network.modules():
        if isinstance(layer, _BatchNorm):
            frozen = norm == "with-groups" and id(layer.weight) in still
            layer.train(not (frozen or norm == "always"))


class Average:
    """The network whose weights are the moving average; no module, so that Lightning leaves it alone."""

    def __init__(self, network: nn.Module, *, memory: float) -> None:
        """Begin with the weights as they are; `memory` 0 follows them without delay."""
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.memory = memory
        self._pairs: list[tuple[Tensor, Tensor]] = []

    @torch.no_grad()
    def update(self, network: nn.Module, *, step: int) -> None:
        """Move towards the weights after `step` steps; both networks stay on their device from then on."""
        # Young averages forget faster, else the random start would stay in them for long.
        memory = min(self.memory, step / (step + 10))
        if not self._pairs:
            now = network.state_dict()
            self._pairs = [(mean, now[name]) for name, mean in self.network.state_dict().items()]
        means: list[Tensor] = []
        values: list[Tensor] = []
        for mean, value in self._pairs:
            if mean.is_floating_point():
                means.append(mean)
                values.append(value)
            else:
                mean.copy_(value)
        if self.memory:
            get_ema_multi_avg_fn(memory)(means, values, 0)  # type: ignore[no-untyped-call]
        else:
            torch._foreach_copy_(means, values)
