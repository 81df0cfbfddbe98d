"""What moves during a training, as Lightning wants it."""

from __future__ import annotations

import math
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning
import torch
from torch import Tensor, nn

from facing.errors import RecipeError
from facing.training.checkpoint import BEST, EPOCHS, LAST, Checkpoint, save_checkpoint
from facing.training.logs import Log, epoch_line
from facing.training.optim import (
    Average,
    build_optimizer,
    freeze,
    group_factors,
    learning_rate,
    weight_groups,
)
from facing.training.resume import optimizer_tensors, restore_optimizer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from facing.training.batches import Batches
    from facing.training.recipe import Recipe
    from facing.training.task import Batch, Task, Validation

OUT_OF_RANGE = "out_of_range"
"""Term of a loss that is the share of samples whose label was clipped."""


class Run(lightning.LightningModule):  # type: ignore[misc] # Lightning is followed as Any
    """One process of a training: the network, what moves it, and what is written per epoch.

    torch's generator is seeded anew at every step, so that a resumed run draws what the unbroken one draws.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        task: Task,
        network: nn.Module,
        teacher: nn.Module | None = None,
        out: Path,
        rank: int = 0,
        ranks: int = 1,
        tensorboard: bool = False,
        report: Callable[[str], None],
        show: Callable[[int, str], None],
    ) -> None:
        """Prepare a run from its first step.

        Args:
            recipe: resolved, with the whole batch.
            task: what is trained.
            network: weights where they start.
            teacher: turns pictures into what batches hold besides; None where there is none.
            out: run folder; process 0 alone writes there.
            rank: of this process.
            ranks: number of processes.
            tensorboard: write for TensorBoard too.
            report: takes one line per epoch, from process 0.
            show: takes the step and what is done there, from process 0.
        """
        super().__init__()
        self.recipe, self.task, self.out = recipe, task, out
        self.rank, self.ranks = rank, ranks
        self.report, self.show, self.tensorboard = report, show, tensorboard
        self.own_recipe = share_of(recipe, ranks=ranks)
        self.network = network.to(memory_format=torch.channels_last)
        self.teacher = teacher
        self.average = Average(self.network, memory=recipe.optim.ema)
        self.groups = weight_groups(self.network, recipe.optim)
        self.optimizer = build_optimizer(self.groups, recipe.optim, fused=recipe.precision != "16-mixed")
        self.factors: dict[str, float] = {}
        self.step = 0
        self.best = math.inf
        self.scaler: dict[str, Any] = {}
        self.moments: dict[str, Tensor] = {}
        self.commit = _commit()
        self.seen: list[dict[str, str]] = []
        self.validate_network: Validation = lambda _: {}
        self.batches: Batches
        self.log_file: Log | None = None
        self.sums: dict[str, Tensor] = {}

    def restore(self, last: Checkpoint) -> None:
        """Take over the checkpoint of an epoch's end; its optimiser's state waits for `on_fit_start`."""
        self.network.load_state_dict(last.raw)
        self.average.network.load_state_dict(last.weights)
        self.moments = last.optim
        self.step = last.step
        self.best = math.inf if last.best is None else last.best
        self.scaler = last.scaler
        self.seen = last.data

    @property
    def epoch(self) -> int:
        """Number of the epoch that runs, or comes next, from 0."""
        return self.step // self.recipe.optim.epoch_steps

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Hand Lightning the optimiser; rates are set in `training_step`."""
        return self.optimizer

    def on_fit_start(self) -> None:
        """Follow the network to its device, and open the log."""
        self.average.network.to(self.device)
        # Only now: Lightning moves an optimiser's state without its step counts, which fused ones refuse.
        if self.moments:
            restore_optimizer(self.optimizer, self.moments)
            self.moments = {}
        scaler = self._grad_scaler()
        if scaler is not None and self.scaler:
            scaler.load_state_dict(self.scaler)
        if self.rank == 0:
            self.log_file = Log(self.out, step=self.step, tensorboard=self.tensorboard)

    def on_train_epoch_start(self) -> None:
        """Freeze what stands still in this epoch."""
        self.factors = group_factors(self.recipe.optim, self.step)
        still = {
            id(weight) for part, group in self.groups.items() if not self.factors[part] for weight in group
        }
        freeze(self.network, still, norm=self.recipe.optim.freeze_norm)
        self.sums = {}
        self.epoch_first, self.waited_s = self.step, self.batches.waited_s
        self.epoch_began = time.perf_counter()

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """Give the loss of one batch."""
        seed_device(self.recipe.seed * 1_000_003 + self.step * self.ranks + self.rank, device=self.device)
        rate = learning_rate(self.recipe.optim, self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * self.factors[group["part"]]
        if self.teacher is not None:
            batch = batch | self.teacher(batch["picture"])
        terms = self.task.loss(self.network, batch, self.own_recipe)
        for name, term in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + term.detach()
        return terms["loss"]

    def configure_gradient_clipping(self, *_: Any, **__: Any) -> None:
        """Clip the norm of all gradients together; Lightning itself refuses where the optimiser is fused."""
        if self.recipe.optim.clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.optim.clip)

    def on_train_batch_end(self, *_: Any) -> None:
        """Count the step."""
        self.step += 1
        self.average.update(self.network, step=self.step)
        if self.rank == 0:
            self.show(self.step, f"epoch {(self.step - 1) // self.recipe.optim.epoch_steps + 1}")

    def on_train_epoch_end(self) -> None:
        """Validate, save and report, in process 0; the others wait."""
        steps = self.step - self.epoch_first
        taken_s = time.perf_counter() - self.epoch_began
        waited_s = self.batches.waited_s - self.waited_s
        totals = stacked(self.sums, device=self.device).to(self.device)
        means = (self.trainer.strategy.reduce(totals, reduce_op="mean") / steps).tolist()
        figures = dict(zip(self.sums, means, strict=True))
        if not math.isfinite(figures["loss"]):
            raise RecipeError(
                f"the loss is no number before step {self.step} of {self.out}; "
                "start again in another --out with a lower optim.lr"
            )
        if self.rank == 0:
            self.show(self.step, "validating")
            with self.trainer.precision_plugin.forward_context():
                validated = self.validate_network(self.average.network)
            epoch = (self.step - 1) // self.recipe.optim.epoch_steps + 1
            crops = steps * self.recipe.optim.batch
            row = {
                "step": self.step,
                "epoch": epoch,
                "crops": self.step * self.recipe.optim.batch,
                "lr": learning_rate(self.recipe.optim, self.step),
                **{f"train_{name}": value for name, value in figures.items()},
                **validated,
                "crops_per_s": crops / taken_s,
                "waiting_share": waited_s / taken_s,
            }
            # The row comes first: a resumed run drops rows that are ahead of the last checkpoint.
            assert self.log_file is not None
            self.log_file.add(row)
            self._save(validated, fallback=figures["loss"], epoch=epoch)
            self.report(epoch_line(row, optim=self.recipe.optim))
            clipped = round(figures.get(OUT_OF_RANGE, 0.0) * crops)
            if clipped:
                self.report(f"{clipped} of {crops} labels lie outside the head's range and were clipped")
        self.trainer.strategy.barrier()

    def teardown(self, stage: str) -> None:  # noqa: ARG002 - Lightning's signature
        """Close the log however the run ends."""
        if self.log_file is not None:
            self.log_file.close()

    def _save(self, validated: dict[str, float], *, fallback: float, epoch: int) -> None:
        score = validated.get(self.task.score, fallback)
        better = score < self.best
        self.best = min(score, self.best)
        scaler = self._grad_scaler()
        story: dict[str, Any] = {
            "weights": self.average.network.state_dict(),
            "recipe": self.recipe.to_dict(),
            "digest": self.recipe.digest(),
            "step": self.step,
            "epoch": epoch,
            "figures": validated,
            "best": self.best,
            "commit": self.commit,
            "data": self.seen,
        }
        if better:
            save_checkpoint(self.out / BEST, Checkpoint(**story))
        if self.recipe.keep_every and epoch % self.recipe.keep_every == 0:
            save_checkpoint(self.out / EPOCHS / f"{epoch:03d}.safetensors", Checkpoint(**story))
        last = Checkpoint(
            **story,
            raw=self.network.state_dict(),
            optim=optimizer_tensors(self.optimizer),
            scaler={} if scaler is None else scaler.state_dict(),
        )
        save_checkpoint(self.out / LAST, last)

    def _grad_scaler(self) -> Any:
        return getattr(self.trainer.precision_plugin, "scaler", None)


