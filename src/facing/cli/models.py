"""facing models: the released weights, and what any model file or recipe costs and says."""

from typing import TYPE_CHECKING

import typer

from facing.cli._cards import card_of, card_summary
from facing.cli._models.describe import describe
from facing.cli._models.fetch import fetch
from facing.cli._shared import data_stream, say

if TYPE_CHECKING:
    from facing.runtime.weights import ShippedModel

COMMAND = typer.Typer(
    add_completion=False,
    help="List the released models, fetch the larger ones, or describe any model file or recipe.",
)


@COMMAND.callback(invoke_without_command=True)
def models(context: typer.Context) -> None:
    """List the released models, fetch the larger ones, or describe any model file or recipe.

    The Python twin of the list is facing.runtime.weights.shipped.
    """
    if context.invoked_subcommand is not None:
        return
    from facing.runtime.weights import shipped

    rows = shipped()
    if not rows:
        say("facing: no weights came with this package; give your own with --model FILE")
    for row in rows:
        for line in _lines(row):
            print(line, file=data_stream())
    if rows:
        say("\nMore: facing models describe NAME")


def _lines(row: "ShippedModel") -> tuple[str, str]:
    """Say what a row of the table is and whether its file can be used."""
    there = row.path.is_file()
    size = row.path.stat().st_size / 1e6 if there else row.mb
    shown = "" if size is None else f"{size:.1f} MB"
    first = f"{row.name:<13}  {row.kind:<5}  {shown:>7}  {row.licence}"
    again = row.fetch_command if row.fetchable else "install facing again"
    if not there:
        state = "not fetched; get it with: " if row.fetchable else "missing; "
        return first, f"                 {state}{again}"
    if not row.is_intact():
        return first, f"                 damaged; {again}"
    fetched = f"; fetched, {row.path}" if row.fetchable else ""
    return first, f"                 {card_summary(card_of(row.path))}{fetched}"


COMMAND.command()(describe)
COMMAND.command()(fetch)
