"""The bar of a running training, on standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from types import TracebackType


class Bar:
    """Steps done of all steps, and the time left; lines printed meanwhile stand above it."""

    def __init__(self, *, steps: int, console: Console | None = None) -> None:
        """Prepare a bar.

        Args:
            steps: of the whole training.
            console: where it is drawn; standard error if None, and only where that is a terminal.
        """
        console = console or Console(stderr=True)
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
            redirect_stdout=False,
        )
        self.task = self.progress.add_task("starting", total=steps)

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def show(self, step: int, doing: str) -> None:
        """Move to a step and say what is done there, such as "epoch 3" or "validating"."""
        self.progress.update(self.task, completed=step, description=doing)
