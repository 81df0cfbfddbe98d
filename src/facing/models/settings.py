"""Settings of networks: strict tables that recipes hold and that travel in checkpoints and cards."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Section(BaseModel):
    """A table of a recipe: frozen, and a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class ModelSettings(Section):
    """Which network carries the head.

    `backbone` is a file name of `models/backbones` and `variant` one of its sizes, a name or a number; both
    may be one word: `backbone = "timm:resnet18"`. `neck` is a file name of `models/necks`. `compat` asks for
    the layers of the published system where they differ from the standard ones (its file says how).
    `pretrained` is empty, "imagenet", or a file with weights; it matters where a training starts and nowhere
    else.
    """

    backbone: str
    variant: str
    neck: str = "pool"
    compat: bool = False
    pretrained: str = ""

    @model_validator(mode="before")
    @classmethod
    def _one_name(cls, settings: Any) -> Any:
        if not isinstance(settings, dict):
            return settings
        if type(settings.get("variant")) in {int, float}:  # --set model.variant=0.5 is a number to TOML
            settings = {**settings, "variant": str(settings["variant"])}
        if ":" not in str(settings.get("backbone")):
            return settings
        backbone, _, variant = str(settings["backbone"]).partition(":")
        if settings.get("variant", variant) != variant:
            raise ValueError(
                f"backbone names the variant {variant!r} and variant says {settings['variant']!r}; name it "
                f"once, such as with --set 'model={{ backbone = \"{backbone}:{variant}\" }}'"
            )
        return {**settings, "backbone": backbone, "variant": variant}


class HeadSettings(Section):
    """Settings every head has; `name` is a file name of `models/heads`. Heads add their own in a subclass."""

    name: str
