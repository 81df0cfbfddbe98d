"""What `facing export` reads besides the checkpoint, what it says, and its 8-bit files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from facing.cli._shared import say
from facing.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from facing.crop import CropSpec


def agreement(difference: dict[str, float]) -> str:
    """Say how far file and network differ: {"crops": 8, "front_deg": 0.0007} and the like."""
    parts = [
        f"{name.removesuffix('_deg')} within {value:g}{' degrees' if name.endswith('_deg') else ''}"
        for name, value in difference.items()
        if name != "crops"
    ]
    return f"file and network agree on {difference['crops']:g} crops: {', '.join(parts)}"


def read_figures(path: Path) -> Any:
    """Read figures for a card; where their pictures lay on this machine is nobody's business."""

    def public(found: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in found.items() if name != "folder"}

    try:
        return json.loads(path.read_text(encoding="utf-8"), object_hook=public)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} holds no figures ({error}); write it with facing evaluate --json") from error


def whole_crops(paths: list[Path], *, spec: CropSpec) -> NDArray[np.uint8]:
    """Take each whole picture as a head: equality needs real pixels, not good boxes."""
    import numpy as np

    from facing.crop import crop_heads
    from facing.picture import load_picture

    crops = []
    for path in paths:
        picture = load_picture(path)
        height, width = picture.shape[:2]
        crops.append(crop_heads(picture, [(0, 0, width, height)], spec).pixels)
    return np.concatenate(crops)


def write_int8(
    path: Path,
    out: Path,
    *,
    pictures: str,
    name: str | None = None,
    measured: Mapping[str, Any] | None = None,
    notes: str = "",
) -> None:
    """Quantise a model file and say what it cost.

    Args:
        path: the float model.
        out: the file to write.
        pictures: READER:DIR.
        name: of the weights; the file's own where None.
        measured: figures of the 8-bit file.
        notes: free words for the card.
    """
    from facing.datasets.sample import load_reader
    from facing.export.int8 import calibration_inputs, open_model, quantise

    reader, colon, folder = pictures.partition(":")
    if not (reader and colon and folder):
        raise typer.BadParameter(f"--int8 {pictures} is not READER:DIR, such as shards:renders/val")
    inputs = calibration_inputs(load_reader(reader), Path(folder), card=open_model(path).card)
    card = quantise(path, out, inputs=inputs, source=reader, name=name, measured=measured, notes=notes)
    figures = card.measured["int8"]
    say(f"{card.name}: {figures['mb']:.2f} MB instead of {figures['float_mb']:.2f} MB")
    say(f"int8 and float on {figures['pictures']} pictures of {reader}: {_difference(figures)}")


def _difference(figures: dict[str, float]) -> str:
    if "turn_mean_deg" in figures:
        return f"{figures['turn_mean_deg']:.2f} degrees apart, {figures['turn_max_deg']:.2f} at most"
    if "same_class" in figures:
        return f"the same class for {figures['same_class']:.1%}"
    return (
        f"{figures['found_again']:.1%} of the heads found again, boxes overlap by {figures['overlap']:.2f}, "
        f"{figures['boxes_int8']:.2f} boxes a picture instead of {figures['boxes_float']:.2f}"
    )
