"""facing demo: the default model on a picture that comes with the package."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facing.cli._shared import data_stream, say
from facing.errors import ModelError
from facing.registry import load

if TYPE_CHECKING:
    from facing.output.sink import Writer


def demo(
    output: Annotated[
        Path, typer.Option(metavar="FILE", help="Where the drawn picture goes: .jpg, .png or .webp.")
    ] = Path("facing-demo.jpg"),
) -> None:
    """Try the default model on a picture that comes with the package.

    Prints the heads and writes the picture with axes and labels drawn on it. The people in it are rendered.
    """
    from facing.cli._pictures import SAVED, look
    from facing.output.drawing import draw
    from facing.output.sink import save_picture
    from facing.runtime.estimator import PoseEstimator
    from facing.runtime.weights import FOLDER

    if output.suffix.lower() not in SAVED:
        raise typer.BadParameter(f"{output} ends in none of {', '.join(sorted(SAVED))}")
    picture_file = FOLDER / "demo.jpg"
    if not picture_file.is_file():
        raise ModelError(f"the demo picture {picture_file} is missing; install facing again")
    record, picture = look(str(picture_file), estimator=PoseEstimator())
    save_picture(draw(picture, record.heads, styles=("axes", "label")), output)
    writer: Writer = load("facing.output.writers", "table", attribute="WRITER", kind="format")  # type: ignore[assignment]
    with writer(data_stream()) as add:
        add(record)
    say(
        f"\nWrote {output}: red points to the subject's left, green up, blue out of the face.\n"
        "Next, your own pictures:\n"
        "  facing estimate photo.jpg --output drawn\n"
        "  facing estimate photos/ --format jsonl > heads.jsonl"
    )


COMMAND = demo
