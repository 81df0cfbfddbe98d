"""What tasks that learn from head crops share: the network, where it starts, what lies behind heads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facing.models.contracts import check_side
from facing.models.network import PoseNetwork
from facing.training.data import open_backgrounds

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from facing.training.pictures import Pictures


def build_network(recipe: Any) -> PoseNetwork:
    """Build the network of a recipe with the tables `model`, `head` and `crop`, weights random.

    Raises:
        RecipeError: the network does not take crops of this side.
        UnknownNameError: backbone, variant, neck or head does not exist.
    """
    check_side(recipe.model, recipe.crop.side)
    return PoseNetwork(recipe.model, recipe.head)


def start_pretrained(network: nn.Module, recipe: Any) -> str:
    """Load ImageNet weights where the recipe asks for them, and say so in a sentence; empty otherwise."""
    assert isinstance(network, PoseNetwork)
    return network.load_pretrained() if recipe.model.pretrained else ""


def backgrounds_of(recipe: Any, data: Path) -> Pictures | None:
    """Open the backgrounds of a recipe, (N, 3, H, W); None where it names none or its folder holds none."""
    return open_backgrounds(data / recipe.background) if recipe.background else None
