"""Head pose from crops: learn what a head of `models/heads` gives from labelled heads."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pydantic import Field, create_model

from facing.datasets.sample import ANGLES
from facing.errors import DataError
from facing.losses.front import front_angle
from facing.losses.geodesic import geodesic_angle
from facing.losses.maps import map_loss
from facing.models.contracts import load_head
from facing.models.network import PoseNetwork
from facing.models.settings import HeadSettings, ModelSettings, Section
from facing.training.augment import crop_batch
from facing.training.augmentation import AugmentationSettings, load_augmentation
from facing.training.crop_network import backgrounds_of, build_network, start_pretrained
from facing.training.data import open_heads
from facing.training.prepare import head_folders
from facing.training.recipe import Recipe
from facing.training.rows import DrawnRows, evenly, warn_unsourced
from facing.training.sampling import (
    SamplingSettings,
    held_out,
    over_limit,
    stated,
    tell_left_out,
)
from facing.training.task import Batch, Task, Validation
from facing.training.teacher import TeacherSettings, open_teacher, taught

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from facing.datasets.sample import Angle
    from facing.training.data import HeadLabels
    from facing.training.pictures import Pictures
    from facing.training.recipe import DataSettings

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
    """A recipe with task = "pose".

    `background` is a folder with background shards, put behind renders. Where no `validation` set is named,
    `validation_share` of the sources (persons, photographs) is kept out of the training to validate on.
    """

    model: ModelSettings
    head: HeadSettings
    crop: CropSettings = CropSettings()
    teacher: TeacherSettings = TeacherSettings()
    loss: PoseLossSettings = PoseLossSettings()
    sampling: SamplingSettings = SamplingSettings()
    augment: AugmentationSettings
    background: str | None = None
    validation_share: float = Field(default=0.0, ge=0, lt=1)


def _recipe(settings: Mapping[str, Any]) -> type[PoseRecipe]:
    head, augment = (settings.get(table) for table in ("head", "augment"))
    name = head.get("name") if isinstance(head, dict) else None
    kind = augment.get("kind", "renders") if isinstance(augment, dict) else "renders"
    return PoseRecipe if name is None else chosen_parts(str(name), str(kind), PoseRecipe)


@functools.cache
def chosen_parts(head: str, augmentation: str, base: type[PoseRecipe]) -> type[PoseRecipe]:
    """Give the recipe class whose tables have the settings of one head and one augmentation.

    Raises:
        UnknownNameError: there is no such head or augmentation.
    """
    strength = load_augmentation(augmentation).settings
    return create_model(
        base.__name__,
        __base__=base,
        __module__=base.__module__,
        head=(load_head(head).settings, ...),
        augment=(strength, strength(kind=augmentation)),
    )


class _Heads:
    """Heads of a recipe's sets, without those kept out for validation; makes batches."""

    def __init__(self, recipe: PoseRecipe, data: Path) -> None:
        self.recipe = recipe
        self.pictures, self.labels, folders = _open(recipe, recipe.data, data)
        self.backgrounds = backgrounds_of(recipe, data)
        usable = _usable(recipe, self.labels, folders, recipe.data)
        if recipe.validation is None and recipe.validation_share > 0:
            warn_unsourced(self.labels.identity, folders, paths=[entry.path for entry in recipe.data])
            usable &= ~held_out(self.labels.identity, share=recipe.validation_share)
        if not usable.any():
            needed = in_words(needed_angles(recipe))
            raise DataError(f"{data}: no head of the recipe's data states {needed}; choose other sets")
        self.rows = DrawnRows(self.labels, folders, usable, recipe=recipe)

    def __len__(self) -> int:
        """Give how many heads one pass over the data holds."""
        return len(self.rows)

    def __call__(self, step: int) -> Batch:
        """Make batch number `step`."""
        recipe = self.recipe
        rows, rng, progress = self.rows.draw(step)
        return crop_batch(
            self.pictures.take(rows),
            self.labels.take(rows),
            rng,
            side=recipe.crop.side,
            scale=recipe.crop.scale,
            backgrounds=self.backgrounds,
            augment=recipe.augment,
            progress=progress,
        )


