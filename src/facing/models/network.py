"""The network that is trained and exported: uint8 pictures in, decoded outputs out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from facing.errors import RecipeError
from facing.models.contracts import (
    Normalisation,
    build_backbone,
    load_backbone,
    load_head,
    load_neck,
)

if TYPE_CHECKING:
    from facing.models.settings import HeadSettings, ModelSettings


class PoseNetwork(nn.Module):
    """Normalise, backbone, neck, head."""

    mean: Tensor
    scale: Tensor

    def __init__(self, model: ModelSettings, head: HeadSettings) -> None:
        """Build it, weights random.

        Args:
            model: backbone and neck.
            head: settings of the head that they carry.

        Raises:
            UnknownNameError: backbone, variant, neck or head does not exist.
            RecipeError: the neck needs other maps than the backbone gives.
        """
        super().__init__()
        self.model = model
        self.backbone = build_backbone(model.backbone, variant=model.variant, compat=model.compat)
        channels, strides = self.backbone.channels, self.backbone.strides
        assert isinstance(channels, tuple)
        assert isinstance(strides, tuple)
        self.neck = load_neck(model.neck).build(channels, strides)
        features = self.neck.features
        assert isinstance(features, int)
        self.head = load_head(head.name).build(features, head)
        normalisation: Any = self.backbone.normalisation
        assert isinstance(normalisation, Normalisation)
        # Constants of the backbone, not weights: no checkpoint holds them.
        self.register_buffer("mean", torch.tensor(normalisation.mean)[:, None, None], persistent=False)
        self.register_buffer("scale", 1 / torch.tensor(normalisation.std)[:, None, None], persistent=False)

    def forward(self, picture: Tensor) -> dict[str, Tensor]:
        """Read heads.

        Args:
            picture: uint8 RGB crops, (N, S, S, 3).

        Returns:
            The outputs of the head, float32; in eval mode they are the graph contract's names.
        """
        return self.read(self.maps(picture))

    def maps(self, picture: Tensor) -> tuple[Tensor, ...]:
        """Turn crops, as `forward` reads them, into the maps of the backbone."""
        x = (picture.permute(0, 3, 1, 2).float() - self.mean) * self.scale
        maps: tuple[Tensor, ...] = self.backbone(x)
        return maps

    def features(self, picture: Tensor) -> Tensor:
        """Turn crops, as `forward` reads them, into what the head reads, (N, C)."""
        features: Tensor = self.neck(self.maps(picture))
        return features

    def read(self, maps: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """Turn maps into what `forward` gives."""
        features: Tensor = self.neck(maps)
        if torch.compiler.is_compiling():
            return self.head(features)  # type: ignore[no-any-return]
        # Eight bits of bfloat16 are half a degree: the head stays float32 whatever the precision.
        with torch.autocast(features.device.type, enabled=False):
            return self.head(features.float())  # type: ignore[no-any-return]

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Part the weights into stem, backbone (the neck too) and head; each weight is in one of them."""
        stem = self.backbone.stem
        assert isinstance(stem, nn.Module)
        first = {id(weight) for weight in stem.parameters()}
        body = [*self.backbone.parameters(), *self.neck.parameters()]
        return {
            "stem": list(stem.parameters()),
            "backbone": [weight for weight in body if id(weight) not in first],
            "head": list(self.head.parameters()),
        }

    def load_pretrained(self) -> str:
        """Load the backbone's ImageNet weights as the settings say.

        Returns:
            A sentence on what was loaded.

        Raises:
            RecipeError: there are none for this backbone.
            ModelError: the weights cannot be had, or the file does not fit.
        """
        load = load_backbone(self.model.backbone).pretrained
        if load is None:
            raise RecipeError(
                f"model.pretrained = {self.model.pretrained!r}: {self.model.backbone} has no "
                "ImageNet weights; leave it empty, or start from a run with --init"
            )
        return load(self.backbone, self.model.variant, self.model.pretrained)
