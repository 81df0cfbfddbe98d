"""The network of every task that learns from head crops: built from a recipe, and where it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facing.models.contracts import check_side
from facing.models.network import PoseNetwork

if TYPE_CHECKING:
    from torch import nn


def build_network(recipe: Any) -> nn.Module:
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