def _open(
    recipe: PoseRecipe, entries: Sequence[DataSettings], data: Path
) -> tuple[Pictures, HeadLabels, NDArray[np.int64]]:
    return open_heads(head_folders(entries, data, side=recipe.crop.side, scale=recipe.crop.scale))


def needed_angles(recipe: PoseRecipe) -> tuple[Angle, ...]:
    """Give the angles that labels must state: a head that gives only the front needs no roll."""
    return ANGLES if "rotation" in load_head(recipe.head.name).outputs else ("yaw", "pitch")


def in_words(angles: Sequence[Angle]) -> str:
    """Name angles as a sentence does."""
    return f"{', '.join(angles[:-1])} and {angles[-1]}"


def _usable(
    recipe: PoseRecipe, labels: HeadLabels, folders: NDArray[np.int64], entries: Sequence[DataSettings]
) -> NDArray[np.bool_]:
    """Mark heads that the recipe's head can learn from, and log how many of each set cannot."""
    needed = needed_angles(recipe)
    posed = stated(labels, needed)
    over = over_limit(labels, folders, max_angles=[entry.max_angle for entry in entries])
    paths = [entry.path for entry in entries]
    tell_left_out(~posed, folders, paths=paths, reason=f"{in_words(needed)} are not all stated")
    tell_left_out(posed & over, folders, paths=paths, reason="an angle over the set's max_angle")
    return posed & ~over


def _loss(network: nn.Module, batch: Batch, recipe: PoseRecipe) -> dict[str, Tensor]:
    assert isinstance(network, PoseNetwork)
    maps = network.maps(batch["picture"])
    out = network.read(maps)
    terms = load_head(recipe.head.name).loss(out, batch, recipe.head)
    weight = torch.where(batch["rotation"][:, 2, 2] < 0, recipe.loss.back, 1.0)
    total = (terms.pop("loss") * weight).mean()
    angle = error_angle(out, batch["rotation"]).detach()
    shown = {name: term.detach().float().mean() for name, term in terms.items()}
    if recipe.teacher.path:
        away = map_loss(maps, [batch[taught(number)] for number in range(len(maps))])
        total = total + recipe.teacher.maps * away
        shown["maps"] = away.detach()
    return {"loss": total, "angle_deg": torch.rad2deg(angle.mean()), **shown}


def error_angle(out: Mapping[str, Tensor], rotation: Tensor) -> Tensor:
    """Give the angle of error, radians, (N,): of the rotation, or of the front where nothing else is told."""
    if "rotation" in out:
        return geodesic_angle(out["rotation"], rotation)
    return front_angle(out["front"], rotation[:, :, 2])


def _validation(recipe: PoseRecipe, data: Path) -> Validation:
    share = recipe.validation_share
    if recipe.validation is None and share == 0:
        return lambda _: {}
    entries = recipe.data if recipe.validation is None else (recipe.validation,)
    pictures, labels, folders = _open(recipe, entries, data)
    usable = _usable(recipe, labels, folders, entries)
    if recipe.validation is None:
        usable &= held_out(labels.identity, share=share)
    found = np.flatnonzero(usable)
    if len(found) == 0:
        needed = in_words(needed_angles(recipe))
        raise DataError(f"{data}: no head to validate on states {needed}; name another set")
    rows = found[evenly(len(found), most=VALIDATION_PICTURES)]
    batch = crop_batch(
        pictures.take(rows),
        labels.take(rows),
        np.random.default_rng(recipe.seed),
        side=recipe.crop.side,
        scale=recipe.crop.scale,
        backgrounds=backgrounds_of(recipe, data),
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


TASK = Task(
    recipe=_recipe,
    network=build_network,
    source=_Heads,
    loss=_loss,
    validation=_validation,
    score="front_deg",
    start=start_pretrained,
    teacher=open_teacher,
)
