"""facing calibrate: teach a model file how many degrees its spread means."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from facing.cli._shared import data_stream, say

if TYPE_CHECKING:
    from facing.export.calibrate import Calibrated


def calibrate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Pose network: a name or an .onnx file.")],
    data: Annotated[
        list[str],
        typer.Option(
            "--data",
            help="READER:DIR of labelled pictures it was not trained on; may be given several times.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The ONNX file to write; it may be MODEL.")],
    share: Annotated[
        float, typer.Option("--share", min=0, max=1, help="Share of the fit that undisturbed heads have.")
    ] = 0.5,
    draws: Annotated[int, typer.Option("--draws", min=0, help="Disturbed readings of every head.")] = 4,
    seed: Annotated[int, typer.Option("--seed", help="Another seed draws other disturbances.")] = 0,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Look at this many pictures of each set only.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the calibrated weights; the card's if not given.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Threads of one network call.")
    ] = None,
) -> None:
    """Fit what error the spread of a network means and write a copy whose card says so.

    Every labelled head is read as it is and under drawn disturbances: turned, covered, dark, grey, blurred,
    small, noisy, compressed, with an inexact box. Rotations stay as they are; error_deg and --max-error
    follow the table. Exit code 3 says that a picture could not be used; the file is written without it.

    Its Python twin is facing.export.calibrate.calibrate.
    """
    from facing.cli._evaluate.sets import labelled_sets
    from facing.export.calibrate import Fit
    from facing.export.calibrate import calibrate as run

    sets = [(one.reader, one.folder) for one in labelled_sets(data)]
    fit = Fit(share=share, draws=draws, seed=seed, limit=limit)
    done = run(model, sets, out, fit=fit, name=name, threads=threads)
    _tell(done)
    print(out, file=data_stream())
    if done.failures:
        raise typer.Exit(3)


def _tell(done: Calibrated) -> None:
    for row in done.figures["sets"]:
        say(f"{row['heads']} heads of {row['name']}")
    for kind in ("undisturbed", "disturbed"):
        before, after = (done.figures["ece_deg"][when][kind] for when in ("before", "after"))
        if before is not None and after is not None:
            say(f"expected calibration error, {kind}: {before:.2f} -> {after:.2f} degrees on held-out halves")
    if done.failures:
        key, why = done.failures[0]
        say(f"{len(done.failures)} heads could not be read; {key}: {why}")


COMMAND = calibrate
