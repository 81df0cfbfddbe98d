"""Put a model card into an ONNX file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facing.atomic import new_file
from facing.errors import MissingExtraError, ModelError
from facing.runtime.card import METADATA_KEY

if TYPE_CHECKING:
    from pathlib import Path

    import onnx

    from facing.runtime.card import Card


def embed_card(path: Path, card: Card, out: Path) -> None:
    """Copy an ONNX file with a card inside; a card that was there is replaced.

    Args:
        path: the model.
        card: what to say about it.
        out: the file to write, whole or not at all; it may be `path`.

    Raises:
        ModelError: `path` cannot be read as ONNX, or `out` cannot be written.
        MissingExtraError: onnx is not installed.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtraError.of(need="writing a model card", extra="export") from error
    try:
        model = onnx.load_model(path)
    except (OSError, DecodeError) as error:
        raise ModelError(f"{path} cannot be read as ONNX ({error}); export it again") from error
    write_model(model, card, out)


def write_model(model: onnx.ModelProto, card: Card, out: Path) -> None:
    """Write a model with its card, whole or not at all.

    Raises:
        ModelError: it cannot be written there.
    """
    kept = [(entry.key, entry.value) for entry in model.metadata_props if entry.key != METADATA_KEY]
    del model.metadata_props[:]
    for key, value in [*kept, (METADATA_KEY, card.to_json())]:
        model.metadata_props.add(key=key, value=value)
    with new_file(out, keep_ending=False, kind=ModelError) as part:
        part.write_bytes(model.SerializeToString())
