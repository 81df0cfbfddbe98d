"""facing export: a trained network -> an ONNX file with its card, or the same in 8 bits."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from facing.cli._export import agreement, read_figures, whole_crops, write_int8
from facing.cli._shared import data_stream, refuse_given, say
from facing.errors import MissingExtraError

DETECTOR = frozenset(
    {"threshold", "near_threshold", "close_long_side", "close_threshold", "rise", "long_side"}
)
POSE = frozenset({"check", "changes", "mirror", "windows", "full"})
"""Options that count for one kind of network alone, as parameters of `export`."""


def export(
    context: typer.Context,
    checkpoint: Annotated[
        Path,
        typer.Argument(help="A run folder of facing train, one of its files, or an .onnx file for --int8."),
    ],
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
    close_long_side: Annotated[
        int,
        typer.Option(
            "--close-long-side",
            help="Longer side of a further look at pictures in which small heads show, pixels; 0 for none.",
        ),
    ] = 0,
    close_threshold: Annotated[
        float | None, typer.Option("--close-threshold", help="The same for that further look.")
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
    windows: Annotated[
        int,
        typer.Option(
            "--windows",
            metavar="2|3",
            help="A pose network reads as many windows of every crop: steadier, as many times the time.",
        ),
    ] = 0,
    full: Annotated[
        bool, typer.Option("--full", help="Keep all weights of a pose network in float32: twice the file.")
    ] = False,
    int8: Annotated[
        str | None,
        typer.Option(
            "--int8",
            metavar="READER:DIR",
            help="Convolutions in 8 bits, ranges from these labelled pictures.",
        ),
    ] = None,
) -> None:
    """Write a trained network as one ONNX file that carries its card.

    Its Python twins are facing.export.onnx.export_pose, facing.export.detection.export_detector and
    facing.export.int8.quantise.
    """
    figures = {path.stem: read_figures(path) for path in measured or ()}
    if checkpoint.suffix == ".onnx":
        if int8 is None:
            raise typer.BadParameter(f"{checkpoint} is exported already; --int8 READER:DIR makes it smaller")
        refuse_given(
            context,
            {*DETECTOR, *POSE, "data"},
            because=f"{checkpoint} is exported already and keeps its card",
        )
        write_int8(checkpoint, out, pictures=int8, name=name, measured=figures, notes=notes)
        print(out, file=data_stream())
        return
    try:
        from facing.export.detection import DetectorRelease, export_detector
        from facing.export.onnx import export_pose, pose_card
        from facing.models.windows import windowed_crop
        from facing.training.checkpoint import load_checkpoint
    except ImportError as error:
        raise MissingExtraError.of(need="exporting a network", extra="export") from error

    rows = [{"name": text.partition("=")[0], "licence": text.partition("=")[2]} for text in data or ()]
    if not all(row["licence"] for row in rows):
        raise typer.BadParameter("--trained-on is NAME=LICENCE, such as renders=CC0-1.0")
    found = load_checkpoint(checkpoint)
    own = figures if int8 is None else {}  # with --int8 they are of the smaller file
    with tempfile.TemporaryDirectory() as folder:
        target = out if int8 is None else Path(folder) / "float.onnx"
        if found.recipe["task"] == "detection":
            refuse_given(context, POSE, because=f"{checkpoint} is a detector")
            release = DetectorRelease(
                name=name or str(found.recipe["name"]),
                score_threshold=found.figures.get("threshold", 0.5) if threshold is None else threshold,
                long_side=long_side,
                near_score_threshold=near_threshold,
                close_long_side=close_long_side,
                close_score_threshold=close_threshold,
                rise=rise,
                data=tuple(rows or found.data),
                measured={"validation": found.figures, "steps": found.step, **own},
                notes=notes,
            )
            card = export_detector(checkpoint, target, release=release)
            assert card.detection is not None
            say(f"score threshold {card.detection.score_threshold:.3f}")
        else:
            refuse_given(context, DETECTOR, because=f"{checkpoint} is no detector")
            told: dict[str, Any] = {"data": rows, "measured": own, "notes": notes}
            if mirror and windows:
                raise typer.BadParameter(
                    "--mirror and --windows both average several readings; leave one out"
                )
            card = pose_card(checkpoint, name=name, changes=changes or (), **told)
            assert card.crop is not None
            spec = windowed_crop(card.crop) if windows else card.crop
            crops = whole_crops(check, spec=spec) if check else None
            card = export_pose(
                checkpoint,
                target,
                card=card,
                pictures=crops,
                half=not full,
                mirror=mirror,
                windows=windows,
            )
            say(agreement(card.measured["export"]))
            if "spread" in card.outputs:
                say("errors are the network's own estimate until facing calibrate has measured them")
        if int8 is not None:
            write_int8(target, out, pictures=int8, measured=figures)
    print(out, file=data_stream())


COMMAND = export
