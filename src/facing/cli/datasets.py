"""facing datasets: one file of `cli/_datasets` per verb, found by name as the commands themselves are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import typer

from facing.registry import load, names

if TYPE_CHECKING:
    from collections.abc import Callable

GROUP = "facing.cli._datasets"

COMMAND = typer.Typer(
    name="datasets",
    no_args_is_help=True,
    add_completion=False,
    help="List, describe, check, convert, split and draw labelled sets of pictures.",
)

for _name in names(GROUP):
    _verb = cast("Callable[..., Any]", load(GROUP, _name, attribute="COMMAND", kind="datasets command"))
    COMMAND.command(_name.replace("_", "-"))(_verb)
