"""facing datasets make-orientation: front, side and back as a class-folder tree."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated

import typer

from facing.cli._shared import data_stream, say

if TYPE_CHECKING:
    from facing.datasets.orientation import OrientationTally

SHOWN = 10


def make_orientation(
    out: Annotated[Path, typer.Option("--out", help="Folder to write; what lies there already is kept.")],
    renders: Annotated[
        Path | None, typer.Option("--renders", help="Head shards of facing synth: all three classes.")
    ] = None,
    pointing04: Annotated[
        Path | None,
        typer.Option("--pointing04", help="Pointing'04: sides by the published filter, and fronts."),
    ] = None,
    backs: Annotated[
        Path | None, typer.Option("--backs", help="Your own pictures of heads from behind.")
    ] = None,
    fronts: Annotated[Path | None, typer.Option("--fronts", help="Your own pictures of faces.")] = None,
    count: Annotated[int, typer.Option("--count", min=10, help="Pictures per class.")] = 3000,
    seed: Annotated[int, typer.Option("--seed", help="Another seed gives other pictures.")] = 0,
    side: Annotated[int, typer.Option("--side", min=32, max=1024, help="Side of a picture, pixels.")] = 256,
    front_max: Annotated[
        float, typer.Option("--front-max", help="Front ends at this yaw to either side, degrees.")
    ] = 45.0,
    back_min: Annotated[
        float, typer.Option("--back-min", help="Back begins beyond this yaw, degrees.")
    ] = 135.0,
    margin: Annotated[
        float, typer.Option("--margin", help="Leave out heads within this of a border, degrees.")
    ] = 0.0,
    augment: Annotated[bool, typer.Option(help="Vary pictures as published, all classes alike.")] = True,
    detector: Annotated[
        str, typer.Option("--detector", help="Finds heads on your own pictures; whole-image for crops.")
    ] = "heads",
) -> None:
    """Make a training set of front, side and back: OUT/{train,val,test}/{front,side,back} and a manifest.

    Persons and source pictures are split before they are varied. Killed at any moment, the same command goes
    on where it stopped. Exit code 3 says that a picture could not be used; the others are written. Its Python
    twin is facing.datasets.orientation.make_orientation.
    """
    from facing.datasets.orientation import OrientationJob
    from facing.datasets.orientation import make_orientation as make
    from facing.datasets.orientation_classes import ClassRule

    if not any((renders, pointing04, backs, fronts)):
        raise typer.BadParameter("give a source: --renders, --pointing04, --fronts or --backs")
    job = OrientationJob(
        out=out,
        count=count,
        seed=seed,
        renders=renders,
        pointing04=pointing04,
        fronts=fronts,
        backs=backs,
        side=side,
        rule=ClassRule(front_max=front_max, back_min=back_min, margin=margin),
        augment=augment,
    )
    finder = None
    if (backs or fronts) and detector != "whole-image":
        from facing.runtime.detector import load_detector

        finder = load_detector(detector)
    tally = make(job, detector=finder)
    _report(tally, out=out)
    if tally.failed:
        raise typer.Exit(3)


def _report(tally: OrientationTally, *, out: Path) -> None:
    kept = f", {tally.kept} kept" if tally.kept else ""
    print(f"{out}: {tally.written} written{kept}", file=data_stream())
    for name, count in tally.classes.items():
        short = f", {tally.short[name]} short" if name in tally.short else ""
        print(f"{name:<12} {count:>6}{short}", file=data_stream())
    for reason, count in tally.left_out.most_common():
        say(f"facing: {count} left out ({reason})")
    for key, reason in tally.failed[:SHOWN]:
        say(f"facing: {key} failed: {reason}")
    if len(tally.failed) > SHOWN:
        say(f"facing: {len(tally.failed)} pictures failed in all")


COMMAND = make_orientation
