"""A trained network that stands beside a training: the new one learns to give its maps, not its labels alone.

A network that differs from its teacher in a few layers goes much of the way back to its error in minutes:
after 51,200 crops it erred by 8.2 degrees, by labels alone by 9.1 (docs/log.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from facing.errors import RecipeError
from facing.models.settings import Section
from facing.runtime.weights import own_or_released
from facing.training.crop_network import build_network
from facing.training.recipe import recipe_from_dict
from facing.training.resume import start_from
from facing.training.unfold import load_start

if TYPE_CHECKING:
    from pathlib import Path

    from facing.models.network import PoseNetwork


class TeacherSettings(Section):
    """A trained network of the same crop and the same widths, whose maps are learned beside the labels.

    `path` is a run folder, checkpoint or model file, from the data root, or the name of released weights;
    empty: no teacher. `maps` weighs the distance from its maps.
    """

    path: str = ""
    maps: float = Field(default=1.0, ge=0)


class Teacher(nn.Module):
    """A network that reads what another learns from, and never changes."""

    def __init__(self, network: PoseNetwork) -> None:
        """Take over a network, which stands still from now on."""
        super().__init__()
        self.network = network.requires_grad_(False).to(memory_format=torch.channels_last)
        self.eval()

    def train(self, mode: bool = True) -> Teacher:  # noqa: FBT001, FBT002 - torch's signature
        """Stay in eval mode, whatever the training around it is in."""
        del mode
        super().train(False)
        return self

    @torch.no_grad()
    def forward(self, picture: Tensor) -> dict[str, Tensor]:
        """Turn crops, uint8 (N, S, S, 3), into what a batch holds besides: maps by their names."""
        return {taught(number): one for number, one in enumerate(self.network.maps(picture))}


def taught(number: int) -> str:
    """Name map `number` of a teacher as it stands in a batch."""
    return f"taught_{number}"


def open_teacher(recipe: Any, data: Path) -> Teacher | None:
    """Load the teacher of a recipe for crops.

    Args:
        recipe: has the tables `teacher`, `model`, `head` and `crop`.
        data: the data root.

    Returns:
        None where the recipe names no teacher.

    Raises:
        ModelError: there is no such file.
        RecipeError: the teacher was trained for another task or crop, or its maps have other shapes.
    """
    if not recipe.teacher.path:
        return None
    path = own_or_released(recipe.teacher.path, data)
    where = f"teacher.path = {recipe.teacher.path!r}"
    theirs: Any = recipe_from_dict(load_start(path).recipe, where=str(path))
    if theirs.task != recipe.task:
        raise RecipeError(f"{where}: it was trained for {theirs.task}; give one for {recipe.task}")
    side, scale = recipe.crop.side, recipe.crop.scale
    if theirs.crop != recipe.crop:
        raise RecipeError(
            f"{where}: it reads crops of {theirs.crop.side} pixels at scale {theirs.crop.scale:g}, this "
            f"recipe {side} at {scale:g}; choose another teacher, or the same crop.side and crop.scale"
        )
    own_shapes, shapes = (_map_shapes(one, side=side) for one in (recipe, theirs))
    if own_shapes != shapes:
        raise RecipeError(
            f"{where}: its maps have the shapes {shapes}, those of this recipe {own_shapes}; "
            "choose a teacher of the same widths"
        )
    network = build_network(theirs)
    start_from(network, path)
    return Teacher(network)


def _map_shapes(recipe: Any, *, side: int) -> list[tuple[int, ...]]:
    """Give (C, H, W) of each map; nothing is computed."""
    with torch.device("meta"):
        maps = build_network(recipe).eval().maps(torch.zeros(1, side, side, 3, dtype=torch.uint8))
    return [tuple(one.shape[1:]) for one in maps]
