"""Head boxes in whole pictures: learn the anchor-free detector from scene shards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pydantic import Field, field_validator

from facing.evaluation.detection_curve import detection_curve
from facing.geometry.boxes import suppress
from facing.losses.box import box_loss
from facing.losses.heatmap import centre_targets, heatmap_loss
from facing.models.detection import CELL, DetectorSpec, HeadDetector, cell_boxes
from facing.models.settings import Section
from facing.training.recipe import DataSettings, Recipe
from facing.training.rows import evenly
from facing.training.scene_augment import SceneAugmentSettings, scene_batch
from facing.training.scene_data import open_scenes
from facing.training.task import Batch, Source, Task, Validation

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from facing.evaluation.detection_curve import DetectionCurve

VALIDATION_PICTURES = 1000
VALIDATION_BATCH = 25
OVERLAP_LIMIT = 0.4
"""Of two boxes that share more, the better stays; crowds put heads before heads, so it is not lower."""
FURTHER = 0.1
"""Boxes per picture that are no head, at which training compares recall."""
LEAST_HEAT = 0.2
"""Cells of a bump above this learn the edges of its box."""


class DetectorSettings(Section):
    """Size of the network: channels and residual blocks at strides 4, 8, 16, 32, and of the way back."""

    widths: tuple[int, int, int, int] = DetectorSpec().widths
    depths: tuple[int, int, int, int] = DetectorSpec().depths
    neck: tuple[int, int, int] = DetectorSpec().neck

    @field_validator("widths", "depths", "neck", mode="before")
    @classmethod
    def _tuple(cls, value: Any) -> Any:
        # TOML and JSON know lists only, and strict tuples refuse them.
        return tuple(value) if isinstance(value, list) else value


class DetectionLossSettings(Section):
    """Weights of the terms."""

    heatmap: float = Field(default=1.0, ge=0)
    box: float = Field(default=2.0, ge=0)


class DetectionRecipe(Recipe):
    """A recipe with task = "detection"; its pictures are squares of the size of the scenes.

    Its sets are folders of scene shards, and every scene is drawn once per pass.
    """

    model: DetectorSettings = DetectorSettings()
    loss: DetectionLossSettings = DetectionLossSettings()
    augment: SceneAugmentSettings = SceneAugmentSettings()

    @field_validator("data", "validation")
    @classmethod
    def _scene_shards(
        cls, value: tuple[DataSettings, ...] | DataSettings | None
    ) -> tuple[DataSettings, ...] | DataSettings | None:
        entries = value if isinstance(value, tuple) else (value,)
        for entry in filter(None, entries):
            if entry != DataSettings(path=entry.path):
                raise ValueError(
                    f"the detector learns from scene shards of facing synth, each scene once per pass: "
                    f"give {entry.path} as a path alone, without reader, weight and max_angle"
                )
        return value


def _network(recipe: DetectionRecipe) -> nn.Module:
    model = recipe.model
    return HeadDetector(DetectorSpec(widths=model.widths, depths=model.depths, neck=model.neck))


def _source(recipe: DetectionRecipe, data: Path) -> Source:
    scenes = open_scenes([data / entry.path for entry in recipe.data])
    size = recipe.optim.batch
    per_pass = max(len(scenes) // size, 1)

    def batch(step: int) -> Batch:
        rng = np.random.default_rng((recipe.seed, step))
        # Every scene once per pass, in an order of its own.
        order = np.random.default_rng((recipe.seed, step // per_pass, 1)).permutation(len(scenes))
        rows = order[(step % per_pass) * size :][:size]
        return scene_batch(
            scenes.pictures.take(rows),
            boxes=scenes.boxes[rows],
            ignore=scenes.ignore[rows],
            rng=rng,
            augment=recipe.augment,
        )

    return batch


def _loss(network: nn.Module, batch: Batch, recipe: DetectionRecipe) -> dict[str, Tensor]:
    assert isinstance(network, HeadDetector)
    maps = network.maps(batch["picture"])
    boxes = batch["boxes"]
    shape = (maps.centre.shape[2], maps.centre.shape[3])
    targets = centre_targets(boxes, batch["ignore"], shape=shape, cell=CELL)
    heat = heatmap_loss(maps.centre[:, 0], targets).mean()
    near = targets.heat > LEAST_HEAT
    picture = near.nonzero()[:, 0]
    owner = targets.owner[near]
    weight = targets.heat[near]
    # All cells of a head together weigh one, all heads of a picture the root of their number.
    total = torch.zeros(boxes.shape[:2], device=boxes.device).index_put(
        (picture, owner), weight, accumulate=True
    )
    heads = (total > 0).sum(1).clamp_min(1).sqrt()
    weight = weight / (total[picture, owner] * heads[picture])
    apart = box_loss(cell_boxes(maps.edges)[near], boxes[picture, owner])
    edges = (weight * apart).sum() / len(boxes)
    loss = recipe.loss.heatmap * heat + recipe.loss.box * edges
    return {"loss": loss, "heatmap": heat.detach(), "box": edges.detach()}


def _validation(recipe: DetectionRecipe, data: Path) -> Validation:
    entry = recipe.validation
    if entry is None:
        return lambda _: {}
    scenes = open_scenes([data / entry.path])
    rows = evenly(len(scenes), most=VALIDATION_PICTURES)
    batch = scene_batch(
        scenes.pictures.take(rows),
        boxes=scenes.boxes[rows],
        ignore=scenes.ignore[rows],
        rng=np.random.default_rng(recipe.seed),
        augment=None,
    )
    return lambda network: _figures(validate_detection(network, batch))


def validate_detection(network: nn.Module, batch: Batch) -> DetectionCurve:
    """Run a network in eval mode over scenes.

    Args:
        network: a `HeadDetector`.
        batch: as `scene_batch` gives it.

    Returns:
        Recall and further boxes at an overlap of 0.4, for every threshold.
    """
    device = next(network.parameters()).device
    detected = []
    with torch.no_grad():
        for part in torch.split(batch["picture"], VALIDATION_BATCH):
            boxes, scores = network(part.to(device))
            for found, values in zip(boxes.float().cpu().numpy(), scores.float().cpu().numpy(), strict=True):
                strong = values > 0.02
                kept = suppress(found[strong], values[strong], overlap_limit=OVERLAP_LIMIT)
                detected.append((found[strong][kept], values[strong][kept]))
    return detection_curve(_real(batch["boxes"]), detected, ignored=_real(batch["ignore"]))


def _figures(curve: DetectionCurve) -> dict[str, float]:
    threshold = curve.threshold(further=FURTHER)
    return {
        "missed": 1 - curve.recall(threshold),
        "missed_at_half": 1 - curve.recall(0.5),
        "further_at_half": curve.further(0.5),
        "threshold": threshold,
    }


def _real(boxes: Tensor) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    """Drop the empty rows of (N, M, 4)."""
    return [rows[(rows[:, 2:] > rows[:, :2]).all(1)] for rows in boxes.cpu().numpy()]


TASK = Task(
    recipe=lambda _settings: DetectionRecipe,
    network=_network,
    source=_source,
    loss=_loss,
    validation=_validation,
    score="missed",
)
