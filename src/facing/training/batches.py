"""Batches made beside the network, in the order of their numbers.

Batch number k depends on the recipe, the data and k alone, so it does not matter which thread makes it.
Of several processes, process r of R takes the numbers r, R + r, 2 R + r and so on, each R times smaller.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from types import TracebackType

    from facing.training.task import Batch, Source


class Batches:
    """The batches of a training: each iteration gives those of one epoch, and the next goes on from there.

    Threads prepare the first batches of an epoch while the one before is validated.
    """

    def __init__(
        self,
        source: Source,
        *,
        first: int,
        steps: int,
        epoch_steps: int,
        threads: int,
        rank: int = 0,
        ranks: int = 1,
        pinned: bool = False,
    ) -> None:
        """Start making batches.

        Args:
            source: makes the batch of a number.
            first: step to begin with.
            steps: of the whole training.
            epoch_steps: of one iteration.
            threads: that make batches.
            rank: of this process.
            ranks: number of processes.
            pinned: put batches where a GPU can fetch them while it computes.
        """
        self.source, self.steps, self.epoch_steps = source, steps, epoch_steps
        self.rank, self.ranks, self.pinned = rank, ranks, pinned
        self.waited_s = 0.0
        self._next = self._asked = first
        self._ahead = threads + 1
        # OpenMP counts threads per thread: without this each maker would take all cores.
        self._makers = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
        self._waiting: deque[Future[Batch]] = deque()
        self._order()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._makers.shutdown(wait=True, cancel_futures=True)

    def __iter__(self) -> Iterator[Batch]:
        end = min((self._next // self.epoch_steps + 1) * self.epoch_steps, self.steps)
        while self._next < end:
            asked = time.perf_counter()
            batch = self._waiting.popleft().result()
            self.waited_s += time.perf_counter() - asked
            self._next += 1
            self._order()
            yield batch

    def _order(self) -> None:
        while self._asked < self.steps and len(self._waiting) < self._ahead:
            self._waiting.append(self._makers.submit(self._make, self._asked * self.ranks + self.rank))
            self._asked += 1

    def _make(self, number: int) -> Batch:
        batch = self.source(number)
        return {name: array.pin_memory() for name, array in batch.items()} if self.pinned else batch
