"""Write the weighted mean of several trained networks of one recipe's shape as a checkpoint.

Networks that went different ways from one start often lie around a better one (Wortsman et al. 2022).

Run: python scripts/average_checkpoints.py OUT RUN=WEIGHT RUN=WEIGHT ...
OUT is a run folder with the recipe of the first run. Others may be .onnx files too; the mean is then taken of
what export makes of each, and it is to be exported: to train it, start from that file.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import torch

from facing.training.checkpoint import BEST, save_checkpoint
from facing.training.recipe import recipe_from_dict
from facing.training.seen import each_once, seen_by
from facing.training.task import load_task
from facing.training.unfold import folded, load_start, unfolded


def main() -> None:
    """Read, average, write."""
    out, *given = sys.argv[1:]
    runs = [(Path(run), float(weight)) for run, _, weight in (word.rpartition("=") for word in given)]
    networks = [(load_start(run), weight) for run, weight in runs]
    first, total = networks[0][0], sum(weight for _, weight in networks)
    built = None
    if any(run.suffix == ".onnx" for run, _ in runs):
        recipe = recipe_from_dict(first.recipe, where=str(runs[0][0]))
        built = load_task(recipe.task).network(recipe)
        networks = [(replace(one, weights=folded(built, one.weights)), weight) for one, weight in networks]
    means = dict(networks[0][0].weights)
    for name, value in networks[0][0].weights.items():
        if value.is_floating_point():
            parts = torch.stack([network.weights[name].double() * weight for network, weight in networks])
            means[name] = (parts.sum(0) / total).to(value.dtype)
    if built is not None:
        own, _ = unfolded(built, means)
        means = {name: own[name] for name in built.state_dict()}
    Path(out).mkdir(parents=True, exist_ok=True)
    # The mean has seen what each of them saw.
    seen = [
        row
        for (run, _), (network, _) in zip(runs, networks, strict=True)
        for row in seen_by(network, name=run.name)
    ]
    mean = replace(first, weights=means, figures={}, raw={}, optim={}, data=each_once(seen))
    save_checkpoint(Path(out) / BEST, mean)
    shutil.copy(runs[0][0] / "recipe.json", Path(out) / "recipe.json")
    print(Path(out) / BEST)


if __name__ == "__main__":
    main()
