"""The training loop: the same for every task.

Batch number k depends on the recipe and k alone, and torch's generator is seeded anew at every step, so a
run that was killed and resumed is the run that was not.
"""

from __future__ import annotations

import copy
import csv
import json
import logging
import math
import subprocess
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning
import torch
from torch import Tensor, nn

from facing.errors import RecipeError
from facing.training.checkpoint import BEST, LAST, Checkpoint, load_checkpoint, save_checkpoint
from facing.training.task import load_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from facing.training.recipe import OptimSettings, Recipe
    from facing.training.task import Batch, Source, Task, Validation

log = logging.getLogger(__name__)

PREPARED_BATCHES = 2
FINAL_LR_SHARE = 0.01


def fit(
    recipe: Recipe,
    *,
    data: Path,
    out: Path,
    resume: bool = False,
    init: Path | None = None,
    threads: int | None = None,
    report: Callable[[str], None] = log.info,
) -> Path:
    """Train a network.

    Args:
        recipe: what to train, on what, for how long.
        data: the folder that the recipe's paths start from.
        out: run folder.
        resume: go on from the last checkpoint of `out`, if there is one.
        init: checkpoint or run folder whose weights to start from, where names and shapes agree.
        threads: of the network's arithmetic; the recipe's where None. Batches are made beside it in one more.
        report: takes one line per epoch.

    Returns:
        The file of the best weights.

    Raises:
        RecipeError: `out` holds another run, or the loss is no number any more.
        DataError: a data folder is not what it should be.
        ModelError: `init` cannot be used.
    """
    last = load_checkpoint(out / LAST) if resume and (out / LAST).exists() else None
    _check_folder(recipe, out=out, resume=resume, last=last)
    task = load_task(recipe.task)
    torch.set_num_threads(threads or recipe.threads)
    torch.manual_seed(recipe.seed)
    network = task.network(recipe)
    if last is None:
        for sentence in (task.start(network, recipe), _start_from(network, init) if init else ""):
            if sentence:
                report(sentence)
    source, validation = task.source(recipe, data), task.validation(recipe, data)
    run = _Run(recipe, task=task, network=network, out=out, validation=validation, report=report)
    if last is not None:
        run.restore(last)
        report(f"resumed at step {last.step} of {recipe.optim.steps}")
    batches = _Batches(source, run=run)
    epochs = math.ceil((recipe.optim.steps - run.step) / recipe.optim.epoch_steps)
    if epochs > 0:
        with warnings.catch_warnings():
            # Lightning 2.6 asks torch's trees by a name that torch 2.15 has retired.
            warnings.filterwarnings("ignore", message=".*LeafSpec")
            _trainer(recipe, out=out, epochs=epochs).fit(run, train_dataloaders=batches)
    return out / BEST


def learning_rate(optim: OptimSettings, step: int) -> float:
    """Give the learning rate of a step: a line up, then half a cosine down to a hundredth."""
    warmup = optim.warmup * optim.steps
    if step < warmup:
        return optim.lr * (step + 1) / (warmup + 1)
    done = (step - warmup) / max(optim.steps - warmup, 1)
    return optim.lr * (FINAL_LR_SHARE + (1 - FINAL_LR_SHARE) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))


class _Run(lightning.LightningModule):  # type: ignore[misc] # Lightning is followed as Any
    """What moves during a training."""

    def __init__(
        self,
        recipe: Recipe,
        *,
        task: Task,
        network: nn.Module,
        out: Path,
        validation: Validation,
        report: Callable[[str], None],
    ) -> None:
        super().__init__()
        self.recipe, self.task, self.out, self.report = recipe, task, out, report
        self.validate_network = validation
        self.network = network.to(memory_format=torch.channels_last)
        self.average = _Average(self.network, memory=recipe.optim.ema)
        self.optimizer = _optimizer(self.network, recipe.optim)
        self.step = 0
        self.best = math.inf
        self.waited_s = 0.0
        self.sums: dict[str, Tensor] = {}
        self.epoch_began = time.perf_counter()
        self.epoch_first = 0

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self.optimizer

    def on_fit_start(self) -> None:
        self.average.network.to(self.device)

    def on_train_epoch_start(self) -> None:
        self.sums, self.waited_s = {}, 0.0
        self.epoch_began, self.epoch_first = time.perf_counter(), self.step

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe.optim, self.step)
        terms = self.task.loss(self.network, batch, self.recipe)
        for name, term in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + term.detach()
        return terms["loss"]

    def on_train_batch_end(self, *_: Any) -> None:
        self.step += 1
        self.average.update(self.network, step=self.step)

    def on_train_epoch_end(self) -> None:
        steps = self.step - self.epoch_first
        taken_s = time.perf_counter() - self.epoch_began
        figures = {name: float(total) / steps for name, total in self.sums.items()}
        if not math.isfinite(figures["loss"]):
            raise RecipeError(
                f"the loss is no number at step {self.step} of {self.out}; lower optim.lr and use --resume"
            )
        dtype = torch.bfloat16 if self.recipe.precision == "bf16-mixed" else torch.float32
        with torch.autocast(self.device.type, dtype=dtype, enabled=dtype == torch.bfloat16):
            validated = self.validate_network(self.average.network)
        self._save(validated, fallback=figures["loss"])
        row = {
            "step": self.step,
            "crops": self.step * self.recipe.optim.batch,
            "lr": learning_rate(self.recipe.optim, self.step),
            **{f"train_{name}": value for name, value in figures.items()},
            **validated,
            "crops_per_s": steps * self.recipe.optim.batch / taken_s,
            "waiting_share": self.waited_s / taken_s,
        }
        _append_row(self.out / "metrics.csv", row)
        self.report(_line(row, optim=self.recipe.optim))

    def _save(self, validated: dict[str, float], *, fallback: float) -> None:
        score = validated.get(self.task.score, fallback)
        better = score < self.best
        self.best = min(score, self.best)
        story: dict[str, Any] = {
            "weights": self.average.network.state_dict(),
            "recipe": self.recipe.to_dict(),
            "digest": self.recipe.digest(),
            "step": self.step,
            "figures": validated,
            "best": self.best,
            "commit": _commit(),
        }
        if better:
            save_checkpoint(self.out / BEST, Checkpoint(**story))
        moments = {
            f"{number}.{key}": value
            for number, state in self.optimizer.state_dict()["state"].items()
            for key, value in state.items()
        }
        save_checkpoint(self.out / LAST, Checkpoint(**story, raw=self.network.state_dict(), optim=moments))

    def restore(self, last: Checkpoint) -> None:
        """Take over a checkpoint that `_save` wrote."""
        self.network.load_state_dict(last.raw)
        self.average.network.load_state_dict(last.weights)
        state = self.optimizer.state_dict()
        for name, value in last.optim.items():
            number, _, key = name.partition(".")
            state["state"].setdefault(int(number), {})[key] = value
        self.optimizer.load_state_dict(state)
        self.step = last.step
        self.best = math.inf if last.best is None else last.best
        _drop_rows(self.out / "metrics.csv", after=self.step)


