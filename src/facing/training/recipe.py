"""Recipes: TOML files that say all of a training, checked strictly and frozen.

A recipe is data. It may name one `base`, a recipe beside it whose settings it changes; tables are merged
key by key, lists are replaced. Nothing is interpolated.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import tomllib
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from facing.errors import RecipeError, UnknownNameError
from facing.models.settings import Section

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SCHEMA = 1


class DataSettings(Section):
    """One folder to learn from; `path` starts at the data root."""

    reader: Literal["shards"] = "shards"
    path: str
    weight: float = Field(default=1.0, gt=0)


class OptimSettings(Section):
    """How the weights move.

    `crops` is the length of the whole training, `epoch_crops` the distance between two validations and
    checkpoints, `warmup` a share of the training, `ema` the memory of the averaged weights per step.
    """

    name: Literal["adamw"] = "adamw"
    lr: float = Field(gt=0)
    weight_decay: float = Field(default=0.02, ge=0)
    schedule: Literal["cosine"] = "cosine"
    warmup: float = Field(default=0.03, ge=0, lt=1)
    ema: float = Field(default=0.998, ge=0, lt=1)
    clip: float = Field(default=5.0, gt=0)
    batch: int = Field(default=128, gt=0)
    crops: int = Field(gt=0)
    epoch_crops: int = Field(default=25_600, gt=0)

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return max(self.crops // self.batch, 1)

    @property
    def epoch_steps(self) -> int:
        """Steps between two checkpoints."""
        return max(min(self.epoch_crops // self.batch, self.steps), 1)


class Recipe(Section):
    """What every recipe says, whatever its task; a task adds its own sections by a subclass."""

    schema_: Literal[1] = Field(alias="schema")
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    task: str
    seed: int = Field(default=7, ge=0)
    licence: str
    data: tuple[DataSettings, ...] = Field(min_length=1)
    validation: DataSettings | None = None
    optim: OptimSettings
    precision: Literal["bf16-mixed", "32"] = "bf16-mixed"
    threads: int = Field(default=1, gt=0)
    overrides: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _tuples(cls, settings: Any) -> Any:
        # TOML and JSON know lists only, and strict tuples refuse them.
        if not isinstance(settings, dict):
            return settings
        return {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}

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
    settings = _resolve(path)
    for override in overrides:
        _set(settings, override)
    if overrides:
        settings["overrides"] = [*settings.get("overrides", []), *overrides]
    return recipe_from_dict(settings, where=str(path))


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
        raise RecipeError(f"{where}: {_sentence(error, kind)}") from error


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


def _sentence(error: ValidationError, kind: type[Recipe]) -> str:
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = sorted(_setting_names(kind))
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5) or [
            other for other in known if other.rpartition(".")[2][:1] == name.rpartition(".")[2][:1]
        ]
        hint = f" Did you mean {_nearest(name, known) or near[0]}?" if near else ""
        return f"{name} is no setting.{hint}"
    return f"{name} = {first['input']!r} cannot be: {first['msg'][:1].lower()}{first['msg'][1:]}"


def _nearest(name: str, known: Sequence[str]) -> str | None:
    """Prefer the names of the same table, by the initials of their words: learning_rate is lr."""
    table, _, key = name.rpartition(".")
    siblings = [other for other in known if other.rpartition(".")[0] == table]
    initials = "".join(word[:1] for word in key.split("_"))
    for other in siblings:
        if other.rpartition(".")[2] == initials:
            return other
    near = difflib.get_close_matches(name, siblings, n=1, cutoff=0.5)
    return near[0] if near else None


def _setting_names(kind: type[BaseModel], *, prefix: str = "") -> set[str]:
    names = set()
    for field, info in kind.model_fields.items():
        name = prefix + (info.alias or field)
        names.add(name)
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            names |= _setting_names(inner, prefix=f"{name}.")
    return names
