"""Classes of direction from crops: front, side and back by the pose of renders, or any classes of folders."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from pydantic import Field, create_model, model_validator

from facing.datasets.orientation_classes import BETWEEN, ORIENTATIONS, ClassRule
from facing.errors import DataError
from facing.geometry.azimuth import azimuth_deg
from facing.models.contracts import load_head
from facing.models.heads.orientation import NO_CLASS, OrientationSettings
from facing.models.settings import ModelSettings, Section
from facing.training.augment import crop_batch
from facing.training.augmentation import AugmentationSettings, load_augmentation
from facing.training.crop_network import backgrounds_of, build_network, start_pretrained
from facing.training.data import open_heads
from facing.training.prepare import head_folders
from facing.training.recipe import Recipe
from facing.training.rows import DrawnRows, evenly, warn_unsourced
from facing.training.sampling import SamplingSettings, held_out, over_limit, tell_left_out
from facing.training.task import Batch, Task, Validation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from facing.training.data import HeadLabels
    from facing.training.pictures import Pictures
    from facing.training.recipe import DataSettings

VALIDATION_PICTURES = 2000
VALIDATION_BATCH = 100
SIDES = frozenset({"left", "right"})


class OrientationCropSettings(Section):
    """The crop contract's numbers: side in pixels, scale = crop side over the longer side of the head box."""

    side: int = Field(default=256, ge=32, le=512)
    scale: float = Field(default=1.12, gt=0)


class RangeSettings(Section):
    """Classes of heads with a known pose: front up to `front_max`, back beyond `back_min`, degrees azimuth.

    Heads within `margin` of a border are in no class: they are neither learned nor judged.
    """

    front_max: float = Field(default=45.0, gt=0, lt=180)
    back_min: float = Field(default=135.0, gt=0, lt=180)
    margin: float = Field(default=0.0, ge=0)


class OrientationRecipe(Recipe):
    """A recipe with task = "orientation".

    `labels` names the classes in the order of the network's output. Where no `validation` set is named,
    `validation_share` of the sources (persons, photographs) is kept out of the training to validate on.
    """

    labels: tuple[str, ...] = ORIENTATIONS
    ranges: RangeSettings = RangeSettings()
    model: ModelSettings
    head: OrientationSettings
    crop: OrientationCropSettings = OrientationCropSettings()
    sampling: SamplingSettings = SamplingSettings(balance="class")
    augment: AugmentationSettings
    background: str | None = None
    validation_share: float = Field(default=0.1, gt=0, lt=1)

    @model_validator(mode="after")
    def _names_every_class(self) -> Self:
        if len(set(self.labels)) != self.head.classes or len(self.labels) != self.head.classes:
            raise ValueError(
                f"labels names {len(set(self.labels))} classes and head.classes is {self.head.classes}; "
                "name each class once"
            )
        return self

    @property
    def rule(self) -> ClassRule:
        """Where front ends and back begins."""
        ranges = self.ranges
        return ClassRule(front_max=ranges.front_max, back_min=ranges.back_min, margin=ranges.margin)


def _recipe(settings: Mapping[str, Any]) -> type[OrientationRecipe]:
    augment = settings.get("augment")
    return _with_augmentation(str(augment.get("kind", "renders") if isinstance(augment, dict) else "renders"))


@functools.cache
def _with_augmentation(kind: str) -> type[OrientationRecipe]:
    strength = load_augmentation(kind).settings
    return create_model(
        OrientationRecipe.__name__,
        __base__=OrientationRecipe,
        __module__=OrientationRecipe.__module__,
        augment=(strength, strength(kind=kind)),
    )


@dataclass(frozen=True, slots=True)
class _Classed:
    """Heads of some sets; `number` (N,) is the class of each, `BETWEEN` for those in none."""

    pictures: Pictures
    labels: HeadLabels
    folders: NDArray[np.int64]
    number: NDArray[np.int64]
    posed: NDArray[np.bool_]
    """(N,): whether the class follows from the pose, and moves with it."""

    def batch(
        self,
        rows: NDArray[np.int64],
        rng: np.random.Generator,
        *,
        recipe: OrientationRecipe,
        backgrounds: Pictures | None,
        augment: AugmentationSettings | None,
        progress: float = 1.0,
    ) -> Batch:
        """Cut crops: `picture` (K, S, S, 3) uint8 and `label` (K,) int64."""
        crops = crop_batch(
            self.pictures.take(rows),
            self.labels.take(rows),
            rng,
            side=recipe.crop.side,
            scale=recipe.crop.scale,
            backgrounds=backgrounds,
            augment=augment,
            progress=progress,
        )
        moved = crops["rotation"].numpy()
        told = np.where(
            crops["mirrored"], _mirrored_numbers(recipe.labels)[self.number[rows]], self.number[rows]
        )
        label = np.where(self.posed[rows], recipe.rule.classes(azimuth_deg(moved)), told)
        return {"picture": crops["picture"], "label": torch.from_numpy(label.astype(np.int64))}


