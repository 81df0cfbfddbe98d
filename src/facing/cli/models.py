"""facing models: the weights that come with the package, and the card of any model file."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facing.cli._shared import data_stream, say

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facing.runtime.card import Card

COMMAND = typer.Typer(
    add_completion=False,
    help="List the models that come with the package, or describe any model file.",
)


@COMMAND.callback(invoke_without_command=True)
def models(context: typer.Context) -> None:
    """List the models that come with the package, or describe any model file."""
    if context.invoked_subcommand is not None:
        return
    from facing.runtime.weights import shipped

    rows = shipped()
    if not rows:
        say("facing: no weights came with this package; give your own with --model FILE")
    for row in rows:
        card = _card(row.path)
        size = f"{row.path.stat().st_size / 1e6:.1f} MB"
        print(f"{row.name:<8}  {row.kind:<5}  {size:>7}  {row.licence}", file=data_stream())
        print(f"          {_summary(card)}", file=data_stream())
    if rows:
        say("\nMore: facing models describe NAME")


@COMMAND.command()
def describe(
    model: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A name of the list, or an .onnx file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the card as JSON.")] = False,
) -> None:
    """Print a model's card: what it reads and gives, its licence, training data and measured errors."""
    from facing.runtime.weights import weights_path

    path = weights_path(model)
    card = _card(path)
    if as_json:
        print(json.dumps(json.loads(card.to_json()), indent=2, ensure_ascii=False), file=data_stream())
        return
    size = f"{path.name}, {path.stat().st_size / 1e6:.2f} MB"
    for line in _lines({"file": size, **asdict(card)}):
        print(line, file=data_stream())


def _card(path: "Path") -> "Card":
    from facing.errors import ModelError
    from facing.runtime.card import METADATA_KEY, REMEDY, Card
    from facing.runtime.session import open_onnx

    text = open_onnx(path, threads=1).get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        raise ModelError(f"{path} carries no facing card; {REMEDY}")
    return Card.from_json(text, source=str(path))


def _summary(card: "Card") -> str:
    parts = [card.name, f"gives {', '.join(card.outputs)}"]
    if card.crop is not None:
        parts.append(f"reads crops of {card.crop.side} px")
    if card.detection is not None:
        parts.append(f"reads pictures at {card.detection.long_side} px")
    if card.created:
        parts.append(card.created)
    return "; ".join(parts)


def _lines(values: dict[str, Any], *, indent: int = 0) -> "Iterator[str]":
    """Say nested values as indented text; what is empty is left out."""
    for name, value in values.items():
        start = f"{' ' * indent}{name.replace('_', ' ')}: "
        if value in (None, "", (), [], {}):
            continue
        if isinstance(value, dict):
            yield start.rstrip()
            yield from _lines(value, indent=indent + 2)
        elif isinstance(value, list | tuple) and all(isinstance(row, dict) for row in value):
            yield start.rstrip()
            for row in value:
                yield f"{' ' * (indent + 2)}{', '.join(f'{entry}' for entry in row.values())}"
        elif isinstance(value, list | tuple):
            yield start + ", ".join(map(str, value))
        else:
            yield f"{start}{value}"
