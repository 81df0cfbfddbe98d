"""The record that a task file exports; `facing.training.tasks` says how to write one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from facing import registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import Tensor, nn

    from facing.training.recipe import Recipe

Batch: TypeAlias = "dict[str, Tensor]"
Source: TypeAlias = "Callable[[int], Batch]"
Validation: TypeAlias = "Callable[[nn.Module], dict[str, float]]"


@dataclass(frozen=True, slots=True)
class Task:
    """One thing that can be trained.

    The recipes are typed Any because each task takes its own subclass of Recipe. `recipe` gives that class
    for the settings of a recipe file, which may name parts that bring settings of their own. `start` gives
    a fresh network weights from elsewhere where the recipe asks for them, and says so in a sentence.
    `teacher` gives a module that stands still and turns pictures into what `loss` finds in its batch besides,
    where the recipe names one.
    """

    recipe: Callable[[Mapping[str, Any]], type[Recipe]]
    network: Callable[[Any], nn.Module]
    source: Callable[[Any, Path], Source]
    loss: Callable[[nn.Module, Batch, Any], Batch]
    validation: Callable[[Any, Path], Validation]
    score: str
    start: Callable[[nn.Module, Any], str] = lambda _network, _recipe: ""
    teacher: Callable[[Any, Path], nn.Module | None] = lambda _recipe, _data: None


def load_task(name: str) -> Task:
    """Import one task.

    Raises:
        UnknownNameError: no file of `facing.training.tasks` has this name.
    """
    task = registry.load("facing.training.tasks", name, attribute="TASK", kind="task")
    assert isinstance(task, Task)
    return task
