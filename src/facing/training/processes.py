"""Several processes that train one network: on this machine, or as one machine of several.

Each process is a fresh interpreter that runs `facing.training.worker`, so scripts need no main guard and
nothing is pickled: the job is a line of JSON. A process whose starter dies ends itself.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from facing import errors
from facing.errors import FacingError, RecipeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PATIENCE_S = 10.0
"""How long a process that was asked to end may take before it is killed."""


@dataclass(frozen=True, slots=True)
class Machines:
    """What a training runs on.

    Attributes:
        devices: processes on each machine, one per GPU where there are GPUs.
        nodes: machines. Each is given the same command, and its NODE_RANK (0 for the first), MASTER_ADDR and
            MASTER_PORT (of the first) in the environment.
        accelerator: "auto" (GPUs where there are any), "cpu", "gpu", or "gpu:N" for GPU number N from 0, on
            which one process trains.

    Raises:
        RecipeError: `accelerator` is none of these, or names one GPU for several devices.
    """

    devices: int = 1
    nodes: int = 1
    accelerator: str = "auto"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"auto|cpu|gpu(:[0-9]+)?", self.accelerator):
            raise RecipeError(
                f"--accelerator {self.accelerator} is not auto, cpu, gpu or gpu:N; "
                "write gpu:0 for the first GPU"
            )
        if self.gpu is not None and self.devices > 1:
            raise RecipeError(
                f"--accelerator {self.accelerator} names one GPU and --devices says {self.devices}; "
                "write --accelerator gpu for several"
            )

    @property
    def gpu(self) -> int | None:
        """Number of the GPU that was chosen, None where any will do."""
        number = self.accelerator.partition(":")[2]
        return int(number) if number else None

    @property
    def processes(self) -> int:
        """Processes on all machines together."""
        return self.devices * self.nodes


def started_by_others() -> bool:
    """Say whether torchrun, srun or the like started this process as one of several."""
    from lightning.fabric.plugins.environments import SLURMEnvironment, TorchElasticEnvironment

    return "LOCAL_RANK" in os.environ or TorchElasticEnvironment.detect() or SLURMEnvironment.detect()


def train_in_processes(
    job: Mapping[str, Any],
    machines: Machines,
    *,
    report: Callable[[str], None],
    show: Callable[[int, str], None],
) -> None:
    """Run the processes of this machine to their end.

    Args:
        job: what `facing.training.worker` reads, plain data.
        machines: how many.
        report: takes the lines of process 0.
        show: takes the steps of process 0 and what is done there.

    Raises:
        FacingError: what a process raised.
        RecipeError: there are several machines and the environment does not say which this one is.
        RuntimeError: a process ended otherwise; its words are on standard error.
        KeyboardInterrupt: this process was asked to stop.
    """
    world = _meeting_point(machines)
    workers: list[subprocess.Popen[str]] = []
    try:
        with _terminate_is_interrupt():
            for local_rank in range(machines.devices):
                worker = subprocess.Popen(
                    [sys.executable, "-m", "facing.training.worker"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    encoding="utf-8",
                    env=os.environ | world | {"LOCAL_RANK": str(local_rank)},
                )
                workers.append(worker)
                assert worker.stdin is not None
                worker.stdin.write(json.dumps(dict(job)) + "\n")
                worker.stdin.flush()
            _follow(workers, report=report, show=show)
    finally:
        _end(workers)


def _follow(
    workers: list[subprocess.Popen[str]], *, report: Callable[[str], None], show: Callable[[int, str], None]
) -> None:
    failures: list[FacingError] = []

    def listen(worker: subprocess.Popen[str]) -> None:
        assert worker.stdout is not None
        for line in worker.stdout:
            message = json.loads(line)
            if "error" in message:
                kind, text = message["error"]
                failures.append(getattr(errors, kind, FacingError)(text))
            elif "say" in message:
                report(message["say"])
            else:
                show(message["step"], message["doing"])

    listeners = [threading.Thread(target=listen, args=(worker,), daemon=True) for worker in workers]
    for listener in listeners:
        listener.start()
    running = list(workers)
    while running:
        for worker in list(running):
            try:
                code = worker.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                continue
            running.remove(worker)
            if code:
                # The others wait for it for ever: the caller ends them.
                listeners[workers.index(worker)].join(PATIENCE_S)
                if failures:
                    raise failures[0]
                raise RuntimeError(f"process {workers.index(worker)} of the training ended with code {code}")
    for listener in listeners:
        listener.join(PATIENCE_S)


def _end(workers: list[subprocess.Popen[str]]) -> None:
    for worker in workers:
        if worker.poll() is None:
            worker.send_signal(signal.SIGINT)
    for worker in workers:
        try:
            worker.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
        for stream in (worker.stdin, worker.stdout):
            if stream is not None:
                stream.close()


@contextmanager
def _terminate_is_interrupt() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _meeting_point(machines: Machines) -> dict[str, str]:
    if machines.nodes == 1:
        from lightning.fabric.plugins.environments.lightning import find_free_network_port

        return {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(find_free_network_port()), "NODE_RANK": "0"}
    names = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK")
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise RecipeError(
            f"{machines.nodes} machines, but the environment has no {', '.join(missing)}; set address and "
            "port of the first machine and the number of this one from 0"
        )
    return {name: os.environ[name] for name in names}