def _open(recipe: OrientationRecipe, entries: Sequence[DataSettings], data: Path) -> _Classed:
    pictures, labels, folders = open_heads(
        head_folders(entries, data, side=recipe.crop.side, scale=recipe.crop.scale)
    )
    stated = labels.label != ""
    # Roll is not needed: sets that state yaw and pitch alone tell where a head faces.
    posed = ~stated & labels.known[:, :2].all(1) & (recipe.labels == ORIENTATIONS)
    number = np.full(len(folders), BETWEEN, np.int64)
    number[posed] = recipe.rule.classes(azimuth_deg(labels.rotation[posed]))
    number[posed & over_limit(labels, folders, max_angles=[entry.max_angle for entry in entries])] = BETWEEN
    for name in np.unique(labels.label[stated]).tolist():
        number[labels.label == name] = _number(name, recipe.labels)
    tell_left_out(
        number == BETWEEN,
        folders,
        paths=[entry.path for entry in entries],
        reason="in no class: no pose stated, too near a border of ranges, or an angle over max_angle",
    )
    names = np.array([*recipe.labels, ""])[number]  # BETWEEN is the last one
    return _Classed(pictures, replace(labels, label=names), folders, number, posed)


def _number(name: str, labels: tuple[str, ...]) -> int:
    """Find a class of the data among those of the recipe; left and right are sides where it has no such."""
    if name not in labels and name in SIDES and "side" in labels:
        name = "side"
    if name not in labels:
        raise DataError(f"the data hold the class {name!r}, the recipe's labels are {', '.join(labels)}")
    return labels.index(name)


def _mirrored_numbers(labels: tuple[str, ...]) -> NDArray[np.int64]:
    """Give for each class the one that its mirror image is in; the last entry is for `BETWEEN`."""
    numbers = np.array([*range(len(labels)), BETWEEN], np.int64)
    if set(labels) >= SIDES:
        left, right = labels.index("left"), labels.index("right")
        numbers[left], numbers[right] = right, left
    return numbers


class _Source:
    """Heads of a recipe's sets, without those kept out for validation; makes batches."""

    def __init__(self, recipe: OrientationRecipe, data: Path) -> None:
        self.recipe = recipe
        self.heads = _open(recipe, recipe.data, data)
        self.backgrounds = backgrounds_of(recipe, data)
        usable = self.heads.number != BETWEEN
        if recipe.validation is None:
            paths = [entry.path for entry in recipe.data]
            warn_unsourced(self.heads.labels.identity, self.heads.folders, paths=paths)
            usable &= ~held_out(self.heads.labels.identity, share=recipe.validation_share)
        absent = sorted(set(range(len(recipe.labels))) - set(self.heads.number[usable].tolist()))
        if absent:
            raise DataError(
                f"{data}: no head of the recipe's data is in the class {recipe.labels[absent[0]]!r}; "
                "add heads of it, or name a validation set of its own"
            )
        self.rows = DrawnRows(self.heads.labels, self.heads.folders, usable, recipe=recipe)

    def __len__(self) -> int:
        """Give how many heads one pass over the data holds."""
        return len(self.rows)

    def __call__(self, step: int) -> Batch:
        """Make batch number `step`."""
        recipe = self.recipe
        rows, rng, progress = self.rows.draw(step)
        return self.heads.batch(
            rows,
            rng,
            recipe=recipe,
            backgrounds=self.backgrounds,
            augment=recipe.augment,
            progress=progress,
        )


def _loss(network: nn.Module, batch: Batch, recipe: OrientationRecipe) -> dict[str, Tensor]:
    out, label = network(batch["picture"]), batch["label"]
    terms = load_head(recipe.head.name).loss(out, {"label": label}, recipe.head)
    classed = (label != NO_CLASS).sum().clamp(min=1)
    wrong = (out["orientation"].detach().argmax(1) != label) & (label != NO_CLASS)
    shown = {name: term.detach().float().sum() / classed for name, term in terms.items() if name != "loss"}
    return {"loss": terms["loss"].sum() / classed, "wrong": wrong.sum() / classed, **shown}


def _validation(recipe: OrientationRecipe, data: Path) -> Validation:
    heads = _open(recipe, recipe.data if recipe.validation is None else (recipe.validation,), data)
    usable = heads.number != BETWEEN
    if recipe.validation is None:
        usable &= held_out(heads.labels.identity, share=recipe.validation_share)
    found = np.flatnonzero(usable)
    if len(found) == 0:
        raise DataError(f"{data}: no head to validate on is in a class; name another set")
    batch = heads.batch(
        found[evenly(len(found), most=VALIDATION_PICTURES)],
        np.random.default_rng(recipe.seed),
        recipe=recipe,
        backgrounds=backgrounds_of(recipe, data),
        augment=None,
    )
    return lambda network: validate_orientation(network, batch, labels=recipe.labels)


@torch.no_grad()
def validate_orientation(network: nn.Module, batch: Batch, *, labels: Sequence[str]) -> dict[str, float]:
    """Measure a network in eval mode on clean crops.

    Args:
        network: with the output `orientation`.
        batch: `picture` (N, S, S, 3) uint8 and `label` (N,).
        labels: names of the classes.

    Returns:
        `wrong`, the share of heads that got another class than theirs, over all and by class; classes without
        heads are left out.
    """
    device = next(network.parameters()).device
    parts = [
        network(part.to(device))["orientation"] for part in torch.split(batch["picture"], VALIDATION_BATCH)
    ]
    wrong = torch.cat([part.argmax(1).cpu() for part in parts]) != batch["label"]
    figures = {"wrong": float(wrong.float().mean())}
    for number, name in enumerate(labels):
        own = batch["label"] == number
        if bool(own.any()):
            figures[f"wrong_{name}"] = float(wrong[own].float().mean())
    return figures


TASK = Task(
    recipe=_recipe,
    network=build_network,
    source=_Source,
    loss=_loss,
    validation=_validation,
    score="wrong",
    start=start_pretrained,
)
