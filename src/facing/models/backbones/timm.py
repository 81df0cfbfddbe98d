"""Any feature extractor of timm, by its name there: `backbone = "timm:resnet18d"`.

Maps, channels and strides are those of `timm.create_model(name, features_only=True)`, the normalisation is
that of its weights. `compat` changes nothing.
"""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from facing.errors import MissingExtraError, ModelError, UnknownNameError
from facing.models.contracts import IMAGENET, Backbone, Normalisation
from facing.models.pretrained import IMAGENET_WEIGHTS, load_file

if TYPE_CHECKING:
    from types import ModuleType


class Timm(nn.Module):
    """A feature extractor of timm under our contract."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.network = _create(name)
        info: Any = self.network.feature_info
        self.channels = tuple(info.channels())
        self.strides = tuple(info.reduction())
        self.channels_last = getattr(self.network, "output_fmt", None) == "NHWC"
        settings = _settings(name)
        self.normalisation = (
            Normalisation(
                tuple(255 * value for value in settings.mean), tuple(255 * value for value in settings.std)
            )
            if settings
            else IMAGENET
        )

    @property
    def stem(self) -> nn.Module:
        """The first layer with weights, as timm parts its networks."""
        module: nn.Module = self.network
        while True:
            parts = [child for child in module.children() if any(True for _ in child.parameters())]
            if len(parts) != 1:
                return parts[0] if parts else module
            module = parts[0]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Turn (N, 3, H, W) into timm's maps."""
        maps = self.network(x)
        return tuple(one.permute(0, 3, 1, 2) if self.channels_last else one for one in maps)


def _timm() -> ModuleType:
    try:
        return importlib.import_module("timm")
    except ImportError as error:
        raise MissingExtraError.of(need="a backbone of timm", extra="train") from error


def _create(name: str, *, pretrained: bool = False) -> nn.Module:
    timm = _timm()
    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(), n=3)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise UnknownNameError(
            f"timm {timm.__version__} has no model called {name!r}.{hint} "
            "All of them: python -c 'import timm; print(timm.list_models())'"
        )
    try:
        network: nn.Module = timm.create_model(name, features_only=True, pretrained=pretrained)
    except (RuntimeError, AttributeError, NotImplementedError, TypeError) as error:
        if pretrained:
            raise
        raise UnknownNameError(
            f"timm's {name} gives no feature maps ({error}); take another model"
        ) from error
    return network


def _settings(name: str) -> Any:
    """Give what timm says about the weights of a model, or None."""
    return _timm().get_pretrained_cfg(name, allow_unregistered=True)


def _fixed_side(name: str) -> int | None:
    settings = _settings(name) if _timm().is_model(name) else None
    return int(settings.input_size[-1]) if settings and settings.fixed_input_size else None


def _names(key: str) -> tuple[str, ...]:
    """Give the names under which a feature extractor may hold an array of the whole model."""
    return tuple(f"network.{name}" for name in (key, key.replace(".", "_", 1), f"model.{key}"))


def _pretrained(module: nn.Module, variant: str, where: str) -> str:
    if where != IMAGENET_WEIGHTS:
        return load_file(module, where, names=_names)
    assert isinstance(module, Timm)
    settings = _settings(variant)
    home = settings and settings.hf_hub_id
    address = (
        f"https://huggingface.co/{home}/resolve/main/model.safetensors" if home else settings and settings.url
    )
    if not address:
        raise ModelError(f"timm has no weights of {variant}; leave model.pretrained empty, or name a file")
    try:
        weights = _create(variant, pretrained=True).state_dict()
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(
            f"the weights of timm's {variant} cannot be had from {address} ({type(error).__name__}); "
            'fetch that file where there is a network and name it: model.pretrained = "model.safetensors"'
        ) from error
    module.network.load_state_dict(weights)
    return f"all {len(weights)} arrays of {variant} loaded from timm's weights ({address})"


BUILD = Backbone(
    variants=(),
    build=lambda variant, /, *, compat: Timm(variant),  # noqa: ARG005 - no published system used timm
    accepts=lambda _: True,  # _create knows better what to say
    further="any model of timm that gives feature maps",
    fixed_side=_fixed_side,
    pretrained=_pretrained,
)
