"""What the commands say about model cards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facing.runtime.card import Card


def card_of(path: Path) -> Card:
    """Read the card of a model file.

    Raises:
        ModelError: it carries none.
    """
    from facing.errors import ModelError
    from facing.runtime.card import METADATA_KEY, REMEDY, Card
    from facing.runtime.session import open_onnx

    text = open_onnx(path, threads=1).get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        raise ModelError(f"{path} carries no facing card; {REMEDY}")
    return Card.from_json(text, source=str(path))


def card_summary(card: Card) -> str:
    """Say in a line what a model is."""
    parts = [card.name, f"gives {', '.join(card.outputs)}"]
    if "spread" in card.outputs and card.calibration is None:
        parts.append("its errors are not calibrated")
    if card.crop is not None:
        parts.append(f"reads crops of {card.crop.side} px")
    if card.detection is not None:
        parts.append(f"reads pictures at {card.detection.long_side} px")
    if card.created:
        parts.append(card.created)
    return "; ".join(parts)


def nested_lines(values: dict[str, Any], *, indent: int = 0) -> Iterator[str]:
    """Say nested values as indented text; what is empty is left out."""
    for name, value in values.items():
        start = f"{' ' * indent}{name.replace('_', ' ')}: "
        if value in (None, "", (), [], {}):
            continue
        if isinstance(value, dict):
            yield start.rstrip()
            yield from nested_lines(value, indent=indent + 2)
        elif isinstance(value, list | tuple) and all(isinstance(row, dict) for row in value):
            yield start.rstrip()
            for row in value:
                yield f"{' ' * (indent + 2)}{', '.join(f'{entry}' for entry in row.values())}"
        elif isinstance(value, list | tuple):
            yield start + ", ".join(map(str, value))
        else:
            yield f"{start}{value}"
