"""facing export: a trained network -> an ONNX file with its card."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facing.cli._shared import say
from facing.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from facing.crop import CropSpec


def export(
    checkpoint: Annotated[Path, typer.Argument(help="A run folder of facing train, or one of its files.")],
    out: Annotated[Path, typer.Option("--out", help="The ONNX file to write.")],
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the weights; the recipe's if not given.")
    ] = None,
    check: Annotated[
        list[Path] | None,
        typer.Option("--check", help="A picture of a head on which file and network must agree."),
    ] = None,
    measured: Annotated[
        list[Path] | None,
        typer.Option("--measured", help="Figures of facing evaluate --json that go onto the card."),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--trained-on", help="NAME=LICENCE of what it was trained on, for the card."),
    ] = None,
    notes: Annotated[str, typer.Option("--notes", help="Free words for the card.")] = "",
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Decode in another way than trained, such as head.top_k=5."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", help="Least score of a head; the one of the validation if not given."),
    ] = None,
    near_threshold: Annotated[
        float | None,
        typer.Option(
            "--near-threshold", help="The same for the second look, which finds heads that fill the picture."
        ),
    ] = None,
    rise: Annotated[
        float, typer.Option("--rise", help="Move a detector's boxes up by this share of their longer side.")
    ] = 0.0,
    long_side: Annotated[
        int, typer.Option("--long-side", help="A detector's pictures are scaled to this longer side, pixels.")
    ] = 320,
    mirror: Annotated[
        bool,
        typer.Option("--mirror", help="A pose network also reads the mirror image: better, twice the time."),
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Keep all weights of a pose network in float32: twice the file.")
    ] = False,
) -> None:
    """Write a trained network as one ONNX file that carries its card.

    Its Python twins are facing.export.onnx.export_pose and facing.export.detection.export_detector.
    """
    try:
        from facing.export.detection import DetectorRelease, export_detector
        from facing.export.onnx import export_pose, pose_card
        from facing.training.checkpoint import load_checkpoint
    except ImportError as error:
        raise MissingExtraError.of(need="exporting a network", extra="export") from error

    rows = [{"name": text.partition("=")[0], "licence": text.partition("=")[2]} for text in data or ()]
    if not all(row["licence"] for row in rows):
        raise typer.BadParameter("--trained-on is NAME=LICENCE, such as renders=CC0-1.0")
    figures = {path.stem: _figures(path) for path in measured or ()}
    found = load_checkpoint(checkpoint)
    if found.recipe["task"] == "detection":
        if changes:
            raise typer.BadParameter(
                "--set changes how the head of a pose network decodes; this is a detector"
            )
        release = DetectorRelease(
            name=name or str(found.recipe["name"]),
            score_threshold=found.figures.get("threshold", 0.5) if threshold is None else threshold,
            long_side=long_side,
            near_score_threshold=near_threshold,
            rise=rise,
            data=tuple(rows or found.data),
            measured={"validation": found.figures, "steps": found.step, **figures},
            notes=notes,
        )
        card = export_detector(checkpoint, out, release=release)
        assert card.detection is not None
        say(f"score threshold {card.detection.score_threshold:.3f}")
    else:
        told: dict[str, Any] = {"data": rows, "measured": figures, "notes": notes}
        card = pose_card(checkpoint, name=name, changes=changes or (), **told)
        assert card.crop is not None
        crops = _crops(check, spec=card.crop) if check else None
        card = export_pose(checkpoint, out, card=card, pictures=crops, half=not full, mirror=mirror)
        say(_agreement(card.measured["export"]))
    print(out)


def _agreement(difference: dict[str, float]) -> str:
    """Say how far file and network differ: {"crops": 8, "front_deg": 0.0007} and the like."""
    parts = [
        f"{name.removesuffix('_deg')} within {value:g}{' degrees' if name.endswith('_deg') else ''}"
        for name, value in difference.items()
        if name != "crops"
    ]
    return f"file and network agree on {difference['crops']:g} crops: {', '.join(parts)}"


def _figures(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} holds no figures ({error}); write it with facing evaluate --json") from error


def _crops(paths: list[Path], *, spec: CropSpec) -> NDArray[np.uint8]:
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


COMMAND = export
