"""The records that backbone, neck and head files export."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from facing import registry
from facing.errors import RecipeError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor, nn

    from facing.models.settings import HeadSettings, ModelSettings


class Normalisation(NamedTuple):
    """What is taken off pixel values (0 to 255; red, green, blue) and what they are divided by."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


PLAIN = Normalisation((127.5, 127.5, 127.5), (64.0, 64.0, 64.0))
"""About -1 to 1, the same for every channel, so grey stays grey."""
IMAGENET = Normalisation((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
"""Of torchvision's ImageNet weights."""
UNIT = Normalisation((0.0, 0.0, 0.0), (255.0, 255.0, 255.0))
"""0 to 1."""


class BuildBackbone(Protocol):
    """What makes a backbone, weights random."""

    def __call__(self, variant: str, /, *, compat: bool) -> nn.Module:
        """Build the variant; `compat` gives the published system's layers where they differ."""
        ...


@dataclass(frozen=True, slots=True)
class Backbone:
    """A family of feature extractors, exported as BUILD by `models/backbones/<name>.py`.

    `build` gives a module that turns (N, 3, H, W) normalised pictures into a tuple of maps, finest first:
    (N, C, ceil(H / stride), ceil(W / stride)); layers that do not pad lose a cell or two, and pools that
    round up (`compat`) add one. The module has the attributes `channels` and `strides`, tuples with one
    entry per map, `normalisation`, and `stem`, the first layers, which many trainings freeze.
    """

    variants: tuple[str, ...]
    """Sizes by name."""
    build: BuildBackbone
    smallest: int = 32
    """Least side of a picture, pixels."""
    multiple: int = 1
    """Sides must be multiples of this, pixels."""
    accepts: Callable[[str], bool] = lambda _: False
    """Whether a variant that has no name of its own can be built, such as any width."""
    further: str = ""
    """What `accepts` takes, in words for an error: 'any width such as 0.75'."""
    fixed_side: Callable[[str], int | None] = lambda _: None
    """The one side that a variant takes, pixels, where it takes no other."""
    pretrained: Callable[[nn.Module, str, str], str] | None = None
    """Load ImageNet weights: (module, variant, "imagenet" or a file) -> a sentence on what was loaded.
    Raises ModelError. None: there are none."""


@dataclass(frozen=True, slots=True)
class Neck:
    """From maps to one feature vector, exported as NECK by `models/necks/<name>.py`.

    `build(channels, strides)` gives a module that turns the maps of a backbone into features (N, C), C its
    attribute `features`. Raises RecipeError where the backbone has not the maps it needs.
    """

    build: Callable[[tuple[int, ...], tuple[int, ...]], nn.Module]
    multiple: int = 1
    """Sides of pictures must be multiples of this, pixels."""


@dataclass(frozen=True, slots=True)
class Head:
    """What is read off the features, exported as HEAD by `models/heads/<name>.py`.

    `build(channels, settings)` gives a module that turns features (N, channels), float32, into a dict. In
    eval mode its keys are `outputs`, names of the graph contract, in this order; in training mode there is
    more: what `loss` needs. `loss(out, target, settings)` takes that dict and the targets of the batch
    (`rotation` (N, 3, 3), `landmarks` (N, 68, 2), `landmark_weight` (N, 68), `label` (N,) int64, as far as
    the data state them) and gives "loss" (N,) and further terms (N,) to be shown.
    """

    title: str
    settings: type[HeadSettings]
    outputs: tuple[str, ...]
    build: Callable[[int, Any], nn.Module]
    loss: Callable[[Mapping[str, Tensor], Mapping[str, Tensor], Any], dict[str, Tensor]]


@functools.cache
def load_backbone(name: str) -> Backbone:
    """Load the record of a backbone.

    Raises:
        UnknownNameError: there is no such backbone.
    """
    backbone = registry.load("facing.models.backbones", name, attribute="BUILD", kind="backbone")
    assert isinstance(backbone, Backbone)
    return backbone


@functools.cache
def load_neck(name: str) -> Neck:
    """Load the record of a neck.

    Raises:
        UnknownNameError: there is no such neck.
    """
    neck = registry.load("facing.models.necks", name, attribute="NECK", kind="neck")
    assert isinstance(neck, Neck)
    return neck


@functools.cache
def load_head(name: str) -> Head:
    """Load the record of a head.

    Raises:
        UnknownNameError: there is no such head.
    """
    head = registry.load("facing.models.heads", name, attribute="HEAD", kind="head")
    assert isinstance(head, Head)
    return head


def build_backbone(name: str, *, variant: str, compat: bool = False) -> nn.Module:
    """Build one backbone, weights random.

    Raises:
        UnknownNameError: there is no such backbone, or it has no such variant.
    """
    backbone = load_backbone(name)
    if variant not in backbone.variants and not backbone.accepts(variant):
        error = UnknownNameError.among(variant, kind=f"variant of {name}", known=backbone.variants)
        raise UnknownNameError(f"{error}, or {backbone.further}") if backbone.further else error
    return backbone.build(variant, compat=compat)


def check_side(model: ModelSettings, side: int) -> None:
    """Make sure that a network takes crops of a side.

    Raises:
        RecipeError: it does not; the sentence names sides that it takes.
        UnknownNameError: the backbone or neck does not exist.
    """
    backbone = load_backbone(model.backbone)
    fixed = backbone.fixed_side(model.variant)
    if fixed is not None and side != fixed:
        raise RecipeError(f"crop.side = {side} does not suit {model.variant}, which takes {fixed} alone")
    multiple = max(backbone.multiple, load_neck(model.neck).multiple)
    least = -(-backbone.smallest // multiple) * multiple
    if side < least or side % multiple:
        many = f"multiples of {multiple} from {least} on" if multiple > 1 else f"any side from {least} on"
        raise RecipeError(
            f"crop.side = {side} does not suit {model.backbone} with the {model.neck} neck, which take {many}"
        )
