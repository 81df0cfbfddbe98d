"""facing estimate: pictures in, the pose of every head out. In Python: `facing.PoseEstimator`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facing.cli._shared import data_stream, refuse_given, say, with_progress
from facing.errors import FacingError, ModelError
from facing.registry import load, names

if TYPE_CHECKING:
    from facing.output.sink import Writer

DEFAULT_STYLES = "axes,label"
DEFAULT_FOLDER = Path("facing-output")
DETECTION = frozenset({"detector", "detector_model", "detector_size", "threshold"})

Format = StrEnum("Format", {name: name for name in names("facing.output.writers")})  # type: ignore[misc]


def estimate(
    context: typer.Context,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Pictures, folders, patterns such as 'photos/*.jpg', or - for standard input.",
        ),
    ],
    format: Annotated[Format, typer.Option(help="How heads are printed.")] = Format("table"),  # noqa: A002
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help=f"Folder for drawn pictures. Alone it means --draw {DEFAULT_STYLES}."
        ),
    ] = None,
    draw: Annotated[
        str | None,
        typer.Option(
            metavar="STYLES",
            help=f"Draw on copies: axes, cube, arrow, label, box, comma between. Without --output they go to "
            f"{DEFAULT_FOLDER}.",
        ),
    ] = None,
    boxes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Head boxes to use: what --format jsonl or csv printed, or your own."
        ),
    ] = None,
    whole_image: Annotated[
        bool, typer.Option("--whole-image", help="Take each picture for one head crop; detect nothing.")
    ] = False,
    model: Annotated[
        str, typer.Option(metavar="NAME", help="Pose model: a name of 'facing models' or an .onnx file.")
    ] = "small",
    detector: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Finds the heads: a name of 'facing models', an .onnx file of ours, yunet or whole-image.",
        ),
    ] = "heads",
    detector_model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Weights of the detector; yunet needs its yunet_n_dynamic.onnx."),
    ] = None,
    detector_size: Annotated[
        int | None,
        typer.Option(
            metavar="PIXELS",
            min=32,
            max=8192,
            help="Look once, at this longer side; without it, closer where small heads show.",
        ),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(metavar="SCORE", min=0, max=1, help="Least score of a found head.")
    ] = None,
    max_error: Annotated[
        float | None,
        typer.Option(
            metavar="DEG", min=0, help="Leave out heads with a larger expected error; they are drawn grey."
        ),
    ] = None,
    tta: Annotated[
        bool,
        typer.Option(
            "--tta",
            help="Test-time augmentation: read every head in four boxes moved by 5 %. Steadier, and slower.",
        ),
    ] = False,
    threads: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Threads of one network call.")
    ] = None,
) -> None:
    """Print yaw, pitch and roll of every head in pictures.

    Degrees. Yaw > 0 faces the left edge of the picture, pitch > 0 up, roll > 0 leans clockwise; left and
    right in "facing" are as the viewer sees them. Exit code 3 says that an input failed; the others are done.
    """
    from facing.cli._pictures import STDIN, by_place, drawn_paths, look, read_styles, within
    from facing.output.drawing import draw as draw_heads
    from facing.output.record import PictureRecord
    from facing.output.sink import save_picture
    from facing.picture import find_pictures
    from facing.runtime.detector import load_detector, read_boxes
    from facing.runtime.estimator import PoseEstimator

    if boxes is not None and whole_image:
        raise typer.BadParameter("give --boxes or --whole-image, not both")
    detects = boxes is None and not whole_image
    if not detects:
        refuse_given(context, DETECTION, because="--boxes and --whole-image look for no heads")
    if detects and detector == "yunet" and detector_model is None:
        raise typer.BadParameter("the weights of yunet do not ship; give them with --detector-model FILE")
    styles = read_styles(draw if draw is not None else DEFAULT_STYLES if output is not None else "")
    given = None if boxes is None else by_place(read_boxes(boxes), file=boxes)
    finder = None if given is not None else load_detector("whole-image")
    if detects:
        finder = load_detector(
            detector,
            model_file=detector_model,
            threshold=threshold,
            long_side=detector_size,
            threads=threads,
        )
    estimator = PoseEstimator(model, finder, threads=threads, tta=tta)
    if max_error is not None and "spread" not in estimator.card.outputs:
        raise ModelError(f"model {estimator.card.name!r} states no error; leave --max-error out")
    if max_error is not None and estimator.card.calibration is None:
        say(f"facing: errors of {estimator.card.name!r} are its own estimate; facing calibrate measures them")

    found = find_pictures(inputs)
    targets = (
        drawn_paths([source.path for source in found], folder=output or DEFAULT_FOLDER) if styles else []
    )
    writer: Writer = load("facing.output.writers", format.value, attribute="WRITER", kind="format")  # type: ignore[assignment]
    failed = 0
    with writer(data_stream()) as add:
        for index in with_progress([str(source.path) for source in found]):
            name, error = str(found[index].path), found[index].error
            try:
                if error is not None and name != STDIN:
                    raise error
                record, picture = look(name, estimator=estimator, boxes=given)
            except FacingError as reason:
                failed += 1
                add(PictureRecord(file=name, error=str(reason)))
                continue
            add(within(record, max_error_deg=max_error))
            if not styles:
                continue
            try:
                drawn = draw_heads(picture, record.heads, styles=styles, max_error_deg=max_error)
                save_picture(drawn, targets[index])
            except FacingError as reason:
                failed += 1
                say(f"facing: {reason}")
    if failed:
        say(f"facing: {failed} of {len(found)} inputs failed")
        raise typer.Exit(3)
    if styles:
        say(f"facing: drawn pictures lie in {output or DEFAULT_FOLDER}")


COMMAND = estimate
