"""facing train: teach a network what a recipe says."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from facing.cli._shared import data_stream, heard_log, say, shipped_recipes
from facing.errors import MissingExtraError, RecipeError, UnknownNameError
from facing.runtime.weights import own_or_released

STOPPED = 130


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or the name of a shipped one such as small.")],
    data_root: Annotated[
        Path, typer.Option("--data-root", help="Folder that the recipe's paths start from.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Run folder for checkpoints and figures.")],
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="READER:PATH[:WEIGHT]", help="Learn from this set; may be repeated."),
    ] = None,
    val: Annotated[
        str | None, typer.Option("--val", metavar="READER:PATH", help="Validate on this set.")
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", min=1, help="Passes through the data.")] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", min=1, help="Crops per step.")] = None,
    lr: Annotated[float | None, typer.Option("--lr", help="Learning rate.")] = None,
    input_size: Annotated[
        int | None, typer.Option("--input-size", min=1, help="Side of the network's pictures, pixels.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change any setting, such as optim.lr=5e-4; recorded in the recipe."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint of --out.")
    ] = False,
    init: Annotated[
        str | None,
        typer.Option(
            "--init",
            help="Start from the weights of a run, a .safetensors or .onnx file, or of a released network, "
            "such as small, also where the recipe is wider or deeper; says what did not match.",
        ),
    ] = None,
    accelerator: Annotated[
        str,
        typer.Option(
            "--accelerator", metavar="auto|cpu|gpu|gpu:N", help="What computes; gpu:N is one of several GPUs."
        ),
    ] = "auto",
    devices: Annotated[int, typer.Option("--devices", min=1, help="Processes or GPUs per machine.")] = 1,
    nodes: Annotated[int, typer.Option("--nodes", min=1, help="Machines that train together.")] = 1,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Threads of the network's arithmetic.")
    ] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write the figures for TensorBoard too.")
    ] = False,
) -> None:
    """Train a network from a recipe, and print the file of the best weights.

    --data, --val, --epochs, --batch-size, --lr and --input-size are recorded in the recipe like --set.
    Its Python twin is facing.training.fit.fit.
    """
    try:
        from facing.training.allocator import keep_freed_memory
        from facing.training.fit import fit
        from facing.training.processes import Machines
        from facing.training.recipe import load_recipe
    except ImportError as error:
        raise MissingExtraError.of(need="training", extra="train") from error

    keep_freed_memory()
    shortcuts = {
        "data": None if not data else [_set_of(text, option="--data", weighted=True) for text in data],
        "validation": None if val is None else _set_of(val, option="--val", weighted=False),
        "optim.epochs": epochs,
        "optim.batch": batch_size,
        "optim.lr": lr,
        "crop.side": input_size,
    }
    overrides = [f"{name}={_toml(value)}" for name, value in shortcuts.items() if value is not None]
    try:
        with heard_log():
            best = fit(
                load_recipe(_recipe_file(recipe), overrides=[*overrides, *(changes or ())]),
                data=data_root,
                out=out,
                resume=resume,
                init=None if init is None else own_or_released(init),
                threads=threads,
                machines=Machines(devices=devices, nodes=nodes, accelerator=accelerator),
                tensorboard=tensorboard,
                progress=True,
                report=say,
            )
    except KeyboardInterrupt as stop:
        say(f"stopped; the same command with --resume goes on from the last whole epoch in {out}")
        raise typer.Exit(STOPPED) from stop
    print(best, file=data_stream())


def _recipe_file(recipe: str) -> Path:
    file = Path(recipe)
    shipped = shipped_recipes()
    if file.is_file() or file.suffix == ".toml":
        return file
    if recipe not in shipped:
        raise UnknownNameError.among(recipe, kind="recipe", known=shipped)
    return shipped[recipe]


def _set_of(text: str, *, option: str, weighted: bool) -> dict[str, Any]:
    """Read READER:PATH[:WEIGHT]; a path may hold colons, a number after the last one is the weight."""
    reader, colon, path = text.partition(":")
    if not (reader and colon and path):
        form = "READER:PATH[:WEIGHT]" if weighted else "READER:PATH"
        raise RecipeError(f"{option} {text} is not {form}; write {option} shards:{text}")
    entry: dict[str, Any] = {"reader": reader, "path": path}
    front, _, last = path.rpartition(":")
    if weighted and front:
        with contextlib.suppress(ValueError):
            entry |= {"weight": float(last), "path": front}
    return entry


def _toml(value: Any) -> str:
    """Write a value as TOML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)  # JSON's numbers and strings are TOML's


COMMAND = train
