"""The crop that options of the published systems ask for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from facing.errors import UnknownNameError

if TYPE_CHECKING:
    from facing.crop import CropSpec


def asked_crop(name: str | None, *, margin: float | None, centre: str | None) -> CropSpec | None:
    """Make the crop that --crop, --margin and --center-crop ask for; None where none of them is given.

    Raises:
        UnknownNameError: no published crop has this name.
    """
    if name is None and margin is None and centre is None:
        return None
    from facing.crop import PUBLISHED, CropSpec, sequential_margins

    if name is not None and name not in PUBLISHED:
        raise UnknownNameError.among(name, kind="crop", known=PUBLISHED)
    spec = CropSpec(scale=1.0, square="stretch") if name is None else PUBLISHED[name]
    if margin is not None:
        spec = replace(spec, margins=sequential_margins(0.6 * margin, 2 * margin, 0.6 * margin, 0.6 * margin))
    if centre is not None:
        resized, _, cut = centre.partition(":")
        if not (resized.isdigit() and cut.isdigit() and 0 < int(cut) <= int(resized)):
            raise typer.BadParameter(f"--center-crop {centre} is not A:S with S up to A, such as 256:224")
        border = "black" if spec.border == "clip" else spec.border
        spec = replace(spec, square="shorter", scale=int(cut) / int(resized), border=border)
    return spec
