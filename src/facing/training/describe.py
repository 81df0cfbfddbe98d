"""What the network of a recipe costs and says, before anything is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facing.models.describe import Description, describe_network
from facing.training.task import load_task

if TYPE_CHECKING:
    from facing.training.recipe import Recipe

SCENE_SIDE = 256
"""Height and width at which a head detector is counted; it takes any multiples of its stride."""


def describe_recipe(recipe: Recipe) -> Description:
    """Build the network of a recipe, weights random, and count it at the recipe's crop side.

    Raises:
        UnknownNameError: the recipe names a backbone, neck or head that does not exist.
        RecipeError: the network does not take crops of this side.
    """
    network = load_task(recipe.task).network(recipe)
    crop: Any = getattr(recipe, "crop", None)
    side = SCENE_SIDE if crop is None else int(crop.side)
    return describe_network(network, size=(side, side))


def recipe_lines(recipe: Recipe) -> list[str]:
    """Say in a few lines which network a recipe trains; settings that say nothing are left out."""
    lines = [f"{'recipe':<13}  {recipe.name}, task {recipe.task}"]
    for name in ("model", "head", "crop"):
        section: Any = getattr(recipe, name, None)
        if section is not None:
            words = [
                f"{key} {value}"
                for key, value in section.model_dump().items()
                if value not in ("", False, None)
            ]
            lines.append(f"{name:<13}  {', '.join(words)}")
    return lines
