"""Settings of networks: strict tables that recipes hold and that travel in checkpoints and cards."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of a recipe: frozen, and a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class ModelSettings(Section):
    """Which network carries the head.

    `backbone` is a file name of `models/backbones` and `variant` one of its sizes; `neck` is a file name of
    `models/necks`. `compat` asks for the layers of the published system where they differ from the
    standard ones (its file says how). `pretrained` is empty, "imagenet", or a file with weights; it matters
    where a training starts and nowhere else.
    """

    backbone: str
    variant: str
    neck: str = "pool"
    compat: bool = False
    pretrained: str = ""


class HeadSettings(Section):
    """Settings every head has; `name` is a file name of `models/heads`. Heads add their own in a subclass."""

    name: str
