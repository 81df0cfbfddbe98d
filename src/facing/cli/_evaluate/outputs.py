"""What `facing evaluate` prints and writes about measured sets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from facing.cli._shared import say
from facing.output.sink import text_sink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facing.cli._evaluate.sets import LabelledSet
    from facing.evaluation.run import Measured
    from facing.runtime.card import Card

SCHEMA = 1
WORST = Path("worst.png")
SHEETS = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which outputs were asked for."""

    overlays: Path | None = None
    styles: tuple[str, ...] = ("axes",)
    plots: Path | None = None
    worst: int | None = None
    out: Path | None = None
    html: Path | None = None


def check_outputs(asked: Asked) -> None:
    """Refuse before anything is measured what could not be written after it.

    Raises:
        BadParameter: the ending of --out names no picture that --worst can write.
        MissingExtraError: plots are asked for and matplotlib is not installed.
    """
    if asked.worst is not None and asked.out is not None and asked.out.suffix.lower() not in SHEETS:
        raise typer.BadParameter(f"--out {asked.out} is neither .png nor .jpg")
    if asked.plots is not None or asked.html is not None:
        from facing.evaluation.plots import check_plots

        check_plots()


def write_outputs(done: Sequence[tuple[LabelledSet, Measured]], *, asked: Asked) -> None:
    """Write overlays, plots and sheets of all sets; with several sets each gets its own place."""
    for one, measured in done:
        _draw(one, measured, asked=asked, single=len(done) == 1)


def write_figures(
    done: Sequence[tuple[LabelledSet, Measured]],
    *,
    about: dict[str, Any],
    json_file: Path | None,
    errors: Path | None,
) -> None:
    """Write --json, one flat object per set, and --errors, one row per head, where they are asked for."""
    figures = [{**own.figures, **_which(one), **about} for one, own in done]
    if json_file is not None:
        write_json(json_file, figures[0] if len(figures) == 1 else {"schema": SCHEMA, "sets": figures})
    if errors is not None:
        rows = [{"set": one.name, **row} for one, own in done for row in own.heads]
        write_json(errors, {"schema": SCHEMA, "sets": [_which(one) for one, _ in done], "heads": rows})


def write_report(
    done: Sequence[tuple[LabelledSet, Measured]],
    *,
    asked: Asked,
    command: str,
    card: Card | None,
    predictions: Path | None,
    notes: Sequence[str],
) -> None:
    """Write the HTML report, where one is asked for."""
    if asked.html is None:
        return
    from facing.bench.machine import facts
    from facing.evaluation.report import WORST as MANY
    from facing.evaluation.report import About, Part, html_report

    parts = [
        Part(name=one.name, figures=own.figures, run=own.run, protocol=one.protocol) for one, own in done
    ]
    about = About(
        command=command,
        version=f"{version('facing')}, commit {facts(threads=1)['commit']}",
        card=card,
        predictions=None if predictions is None else predictions.name,
        notes=tuple(notes),
    )
    with text_sink(asked.html) as stream:
        stream.write(html_report(parts, about, worst=asked.worst or MANY))
    say(f"report in {asked.html}")


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON whole or not at all.

    Raises:
        DataError: the file cannot be written.
    """
    with text_sink(path) as stream:
        stream.write(json.dumps(content, indent=1, allow_nan=False) + "\n")


def _draw(one: LabelledSet, measured: Measured, *, asked: Asked, single: bool) -> None:
    if asked.overlays is not None:
        from facing.evaluation.drawn import write_overlays

        folder = asked.overlays if single else asked.overlays / one.name
        count = write_overlays(measured.run, folder, styles=asked.styles)
        say(f"{count} pictures drawn in {folder}")
    if asked.plots is not None:
        _plots(one, measured, folder=asked.plots)
    if asked.worst is not None:
        from facing.evaluation.drawn import worst_sheet
        from facing.output.sink import save_picture

        path = asked.out or WORST
        path = path if single else path.with_stem(f"{path.stem}-{one.name}")
        save_picture(worst_sheet(measured.run, count=asked.worst), path)
        say(f"worst heads in {path}")


def _which(one: LabelledSet) -> dict[str, str]:
    typed = {} if one.protocol_name is None else {"protocol": one.protocol_name}
    return {"name": one.name, "folder": one.folder.as_posix(), **typed}


def _plots(one: LabelledSet, measured: Measured, *, folder: Path) -> None:
    from facing.evaluation.errors import pose_errors
    from facing.evaluation.plots import FORMATS, error_figure, histogram_figure, save_figure
    from facing.evaluation.reliability_plots import reliability_figure, risk_figure

    errors = pose_errors(measured.run.outcomes)
    figures = [("errors", error_figure), ("histogram", histogram_figure)]
    if errors.stated is not None and "geodesic_mean" in errors.by_name:
        figures += [("reliability", reliability_figure), ("risk", risk_figure)]
    for name, draw in figures:
        figure = draw(errors, title=one.name)
        for ending in FORMATS:
            save_figure(figure, folder / f"{one.name}-{name}{ending}")
    say(f"plots in {folder}")
