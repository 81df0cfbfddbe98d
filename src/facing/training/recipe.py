"""Recipes: TOML files that say all of a training, checked strictly and frozen.

A recipe is data. It may name one `base`, a recipe beside it whose settings it changes; tables are merged
key by key, lists are replaced. Nothing is interpolated.
"""

from __future__ import annotations

import copy
import difflib
import hashlib
import json
import tomllib
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from facing.errors import RecipeError, UnknownNameError
from facing.models.settings import Section

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from facing.models.contracts import Head
    from facing.training.augmentation import Augmentation

SCHEMA = 1


class DataSettings(Section):
    """One set to learn from: `reader` is one of `facing datasets list`, `path` starts at the data root.

    Of several sets, `weight` says how often each is drawn from. Heads with an angle over `max_angle` degrees
    are left out; the published systems know no more than 99.
    """

    reader: str = "shards"
    path: str
    weight: float = Field(default=1.0, gt=0)
    max_angle: float = Field(default=180.0, gt=0, le=180)


class GroupFactors(Section):
    """Learning rates of the parts of a network as multiples of `lr`; a part at 0 stands still."""

    stem: float = Field(default=1.0, ge=0)
    backbone: float = Field(default=1.0, ge=0)
    head: float = Field(default=1.0, ge=0)


