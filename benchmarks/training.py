"""Time our training beside the plainest loop: images per second of the same network on the same batches.

    python benchmarks/training.py --data data --path train

The plain loop makes a batch, computes the loss and its gradients, and steps AdamW; ours adds clipping, the
moving average, schedules and figures, and makes batches beside the network. Both take turns, epoch by epoch,
in one process, which keeps freed memory as `facing train` does; --leave-memory shows what that is worth.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from facing.bench.machine import facts, save_result
from facing.bench.speed import Timing
from facing.errors import FacingError
from facing.training.allocator import keep_freed_memory
from facing.training.fit import train
from facing.training.processes import Machines
from facing.training.recipe import recipe_from_dict
from facing.training.task import load_task

if TYPE_CHECKING:
    from facing.training.recipe import Recipe
    from facing.training.task import Source, Task

NETWORKS = {
    "compact small at 112": {"backbone": "compact", "variant": "small", "side": 112},
    "mobilenet_v2 0.5 at 128": {"backbone": "mobilenet_v2", "variant": "0.5", "side": 128},
}
READY = 4
"""Batches that are made beforehand and used over and over where the loop alone is measured."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="data root")
    parser.add_argument("--path", default="train", help="folder of head shards below it")
    parser.add_argument("--batch", type=int, default=64, help="crops per step")
    parser.add_argument("--steps", type=int, default=8, help="steps per turn")
    parser.add_argument("--turns", type=int, default=6, help="timed turns of each loop")
    parser.add_argument("--threads", type=int, default=1, help="threads of the network's arithmetic")
    parser.add_argument(
        "--leave-memory", action="store_true", help="give freed memory back to the system at every step"
    )
    parser.add_argument(
        "--results", type=Path, default=Path(__file__).parent / "results", help="folder of results"
    )
    return parser.parse_args()


def recipe_of(network: dict[str, Any], given: argparse.Namespace) -> Recipe:
    crops = given.batch * given.steps
    return recipe_from_dict(
        {
            "schema": 1,
            "name": "benchmark",
            "task": "pose",
            "licence": "none",
            "background": given.path,
            "data": [{"reader": "shards", "path": given.path}],
            "crop": {"side": network["side"]},
            "model": {"backbone": network["backbone"], "variant": network["variant"]},
            "head": {"name": "rotation_6d", "landmarks": 1.0},
            # The first turn of each warms up.
            "optim": {
                "lr": 1e-3,
                "batch": given.batch,
                "crops": crops * (given.turns + 1),
                "epoch_crops": crops,
            },
        },
        where="benchmark",
    )


class PlainLoop:
    """What anyone would write first, on a network of its own."""

    def __init__(self, recipe: Recipe, *, task: Task) -> None:
        self.recipe, self.task = recipe, task
        self.network = task.network(recipe).to(memory_format=torch.channels_last).train()
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=recipe.optim.lr)

    def epoch(self, source: Source, *, first: int) -> float:
        """Train for an epoch; give images per second."""
        optim = self.recipe.optim
        began = time.perf_counter()
        for step in range(first, first + optim.epoch_steps):
            batch = source(step)
            with torch.autocast("cpu", torch.bfloat16):
                loss = self.task.loss(self.network, batch, self.recipe)["loss"]
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        return optim.epoch_steps * optim.batch / (time.perf_counter() - began)


def measure(recipe: Recipe, *, data: Path, ready: bool, threads: int) -> dict[str, Any]:
    task = load_task(recipe.task)
    make = task.source(recipe, data)
    batches = [make(step) for step in range(READY)] if ready else []
    turn = threading.Lock()

    def source(step: int) -> Any:
        # Nothing is made for us while the other loop has its turn.
        with turn:
            return batches[step % READY] if ready else make(step)

    plain = PlainLoop(recipe, task=task)
    theirs: list[float] = []

    def other_turn(line: str) -> None:
        if line.startswith("step"):
            with turn:
                first = len(theirs) * recipe.optim.epoch_steps
                theirs.append(
                    plain.epoch(lambda step: batches[step % READY] if ready else make(step), first=first)
                )

    with tempfile.TemporaryDirectory() as folder:
        train(
            recipe,
            task=replace(task, source=lambda *_: source, validation=lambda *_: lambda _network: {}),
            data=data,
            out=Path(folder),
            resume=False,
            init=None,
            threads=threads,
            machines=Machines(accelerator="cpu"),
            tensorboard=False,
            report=other_turn,
            show=lambda _step, _doing: None,
        )
        with (Path(folder) / "metrics.csv").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    ours = [float(row["crops_per_s"]) for row in rows]
    waiting = [float(row["waiting_share"]) for row in rows]
    pairs = list(zip(ours, theirs, strict=True))[1:]
    return {
        "facing": spread([mine for mine, _ in pairs]),
        "plain": spread([other for _, other in pairs]),
        "ratio": spread([mine / other for mine, other in pairs]),
        "waiting_share": spread(waiting[1:]),
    }


def spread(values: list[float]) -> dict[str, float]:
    """Give the median and the range of the middle 80 %."""
    timing = Timing.of([value / 1000 for value in values])
    return {"median": timing.median_ms, "p10": timing.p10_ms, "p90": timing.p90_ms}


def main() -> None:
    given = arguments()
    kept = not given.leave_memory and keep_freed_memory()
    torch.set_num_threads(given.threads)
    described = facts(threads=given.threads)
    described["versions"]["torch"] = torch.__version__
    rows = []
    print(f"{'network':<26} {'batches':<12} {'facing':>8} {'plain':>8} {'ratio':>6}  {'spread':<12} waiting")
    for name, network in NETWORKS.items():
        for ready in (True, False):
            recipe = recipe_of(network, given)
            row = measure(recipe, data=given.data, ready=ready, threads=given.threads)
            kind = "ready" if ready else "made"
            rows.append({"network": name, "batches": kind, "crops_per_step": given.batch, **row})
            ratio = row["ratio"]
            print(
                f"{name:<26} {kind:<12} {row['facing']['median']:>8.1f} {row['plain']['median']:>8.1f} "
                f"{ratio['median']:>6.2f}  {ratio['p10']:.2f}..{ratio['p90']:.2f}   "
                f"{row['waiting_share']['median']:.0%}",
                flush=True,
            )
    print("images per second, medians; ratio: facing / plain; spread: middle 80 % of the ratios of turns")
    result = {
        **described,
        "suite": "training",
        "memory_kept": kept,
        "turns": given.turns,
        "steps": given.steps,
        "systems": rows,
    }
    print(f"wrote {save_result(result, suite='training', folder=given.results)}")


if __name__ == "__main__":
    try:
        main()
    except FacingError as error:
        sys.exit(f"training.py: {error}")
