"""A task as another distribution may bring it, trained in a second: the sum of four numbers."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from facing.models.settings import Section
from facing.training.recipe import Recipe
from facing.training.task import Task


class ToySettings(Section):
    pictures: int = 64
    norm: bool = True
    parts: bool = True
    dropout: float = 0.0
    limit: float = 100.0
    slow_s: float = 0.0
    trace: str = ""


class ToyRecipe(Recipe):
    toy: ToySettings = ToySettings()


class Toy(nn.Module):
    def __init__(self, *, norm, dropout):
        super().__init__()
        self.stem = nn.Linear(4, 8)
        self.dropout = nn.Dropout(dropout)
        self.body = nn.Sequential(nn.BatchNorm1d(8) if norm else nn.Identity(), nn.Tanh(), nn.Linear(8, 8))
        self.head = nn.Linear(8, 1)

    def forward(self, x):
        return self.head(torch.tanh(self.body(self.dropout(self.stem(x)))).float())[:, 0]


class ToyInParts(Toy):
    def groups(self):
        return {
            "stem": list(self.stem.parameters()),
            "backbone": list(self.body.parameters()),
            "head": list(self.head.parameters()),
        }


def batch_of(rng, *, rows):
    x = rng.normal(size=(rows, 4)).astype(np.float32)
    return {"x": torch.from_numpy(x), "y": torch.from_numpy(x.sum(1))}


class ToySource:
    def __init__(self, recipe):
        self.recipe = recipe

    def __len__(self):
        return self.recipe.toy.pictures

    def __call__(self, step):
        time.sleep(self.recipe.toy.slow_s)
        return batch_of(np.random.default_rng((self.recipe.seed, step)), rows=self.recipe.optim.batch)


def trace(network, batch, recipe):
    """Write what a process sees and holds, one line per step."""
    rank = os.environ.get("LOCAL_RANK", "0")
    with (Path(recipe.toy.trace) / f"{rank}.jsonl").open("a") as file:
        weights = [float(weight.detach().double().sum()) for weight in network.parameters()]
        file.write(json.dumps({"x": batch["x"].tolist(), "weights": weights}) + "\n")


def loss(network, batch, recipe):
    if recipe.toy.trace:
        trace(network, batch, recipe)
    outside = batch["y"].abs() > recipe.toy.limit
    y = batch["y"].clamp(-recipe.toy.limit, recipe.toy.limit)
    return {
        "loss": (network(batch["x"]) - y).square().mean(),
        "out_of_range": outside.float().mean(),
    }


def validation(recipe, data):
    batch = batch_of(np.random.default_rng(0), rows=200)

    @torch.no_grad()
    def measure(network):
        device = next(network.parameters()).device
        return {"error": float((network(batch["x"].to(device)).cpu() - batch["y"]).abs().mean())}

    return measure


TASK = Task(
    recipe=lambda _settings: ToyRecipe,
    network=lambda recipe: (ToyInParts if recipe.toy.parts else Toy)(
        norm=recipe.toy.norm, dropout=recipe.toy.dropout
    ),
    source=lambda recipe, _data: ToySource(recipe),
    loss=loss,
    validation=validation,
    score="error",
)
