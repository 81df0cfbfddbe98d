"""facing train: teach a network what a recipe says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facing.cli._shared import say
from facing.errors import MissingExtraError, RecipeError

RECIPES = Path(__file__).parents[1] / "recipes"


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe file, or the name of a shipped one such as small.")],
    data_root: Annotated[
        Path, typer.Option("--data-root", help="Folder that the recipe's paths start from.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Run folder for checkpoints and figures.")],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change one setting, such as optim.lr=5e-4; recorded in the recipe."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint of --out.")
    ] = False,
    init: Annotated[
        Path | None, typer.Option("--init", help="Start from the weights of this checkpoint or run folder.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Threads of the network's arithmetic.")
    ] = None,
) -> None:
    """Train a network from a recipe, and print the file of the best weights.

    Its Python twin is facing.training.fit.fit.
    """
    try:
        from facing.training.fit import fit
        from facing.training.recipe import load_recipe
    except ImportError as error:
        raise MissingExtraError.of(need="training", extra="train") from error

    chosen = load_recipe(_recipe_file(recipe), overrides=changes or ())
    best = fit(chosen, data=data_root, out=out, resume=resume, init=init, threads=threads, report=say)
    print(best)


def _recipe_file(recipe: str) -> Path:
    file = Path(recipe)
    shipped = RECIPES / f"{recipe}.toml"
    if file.is_file() or file.suffix == ".toml":
        return file
    if not shipped.is_file():
        known = ", ".join(sorted(path.stem for path in RECIPES.glob("*.toml")))
        raise RecipeError(f"{recipe} is neither a recipe file nor a shipped recipe; shipped: {known}")
    return shipped


COMMAND = train
