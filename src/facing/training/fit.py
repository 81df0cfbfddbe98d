"""The way of a training, the same for every task: from a recipe and a folder of data to a file of weights."""

from __future__ import annotations

import logging
import math
import signal
import threading
import warnings
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import lightning
import torch
from lightning.fabric.plugins.environments import LightningEnvironment
from lightning.pytorch.plugins import MixedPrecision
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.utilities.exceptions import MisconfigurationException, SIGTERMException

from facing.errors import RecipeError
from facing.training.batches import Batches
from facing.training.checkpoint import BEST
from facing.training.optim import can_stand_still
from facing.training.processes import Machines, started_by_others, train_in_processes
from facing.training.progress import Bar
from facing.training.resume import last_checkpoint, prepare_folder, start_from
from facing.training.run import Run, share_of
from facing.training.seen import seen_data
from facing.training.task import load_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from facing.training.recipe import Recipe
    from facing.training.task import Source, Task

log = logging.getLogger(__name__)

LONGEST_VALIDATION = timedelta(hours=6)
"""How long processes wait for the one that validates."""


def fit(
    recipe: Recipe,
    *,
    data: Path,
    out: Path,
    resume: bool = False,
    init: Path | None = None,
    threads: int | None = None,
    machines: Machines = Machines(),  # noqa: B008 - frozen
    tensorboard: bool = False,
    progress: bool = False,
    report: Callable[[str], None] = log.info,
) -> Path:
    """Train a network.

    Args:
        recipe: what to train, on what, for how long.
        data: the folder that the recipe's paths start from.
        out: run folder.
        resume: go on from the last checkpoint of `out`, if there is one.
        init: checkpoint, run folder or model file whose weights to start from, where names and shapes agree;
            the report says what did not.
        threads: of the network's arithmetic; the recipe's where None. Batches are made beside it.
        machines: processes and machines to train on. The recipe's batch is divided over them.
        tensorboard: write the figures for TensorBoard too.
        progress: draw a bar on standard error where that is a terminal.
        report: takes one line per epoch.

    Returns:
        The file of the best weights.

    Raises:
        RecipeError: `out` holds another run, the recipe asks for what cannot be, there is no such GPU, or
            the loss is no number any more.
        DataError: a data folder is not what it should be.
        ModelError: `init` cannot be used.
        KeyboardInterrupt: the user or SIGTERM stopped it; `out` holds the last whole epoch.
    """
    _check_gpu(machines.gpu)
    task = load_task(recipe.task)
    several = machines.processes > 1 and not started_by_others()
    if not resume:
        last_checkpoint(recipe, out=out, resume=False)
    if several or recipe.optim.epochs:
        _check_start(recipe, task=task, data=data, init=init)
        # Before any other process is started, so that what is decoded for the first time is decoded once.
        recipe = resolve(recipe, source=task.source(recipe, data))
    last_checkpoint(recipe, out=out, resume=resume)
    with Bar(steps=recipe.optim.steps) if progress else nullcontext() as bar:
        options: dict[str, Any] = {"resume": resume, "threads": threads, "tensorboard": tensorboard}
        speech: dict[str, Any] = {"report": report, "show": bar.show if bar else lambda _step, _doing: None}
        if several:
            share_of(recipe, ranks=machines.processes)
            job = {
                "recipe": recipe.to_dict(),
                "data": str(data),
                "out": str(out),
                "init": None if init is None else str(init),
                "machines": asdict(machines),
            }
            train_in_processes(job | options, machines, **speech)
        else:
            train(recipe, task=task, data=data, out=out, init=init, machines=machines, **options, **speech)
    return out / BEST


def _check_gpu(number: int | None) -> None:
    """Say in a sentence what Lightning would say late."""
    count = torch.cuda.device_count()
    if number is not None and number >= count:
        there = f"its GPUs are 0 to {count - 1}" if count else "torch sees none on it"
        raise RecipeError(f"this machine has no GPU {number}, {there}; choose another --accelerator")


def _check_start(recipe: Recipe, *, task: Task, data: Path, init: Path | None) -> None:
    """Let what cannot start fail at once: data that are read for the first time may take hours."""
    network = task.network(recipe)
    task.start(network, recipe)
    task.teacher(recipe, data)
    if init is not None:
        start_from(network, init)


def resolve(recipe: Recipe, *, source: Source) -> Recipe:
    """Turn a length in epochs into crops.

    Args:
        recipe: returned as it is where its length is in crops.
        source: makes its batches; its `len()` is the number of pictures of one pass.

    Raises:
        RecipeError: the recipe says `epochs` and the size of one pass is not known.
    """
    if not recipe.optim.epochs:
        return recipe
    size: Callable[[], int] | None = getattr(source, "__len__", None)
    if size is None:
        raise RecipeError(
            f"optim.epochs = {recipe.optim.epochs}: the size of one pass through this data is not known; "
            "give optim.crops"
        )
    return recipe.with_optim(recipe.optim.resolved(pictures=size()))


