"""facing models describe: what a model file or a recipe costs and says."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facing.cli._cards import card_of, nested_lines
from facing.cli._shared import data_stream, say, shipped_recipes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from facing.models.describe import Description


def describe(
    model: Annotated[
        str,
        typer.Argument(metavar="NAME|RECIPE|FILE", help="Shipped weights, an .onnx file, or a recipe."),
    ],
    recipe: Annotated[
        bool, typer.Option("--recipe", help="Take NAME as a recipe, where weights have that name too.")
    ] = False,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change one setting of the recipe, such as crop.side=128."),
    ] = None,
    depth: Annotated[
        int, typer.Option("--depth", min=1, help="Levels of names that the layer table tells apart.")
    ] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Print what a network reads, gives and costs, its layers, and the card of a model file.

    Parameters, multiply-adds and the layer table need the extra "export" for a model file and "train" for a
    recipe. The Python twins are facing.models.describe_graph and facing.training.describe.
    """
    file = _recipe_file(model, wanted=recipe or bool(changes))
    if file is not None:
        _describe_recipe(file, changes=changes or [], depth=depth, as_json=as_json)
        return
    from facing.errors import MissingExtraError
    from facing.models.describe_graph import describe_graph
    from facing.runtime.weights import weights_path

    path = weights_path(model)
    card = card_of(path)
    try:
        found = describe_graph(path, card)
    except MissingExtraError as error:
        say(f"facing: {error}")
        found = None
    if as_json:
        _print_json({**json.loads(card.to_json()), "network": found and asdict(found)})
        return
    size = f"{path.name}, {path.stat().st_size / 1e6:.2f} MB"
    _print_text([], found, depth=depth)
    _print_text(nested_lines({"file": size, **asdict(card)}), None, depth=depth)


def _recipe_file(name: str, *, wanted: bool) -> Path | None:
    """Find the recipe that is meant; None where it is a model file or the name of shipped weights."""
    from facing.errors import UnknownNameError
    from facing.runtime.weights import released_names

    if Path(name).suffix == ".toml":
        return Path(name)
    known = shipped_recipes()
    weights = released_names()
    if name in known and (wanted or name not in weights):
        return known[name]
    if wanted:
        raise UnknownNameError.among(name, kind="recipe", known=known)
    if name not in weights and Path(name).name == name and not Path(name).suffix and not Path(name).exists():
        raise UnknownNameError.among(name, kind="model or recipe", known={*known, *weights})
    return None


def _describe_recipe(file: Path, *, changes: list[str], depth: int, as_json: bool) -> None:
    from facing.errors import MissingExtraError

    try:
        from facing.training.describe import describe_recipe, recipe_lines
        from facing.training.recipe import load_recipe
    except ImportError as error:
        raise MissingExtraError.of(need="describing a recipe", extra="train") from error
    chosen = load_recipe(file, overrides=changes)
    found = describe_recipe(chosen)
    if as_json:
        _print_json({"recipe": chosen.to_dict(), "network": asdict(found)})
    else:
        _print_text(recipe_lines(chosen), found, depth=depth)


def _print_text(lines: "Iterable[str]", found: "Description | None", *, depth: int) -> None:
    from facing.models.describe import description_lines

    for line in lines:
        print(line, file=data_stream())
    if found is not None:
        for line in description_lines(found, depth=depth):
            print(line, file=data_stream())


def _print_json(values: dict[str, Any]) -> None:
    print(json.dumps(values, indent=2, ensure_ascii=False), file=data_stream())
