"""Head pose from crops: learn rotation, spread and, beside them, landmarks from head shards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from pydantic import Field

from facing.losses.geodesic import geodesic_angle
from facing.losses.landmarks import landmark_loss
from facing.losses.spread import spread_loss
from facing.models.network import PoseNetwork
from facing.training.augment import AugmentSettings, crop_batch
from facing.training.data import open_backgrounds, open_heads
from facing.training.recipe import ModelSettings, Recipe, Section
from facing.training.task import Batch, Source, Task, Validation
from facing.training.warp import NO_JITTER

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from facing.training.data import Pictures

VALIDATION_PICTURES = 2000
VALIDATION_BATCH = 250


class CropSettings(Section):
    """The crop contract's numbers: side in pixels, scale = crop side over the longer side of the head box."""

    side: int = Field(default=112, ge=32, multiple_of=16)
    scale: float = Field(default=1.12, gt=0)


class PoseModelSettings(ModelSettings):
    """`head` is a file name of `models/heads`; `landmarks` adds 68 points as a second output in training."""

    head: str
    landmarks: bool = False


class PoseLossSettings(Section):
    """Weights of the terms; `back` is the weight of heads that face away, of which a picture tells little."""

    geodesic: float = Field(default=1.0, ge=0)
    spread: float = Field(default=0.05, ge=0)
    landmarks: float = Field(default=1.0, ge=0)
    back: float = Field(default=0.5, ge=0)


class PoseRecipe(Recipe):
    """A recipe with task = "pose"."""

    model: PoseModelSettings
    crop: CropSettings = CropSettings()
    loss: PoseLossSettings = PoseLossSettings()
    augment: AugmentSettings = AugmentSettings()
    background: str | None = None


def _network(recipe: PoseRecipe) -> nn.Module:
    model = recipe.model
    return PoseNetwork(model.backbone, variant=model.variant, head=model.head, landmarks=model.landmarks)


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
    angle = geodesic_angle(out["rotation"], batch["rotation"])
    weight = torch.where(batch["rotation"][:, 2, 2] < 0, recipe.loss.back, 1.0)
    spread = spread_loss(out["spread"], angle)
    total = recipe.loss.geodesic * angle + recipe.loss.spread * spread
    terms = {"angle_deg": angle.detach().mean() * (180 / np.pi), "spread": spread.detach().mean()}
    if "landmarks" in out:
        away = landmark_loss(out["landmarks"], batch["landmarks"], weight=batch["landmark_weight"])
        total = total + recipe.loss.landmarks * away
        terms["landmarks"] = away.detach().mean()
    return {"loss": (total * weight).mean(), **terms}


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
    out = [
        network(part.to(device))["rotation"].float().cpu() for part in torch.split(picture, VALIDATION_BATCH)
    ]
    angle = torch.rad2deg(geodesic_angle(torch.cat(out), rotation))
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
    recipe=PoseRecipe,
    network=_network,
    source=_source,
    loss=_loss,
    validation=_validation,
    score="front_deg",
)