def train(
    recipe: Recipe,
    *,
    task: Task,
    data: Path,
    out: Path,
    resume: bool,
    init: Path | None,
    threads: int | None,
    machines: Machines,
    tensorboard: bool,
    report: Callable[[str], None],
    show: Callable[[int, str], None],
) -> None:
    """Train in this process, which may be one of several.

    Arguments and errors are those of `fit`; the recipe is resolved, `task` is what it names, and `show` takes
    the step and what is done there.
    """
    last = last_checkpoint(recipe, out=out, resume=resume)
    optim = recipe.optim
    epochs = math.ceil((optim.steps - (last.step if last else 0)) / optim.epoch_steps)
    if epochs <= 0:
        report(f"{out} is trained to its end, {optim.steps} steps")
        return
    trainer = _trainer(recipe, out=out, epochs=epochs, machines=machines)
    rank, ranks = trainer.global_rank, trainer.world_size
    if rank == 0:
        prepare_folder(recipe, out=out, fresh=last is None)
    torch.set_num_threads(threads or recipe.threads)
    torch.manual_seed(recipe.seed)
    network = task.network(recipe)
    source = task.source(share_of(recipe, ranks=ranks), data)
    if last is None:
        sentences = [task.start(network, recipe)]
        if init is not None:
            start = start_from(network, init, batch=lambda: source(rank))
            sentences += [start.text(init), start.repeats(init, recipe=recipe)]
        for sentence in filter(None, sentences):
            if rank == 0:
                report(sentence)
    run = Run(
        recipe,
        task=task,
        network=network,
        teacher=task.teacher(recipe, data),
        out=out,
        rank=rank,
        ranks=ranks,
        tensorboard=tensorboard,
        report=report,
        show=show,
    )
    if rank == 0:
        run.validate_network = task.validation(recipe, data)
    run.seen = seen_data(recipe, data, init=init)
    if last is not None:
        run.restore(last)
        if rank == 0:
            report(f"resumed at step {last.step} of {optim.steps}")
    batches = Batches(
        source,
        first=run.step,
        steps=optim.steps,
        epoch_steps=optim.epoch_steps,
        threads=recipe.loader_threads,
        rank=rank,
        ranks=ranks,
        pinned=trainer.strategy.root_device.type == "cuda",
    )
    run.batches = batches
    with batches, _interruptible(), warnings.catch_warnings():
        # Lightning 2.6 asks torch's trees by a name that torch 2.15 has retired.
        warnings.filterwarnings("ignore", message=".*LeafSpec")
        # A teacher is meant to be in eval mode.
        warnings.filterwarnings("ignore", message="Found .* in eval mode")
        trainer.fit(run, train_dataloaders=batches)


def _trainer(recipe: Recipe, *, out: Path, epochs: int, machines: Machines) -> lightning.Trainer:
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)
    plugins: list[Any] = []
    if recipe.precision == "16-mixed":
        gpu = machines.accelerator != "cpu" and torch.cuda.is_available()
        plugins.append(MixedPrecision("16-mixed", device="cuda" if gpu else "cpu"))
    if machines.processes > 1:
        strategy: Any = DDPStrategy(
            timeout=LONGEST_VALIDATION, find_unused_parameters=can_stand_still(recipe.optim)
        )
    else:
        # A task of a scheduler that trains alone needs no company.
        strategy = "auto"
        plugins.append(LightningEnvironment())
    try:
        return lightning.Trainer(
            accelerator=machines.accelerator.partition(":")[0],
            devices=machines.devices if machines.gpu is None else [machines.gpu],
            num_nodes=machines.nodes,
            strategy=strategy,
            plugins=plugins,
            precision={"bf16-mixed": "bf16-mixed", "32": "32-true"}.get(recipe.precision),
            max_epochs=epochs,
            default_root_dir=out,
            use_distributed_sampler=False,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
    except (MisconfigurationException, ValueError, RuntimeError) as error:
        raise RecipeError(
            f"cannot train on {machines.devices} x {machines.accelerator}: {error}; "
            "choose other --devices or --accelerator"
        ) from error


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM come out as KeyboardInterrupt, and Ctrl-C work afterwards.

    Lightning leaves the interpreter for the first and ignores Ctrl-C from then on.
    """
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SIGTERMException as stop:
        raise KeyboardInterrupt from stop
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from stop
        raise
    finally:
        if main:
            signal.signal(signal.SIGINT, before)
