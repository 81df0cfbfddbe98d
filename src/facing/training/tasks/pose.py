"""Head pose from crops: learn what a head of `models/heads` gives from labelled heads."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pydantic import Field, create_model

from facing.losses.front import front_angle
from facing.losses.geodesic import geodesic_angle
from facing.models.contracts import check_side, load_head
from facing.models.network import PoseNetwork
from facing.models.settings import HeadSettings, ModelSettings, Section
from facing.training.augment import AugmentSettings, crop_batch
from facing.training.data import open_backgrounds, open_heads
from facing.training.recipe import Recipe
from facing.training.task import Batch, Source, Task, Validation
from facing.training.warp import NO_JITTER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor, nn

    from facing.training.data import Pictures

VALIDATION_PICTURES = 2000
VALIDATION_BATCH = 250


class CropSettings(Section):
    """The crop contract's numbers: side in pixels, scale = crop side over the longer side of the head box."""

    side: int = Field(default=112, ge=32, le=512)
    scale: float = Field(default=1.12, gt=0)


class PoseLossSettings(Section):
    """Weight of heads that face away, of which a picture tells little; the terms' weights are the head's."""

    back: float = Field(default=0.5, ge=0)


class PoseRecipe(Recipe):
    """A recipe with task = "pose"."""

    model: ModelSettings
    head: HeadSettings
    crop: CropSettings = CropSettings()
    loss: PoseLossSettings = PoseLossSettings()
    augment: AugmentSettings = AugmentSettings()
    background: str | None = None


def _recipe(settings: Mapping[str, Any]) -> type[PoseRecipe]:
    head = settings.get("head")
    name = head.get("name") if isinstance(head, dict) else None
    return PoseRecipe if name is None else recipe_with_head(str(name), PoseRecipe)


@functools.cache
def recipe_with_head(name: str, base: type[PoseRecipe]) -> type[PoseRecipe]:
    """Give the recipe class whose `head` table has the settings of one head.

    Raises:
        UnknownNameError: there is no such head.
    """
    kind = load_head(name).settings
    return create_model(base.__name__, __base__=base, __module__=base.__module__, head=(kind, ...))


def _network(recipe: PoseRecipe) -> nn.Module:
    check_side(recipe.model, recipe.crop.side)
    return PoseNetwork(recipe.model, recipe.head)


def _start(network: nn.Module, recipe: PoseRecipe) -> str:
    assert isinstance(network, PoseNetwork)
    return network.load_pretrained() if recipe.model.pretrained else ""


def _source(recipe: PoseRecipe, data: Path) -> Source:
    pictures, labels, folders = open_heads([data / entry.path for entry in recipe.data])
    backgrounds = _backgrounds(recipe, data)
    weights = np.array([entry.weight for entry in recipe.data])[folders]
    upto = np.cumsum(weights / weights.sum())
    optim = recipe.optim

    def batch(step: int) -> Batch:
        rng = np.random.default_rng((recipe.seed, step))
        rows = np.minimum(np.searchsorted(upto, rng.random(optim.batch), side="right"), len(upto) - 1)
        return crop_batch(
            pictures.take(rows),
            labels.take(rows),
            rng,
            side=recipe.crop.side,
            scale=recipe.crop.scale,
            jitter=recipe.augment.jitter,
            backgrounds=backgrounds,
            augment=recipe.augment,
            progress=step / optim.steps,
        )

    return batch


def _loss(network: nn.Module, batch: Batch, recipe: PoseRecipe) -> dict[str, Tensor]:
    out = network(batch["picture"])
    terms = load_head(recipe.head.name).loss(out, batch, recipe.head)
    weight = torch.where(batch["rotation"][:, 2, 2] < 0, recipe.loss.back, 1.0)
    total = (terms.pop("loss") * weight).mean()
    angle = error_angle(out, batch["rotation"]).detach()
    shown = {name: term.detach().float().mean() for name, term in terms.items()}
    return {"loss": total, "angle_deg": torch.rad2deg(angle.mean()), **shown}


def error_angle(out: Mapping[str, Tensor], rotation: Tensor) -> Tensor:
    """Give the angle of error, radians, (N,): of the rotation, or of the front where nothing else is told."""
    if "rotation" in out:
        return geodesic_angle(out["rotation"], rotation)
    return front_angle(out["front"], rotation[:, :, 2])


def _validation(recipe: PoseRecipe, data: Path) -> Validation:
    entry = recipe.validation
    if entry is None:
        return lambda _: {}
    pictures, labels, _ = open_heads([data / entry.path])
    # Evenly over the shards, so that every identity and light has its share.
    rows = np.unique(
        np.linspace(0, len(pictures) - 1, min(len(pictures), VALIDATION_PICTURES)).astype(np.int64)
    )
    batch = crop_batch(
        pictures.take(rows),
        labels.take(rows),
        np.random.default_rng(recipe.seed),
        side=recipe.crop.side,
        scale=recipe.crop.scale,
        jitter=NO_JITTER,
        backgrounds=_backgrounds(recipe, data),
        augment=None,
    )
    return lambda network: validate_pose(network, batch)


@torch.no_grad()
def validate_pose(network: nn.Module, batch: Batch) -> dict[str, float]:
    """Measure a network in eval mode on clean crops.

    Returns:
        Mean angle of error in degrees over heads by how far they face away from the camera: below 45, 45
        to 90, above 90, and `front_deg` for all below 90; ranges without heads are left out.
    """
    device = next(network.parameters()).device
    picture, rotation = batch["picture"], batch["rotation"]
    parts = [network(part.to(device)) for part in torch.split(picture, VALIDATION_BATCH)]
    out = {name: torch.cat([part[name].float().cpu() for part in parts]) for name in parts[0]}
    angle = torch.rad2deg(error_angle(out, rotation))
    away = torch.rad2deg(torch.acos(rotation[:, 2, 2].clamp(-1, 1)))
    ranges = {
        "front_deg": away < 90,
        "below45_deg": away < 45,
        "from45to90_deg": (away >= 45) & (away < 90),
        "above90_deg": away >= 90,
    }
    return {name: float(angle[mask].mean()) for name, mask in ranges.items() if bool(mask.any())}


def _backgrounds(recipe: PoseRecipe, data: Path) -> Pictures | None:
    return open_backgrounds(data / recipe.background) if recipe.background else None


TASK = Task(
    recipe=_recipe,
    network=_network,
    source=_source,
    loss=_loss,
    validation=_validation,
    score="front_deg",
    start=_start,
)