def share_of(recipe: Recipe, *, ranks: int) -> Recipe:
    """Give the recipe by which one of several equal processes makes its part of every batch.

    Its steps count the parts of all processes, so that source(step * ranks + rank) is right.

    Raises:
        RecipeError: the batch cannot be divided.
    """
    optim = recipe.optim
    if optim.batch % ranks:
        raise RecipeError(f"optim.batch = {optim.batch} cannot be divided over {ranks} processes")
    if ranks == 1:
        return recipe
    sizes = {"batch": optim.batch // ranks, "crops": optim.steps * optim.batch}
    return recipe.with_optim(optim.model_copy(update=sizes))


def stacked(sums: Mapping[str, Tensor], *, device: torch.device) -> Tensor:
    """Put sums in a row, in main memory, as exact as a device can take it.

    Args:
        sums: name -> single number, on any device.
        device: where the row goes next.

    Returns:
        (number of sums,) float64; float32 for a device of Apple's, which knows nothing wider.
    """
    row = torch.stack([total.cpu().to(torch.float64) for total in sums.values()])
    return row.to(torch.float32) if device.type == "mps" else row


def seed_device(seed: int, *, device: torch.device) -> None:
    """Seed what draws on a device; torch.manual_seed walks all kinds of devices, milliseconds every time."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def _commit() -> str:
    """Give the commit of the checkout that facing runs from, empty for an installed package."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=12", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
