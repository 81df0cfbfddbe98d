"""The records that backbone and head files export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from facing import registry
from facing.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn


@dataclass(frozen=True, slots=True)
class Backbone:
    """A family of feature extractors, exported as BUILD by `models/backbones/<name>.py`.

    `build(variant)` gives a module that turns (N, 3, H, W) float pictures, H and W multiples of the last
    stride, into a tuple of maps (N, C, H / stride, W / stride), one per entry of `strides`, finest first.
    The module's attribute `channels` is the tuple of their C.
    """

    variants: tuple[str, ...]
    strides: tuple[int, ...]
    build: Callable[[str], nn.Module]


@dataclass(frozen=True, slots=True)
class Head:
    """A pose head, exported as HEAD by `models/heads/<name>.py`.

    `build(channels, landmarks)` gives a module that turns pooled features (N, channels), float32, into a
    dict whose keys are names of the graph contract, and in training mode "landmarks" (N, 68, 2) too
    where `landmarks` is set. `outputs` are the names it gives in eval mode.
    """

    outputs: tuple[str, ...]
    build: Callable[[int, bool], nn.Module]


def build_backbone(name: str, *, variant: str) -> tuple[nn.Module, tuple[int, ...]]:
    """Build one backbone, weights random.

    Returns:
        The module and its strides.

    Raises:
        UnknownNameError: there is no such backbone, or it has no such variant.
    """
    backbone = registry.load("facing.models.backbones", name, attribute="BUILD", kind="backbone")
    assert isinstance(backbone, Backbone)
    if variant not in backbone.variants:
        raise UnknownNameError.among(variant, kind=f"variant of {name}", known=backbone.variants)
    return backbone.build(variant), backbone.strides


def build_head(name: str, *, channels: int, landmarks: bool) -> nn.Module:
    """Build one pose head, weights random.

    Raises:
        UnknownNameError: there is no such head.
    """
    head = registry.load("facing.models.heads", name, attribute="HEAD", kind="head")
    assert isinstance(head, Head)
    return head.build(channels, landmarks)