class OptimSettings(Section):
    """How the weights move, and for how long.

    Length: either `crops`, with `epoch_crops` between two validations and checkpoints, or `epochs`, passes
    through the data; where both are given `epochs` decides, and 0 leaves it to `crops`. `batch` counts the
    crops of one step over all processes together.

    Rate: `lr`, warmed up over the share `warmup` of the training, then by `schedule`: "cosine" falls to a
    hundredth, "step" is multiplied by `gamma` every `gamma_epochs` epochs, "constant" stays. `groups` scales
    it per part of the network; in the first `freeze_epochs` epochs `freeze_groups` does so instead. As
    published: stem 0, backbone 1, heads 5.

    `freeze_norm` says which batch normalisation keeps its running statistics and uses them: none ("never"),
    that of parts that stand still ("with-groups"), or all ("always").

    `momentum` and `nesterov` are for sgd. `ema` is the memory of the averaged weights per step; 0 takes the
    weights as they are. `clip` is the largest norm of all gradients together; 0 lets them be.
    """

    name: Literal["adamw", "adam", "sgd"] = "adamw"
    lr: float = Field(gt=0)
    weight_decay: float = Field(default=0.02, ge=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    nesterov: bool = False
    schedule: Literal["cosine", "constant", "step"] = "cosine"
    gamma: float = Field(default=0.2, gt=0, le=1)
    gamma_epochs: int = Field(default=5, gt=0)
    warmup: float = Field(default=0.03, ge=0, lt=1)
    groups: GroupFactors = GroupFactors()
    freeze_epochs: int = Field(default=0, ge=0)
    freeze_groups: GroupFactors = GroupFactors(stem=0.0, backbone=1.0, head=5.0)
    freeze_norm: Literal["never", "with-groups", "always"] = "never"
    ema: float = Field(default=0.998, ge=0, lt=1)
    clip: float = Field(default=5.0, ge=0)
    batch: int = Field(default=128, gt=0)
    crops: int | None = Field(default=None, gt=0)
    epoch_crops: int = Field(default=25_600, gt=0)
    epochs: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if self.crops is None and not self.epochs:
            raise ValueError("it says no length; give crops or epochs")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")
        return self

    @property
    def steps(self) -> int:
        """Steps of the whole training; a length in epochs must have been resolved."""
        assert self.crops is not None, "resolve optim.epochs first: the size of the data is not known here"
        return max(self.crops // self.batch, 1)

    @property
    def epoch_steps(self) -> int:
        """Steps between two checkpoints."""
        return max(min(self.epoch_crops // self.batch, self.steps), 1)

    def resolved(self, *, pictures: int) -> OptimSettings:
        """Turn a length in epochs into crops.

        Args:
            pictures: of one pass through the data.
        """
        if not self.epochs:
            return self
        # Whole steps, so that the number of epochs is the one that was asked for.
        epoch = max(pictures // self.batch, 1) * self.batch
        return self.model_copy(update={"crops": self.epochs * epoch, "epoch_crops": epoch})


class Recipe(Section):
    """What every recipe says, whatever its task; a task adds its own sections by a subclass.

    `threads` is for the network's arithmetic and `loader_threads` for the batches made beside it. Every
    `keep_every` epochs the weights are kept in a file of their own; 0 keeps the best and the last alone.
    """

    schema_: Literal[1] = Field(alias="schema")
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    task: str
    seed: int = Field(default=7, ge=0)
    licence: str
    data: tuple[DataSettings, ...] = Field(min_length=1)
    validation: DataSettings | None = None
    optim: OptimSettings
    precision: Literal["bf16-mixed", "16-mixed", "32"] = "bf16-mixed"
    threads: int = Field(default=1, gt=0)
    loader_threads: int = Field(default=1, gt=0)
    keep_every: int = Field(default=0, ge=0)
    overrides: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _tuples(cls, settings: Any) -> Any:
        # TOML and JSON know lists only, and strict tuples refuse them.
        if not isinstance(settings, dict):
            return settings
        return {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}

    def with_optim(self, optim: OptimSettings) -> Self:
        """Give the same recipe with other settings of the optimiser."""
        return self.model_copy(update={"optim": optim})

    def to_dict(self) -> dict[str, Any]:
        """Give the resolved recipe as plain data: every setting, defaults included."""
        return self.model_dump(mode="json", by_alias=True)

    def digest(self) -> str:
        """Give the SHA-256 of the resolved recipe, in hexadecimal."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def load_recipe(path: Path, *, overrides: Sequence[str] = ()) -> Recipe:
    """Read, resolve and check a recipe.

    Args:
        path: the TOML file.
        overrides: "table.key=value" as on the command line; the value is TOML, or a bare word. They are
            recorded in the recipe and are part of its hash.

    Raises:
        RecipeError: the file is missing or no TOML, a setting does not exist or has a wrong value.
    """
    return recipe_from_dict(changed_settings(_resolve(path), overrides), where=str(path))


def changed_settings(settings: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Change settings as `--set` does, and write down that they were changed.

    Args:
        settings: of a recipe, plain data; left as they are.
        overrides: "table.key=value"; the value is TOML, or a bare word.

    Raises:
        RecipeError: one has no value, or goes into what is no table.
    """
    changed = copy.deepcopy(dict(settings))
    for override in overrides:
        _set(changed, override)
    if overrides:
        changed["overrides"] = [*changed.get("overrides", []), *overrides]
    return changed


def recipe_from_dict(settings: Mapping[str, Any], *, where: str) -> Recipe:
    """Check plain data as a recipe.

    Args:
        settings: what a resolved recipe file, a checkpoint or a card holds.
        where: the file it came from, for errors.

    Raises:
        RecipeError: a setting does not exist, is missing or has a wrong value.
    """
    from facing.training.task import load_task

    if settings.get("schema") != SCHEMA:
        raise RecipeError(
            f"{where}: schema is {settings.get('schema')!r}; this version reads schema = {SCHEMA}"
        )
    try:
        kind = load_task(str(settings.get("task"))).recipe(settings)
    except UnknownNameError as error:
        raise RecipeError(f"{where}: {error}") from error
    try:
        return kind.model_validate(dict(settings))
    except ValidationError as error:
        raise RecipeError(f"{where}: {_sentence(error, kind, settings)}") from error


def _resolve(path: Path) -> dict[str, Any]:
    settings = _read(path)
    base = settings.pop("base", None)
    if base is None:
        return settings
    below = _read(path.parent / str(base))
    if "base" in below:
        raise RecipeError(
            f"{path}: its base {base} has a base itself; one is the limit, write the settings out"
        )
    return _merged(below, settings)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path} cannot be read ({error.strerror}); give the path of a recipe") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is no TOML ({error}); correct it there") from error


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _set(settings: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    if not equals or not name:
        raise RecipeError(f"--set {override} has no value; write --set optim.lr=5e-4")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *tables, key = name.strip().split(".")
    for table in tables:
        inner = settings.setdefault(table, {})
        if not isinstance(inner, dict):
            raise RecipeError(f"--set {override}: {table} is no table; change it in the recipe file")
        settings = inner
    settings[key] = value


def _sentence(error: ValidationError, kind: type[Recipe], settings: Mapping[str, Any]) -> str:
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        foreign = _of_another_part(name, settings)
        if foreign:
            return foreign
        near = _nearest(name, sorted(_setting_names(kind)))
        hint = f" Did you mean {near}?" if near else ""
        return f"{name} is no setting.{hint}"
    if first["type"] == "value_error":
        return f"{name}: {first['ctx']['error']}"
    return f"{name} = {first['input']!r} cannot be: {first['msg'][:1].lower()}{first['msg'][1:]}"


def _nearest(name: str, known: Sequence[str]) -> str | None:
    """Prefer the names of the same table, and the initials of their words: learning_rate is lr."""
    table, _, key = name.rpartition(".")
    initials = "".join(word[:1] for word in key.split("_"))
    siblings = [other for other in known if other.rpartition(".")[0] == table]
    for names in (siblings, known):
        keys = {other.rpartition(".")[2]: other for other in reversed(names)}
        near = [initials] if initials in keys else difflib.get_close_matches(key, keys, n=1)
        if near:
            return keys[near[0]]
    return None


def _of_another_part(name: str, settings: Mapping[str, Any]) -> str:
    """Say whose setting it is where a head or augmentation has it that was not chosen; else empty."""
    from facing import registry
    from facing.models.contracts import load_head
    from facing.training.augmentation import load_augmentation

    table, _, key = name.partition(".")
    load: Callable[[str], Head | Augmentation]
    if table == "head":
        choice, package, load = "name", "facing.models.heads", load_head
    elif table == "augment":
        choice, package, load = "kind", "facing.training.augmentations", load_augmentation
    else:
        return ""
    owners = [part for part in registry.names(package) if key in load(part).settings.model_fields]
    chosen = settings[table].get(choice)
    if not owners or chosen is None:
        return ""
    return (
        f"{name} is a setting of {', '.join(owners)}, not of {chosen}; drop it, choose one of those, or "
        f"write the table anew with --set '{table}={{ {choice} = \"{chosen}\" }}'"
    )


def _setting_names(kind: type[BaseModel], *, prefix: str = "") -> set[str]:
    names = set()
    for field, info in kind.model_fields.items():
        name = prefix + (info.alias or field)
        names.add(name)
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            names |= _setting_names(inner, prefix=f"{name}.")
    return names