class _Average:
    """The network whose weights are the moving average; no module: Lightning leaves it alone."""

    def __init__(self, network: nn.Module, *, memory: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.memory = memory

    @torch.no_grad()
    def update(self, network: nn.Module, *, step: int) -> None:
        """Move towards the weights after `step` steps."""
        # Young averages forget faster, else the random start would stay in them for long.
        memory = min(self.memory, step / (step + 10))
        now = network.state_dict()
        for name, mean in self.network.state_dict().items():
            if mean.is_floating_point():
                mean.lerp_(now[name], 1 - memory)
            else:
                mean.copy_(now[name])


class _Batches:
    """Batches of one epoch after the other, made in a thread beside the network."""

    def __init__(self, source: Source, *, run: _Run) -> None:
        self.source, self.run = source, run

    def __iter__(self) -> Iterator[Batch]:
        optim = self.run.recipe.optim
        first = self.run.step
        end = min(first + optim.epoch_steps, optim.steps)
        # OpenMP counts threads per thread: without this the maker would take all cores.
        with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as maker:
            waiting = [
                maker.submit(self.source, step) for step in range(first, min(first + PREPARED_BATCHES, end))
            ]
            for step in range(first, end):
                asked = time.perf_counter()
                batch = waiting.pop(0).result()
                self.run.waited_s += time.perf_counter() - asked
                if step + PREPARED_BATCHES < end:
                    waiting.append(maker.submit(self.source, step + PREPARED_BATCHES))
                yield batch


def _trainer(recipe: Recipe, *, out: Path, epochs: int) -> lightning.Trainer:
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    return lightning.Trainer(
        accelerator="auto",
        devices=1,
        precision="bf16-mixed" if recipe.precision == "bf16-mixed" else "32-true",
        max_epochs=epochs,
        gradient_clip_val=recipe.optim.clip,
        default_root_dir=out,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def _optimizer(network: nn.Module, optim: OptimSettings) -> torch.optim.Optimizer:
    # Biases and normalisation are not decayed: their scale means something.
    parameters = list(network.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": optim.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=optim.lr, foreach=True)


def _start_from(network: nn.Module, path: Path) -> str:
    foreign = load_checkpoint(path).weights
    own = network.state_dict()
    fitting = {
        name: value for name, value in foreign.items() if name in own and own[name].shape == value.shape
    }
    if not fitting:
        raise RecipeError(f"{path} shares no weights with this recipe's network; choose another --init")
    network.load_state_dict(fitting, strict=False)
    return f"started from {path}: {len(fitting)} of {len(own)} arrays"


def _check_folder(recipe: Recipe, *, out: Path, resume: bool, last: Checkpoint | None) -> None:
    if not resume and (out / LAST).exists():
        raise RecipeError(f"{out} holds a run already; add --resume or choose another --out")
    if last is not None and last.digest != recipe.digest():
        raise RecipeError(f"{out} holds a run of another recipe; choose another --out")
    out.mkdir(parents=True, exist_ok=True)
    story = {"recipe": recipe.to_dict(), "digest": recipe.digest()}
    (out / "recipe.json").write_text(json.dumps(story, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    if last is None:
        (out / "metrics.csv").unlink(missing_ok=True)


def _append_row(path: Path, row: dict[str, float]) -> None:
    fresh = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(row), lineterminator="\n")
        if fresh:
            writer.writeheader()
        writer.writerow({name: f"{value:.6g}" for name, value in row.items()})


def _drop_rows(path: Path, *, after: int) -> None:
    if path.exists():
        header, *rows = path.read_text(encoding="utf-8").splitlines()
        kept = [row for row in rows if float(row.partition(",")[0]) <= after]
        path.write_text("\n".join([header, *kept]) + "\n", encoding="utf-8")


def _line(row: dict[str, float], *, optim: OptimSettings) -> str:
    left_min = (optim.steps * optim.batch - row["crops"]) / row["crops_per_s"] / 60
    own = ("crops_per_s", "waiting_share", "crops", "step")
    figures = "  ".join(f"{name} {value:.4g}" for name, value in row.items() if name not in own)
    return (
        f"step {row['step']:.0f}/{optim.steps}  {figures}  {row['crops_per_s']:.0f} crops/s, "
        f"{row['waiting_share']:.0%} waiting for data, {left_min:.0f} min left"
    )


def _commit() -> str:
    """Give the commit of the checkout that facing runs from, empty for an installed package."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=12", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
