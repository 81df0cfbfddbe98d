"""What a training writes down per epoch: a row of `metrics.csv`, TensorBoard if asked for, a line of text."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from facing.errors import MissingExtraError
from facing.output.sink import text_sink

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from facing.training.recipe import OptimSettings

METRICS = "metrics.csv"
TENSORBOARD = "tensorboard"


class Log:
    """The figures of a run folder, one row per epoch."""

    def __init__(self, out: Path, *, step: int, tensorboard: bool = False) -> None:
        """Go on writing after a step; rows of later steps are dropped, for a resumed run makes them again.

        Raises:
            MissingExtraError: TensorBoard is asked for and not installed.
        """
        self.file = out / METRICS
        kept = [row for row in self._rows() if float(row["step"]) <= step]
        self.file.unlink(missing_ok=True)
        if kept:
            self._write(kept)
        self.writer: Any = _tensorboard(out / TENSORBOARD, step=step) if tensorboard else None

    def add(self, row: Mapping[str, float]) -> None:
        """Write one epoch, whole or not at all; `row["step"]` says which."""
        self._write([*self._rows(), {name: f"{value:.6g}" for name, value in row.items()}])
        if self.writer is not None:
            for name, value in row.items():
                self.writer.add_scalar(name, value, int(row["step"]))
            self.writer.flush()

    def close(self) -> None:
        """Let TensorBoard's file go."""
        if self.writer is not None:
            self.writer.close()

    def _rows(self) -> list[dict[str, str]]:
        if not self.file.exists():
            return []
        with self.file.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def _write(self, rows: list[dict[str, str]]) -> None:
        # An epoch may bring figures that the ones before did not have.
        names = list(dict.fromkeys(name for row in rows for name in row))
        with text_sink(self.file) as file:
            writer = csv.DictWriter(file, fieldnames=names, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def epoch_line(row: Mapping[str, float], *, optim: OptimSettings) -> str:
    """Say the figures of an epoch in one line, its speed and the time left at its end."""
    left_min = (optim.steps - row["step"]) * optim.batch / row["crops_per_s"] / 60
    own = ("crops_per_s", "waiting_share", "crops", "step", "epoch", "train_out_of_range")
    figures = "  ".join(f"{name} {value:.4g}" for name, value in row.items() if name not in own)
    return (
        f"step {row['step']:.0f}/{optim.steps}  {figures}  {row['crops_per_s']:.0f} images/s, "
        f"{row['waiting_share']:.0%} waiting for data, {left_min:.0f} min left"
    )


def _tensorboard(folder: Path, *, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtraError.of(need="--tensorboard", extra="train") from error
    return SummaryWriter(str(folder), purge_step=step + 1)
