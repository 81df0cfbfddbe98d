"""One HTML file that tells a whole evaluation, without network access: pictures lie in it as data."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from PIL import Image

from facing.evaluation.classes import MISSED
from facing.evaluation.drawn import worst_sheet
from facing.evaluation.errors import pose_errors
from facing.evaluation.plots import error_figure, figure_bytes, histogram_figure
from facing.evaluation.reliability_plots import reliability_figure, risk_figure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from facing.evaluation.outcomes import Run
    from facing.evaluation.protocol import Protocol
    from facing.runtime.card import Card

WORST = 24
HEADLINES = (
    ("geodesic_mean", "geodesic error, mean"),
    ("geodesic_median", "geodesic error, median"),
    ("mae", "mean absolute error of yaw, pitch, roll"),
    ("yaw", "yaw"),
    ("pitch", "pitch"),
    ("roll", "roll"),
    ("maev", "MAEV, mean angle of the three axes"),
    ("front_angle", "facing direction"),
    ("frobenius", "Frobenius norm"),
)
HOW_TO_READ = """<h2>How to read this</h2>
<p>Degrees. Means are over found heads, shares over all labelled heads: a missed head is a failure.
Differences of angles are wrapped by 360 and by nothing else. Yaw &gt; 0 towards the left edge of the
picture, pitch &gt; 0 up, roll &gt; 0 clockwise (300W-LP). Left and right as the viewer sees them.</p>"""
STYLE = """
:root { color-scheme: light; --ink: #212529; --dim: #5c636a; --line: #dee2e6; --ground: #f8f9fa; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 68rem; margin: 2rem auto;
  padding: 0 1.2rem; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem;
  border-top: 1px solid var(--line); padding-top: 1rem; } h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p { margin: .3rem 0; } .dim { color: var(--dim); } code { background: var(--ground); padding: .1rem .3rem;
  overflow-wrap: anywhere; }
table { border-collapse: collapse; margin: .4rem 0 1rem; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid var(--line); text-align: right; }
th { font-weight: 600; background: var(--ground); } th:first-child, td:first-child { text-align: left; }
td.words { text-align: left; } td.hit { background: #d3f9d8; } img { max-width: 100%; height: auto; }
.wide { overflow-x: auto; } .warn { background: #fff3bf; padding: .4rem .8rem; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One set of a report."""

    name: str
    figures: Mapping[str, Any]
    """Of `summarise`."""
    run: Run
    protocol: Protocol | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Where a report comes from."""

    command: str
    version: str
    """Of facing, with its commit where it is known."""
    card: Card | None = None
    """Of the model; None for predictions from a file."""
    predictions: str | None = None
    """Name of that file."""
    notes: tuple[str, ...] = ()
    """Sentences that must be read, such as how a checkpoint was chosen."""


def html_report(parts: Sequence[Part], about: About, *, worst: int = WORST) -> str:
    """Write a report.

    Args:
        parts: the sets, in order.
        about: model or predictions, command and version.
        worst: heads on the sheet of each set; 0 for none.

    Returns:
        HTML that names no other file and no address.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    title = f"Head pose evaluation: {about.predictions or (about.card.name if about.card else 'estimates')}"
    notes = "".join(f'<p class="warn">{escape(note)}</p>' for note in about.notes)
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="dim">facing {escape(about.version)}</p>',
        f"<p><code>{escape(about.command)}</code></p>",
        notes,
        _overview(parts),
        _card(about.card) if about.card is not None else "",
        *(_part(part, worst=worst) for part in parts),
        HOW_TO_READ,
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _overview(parts: Sequence[Part]) -> str:
    header = ("set", "heads", "found", "geodesic", "MAE", "direction", "within 10", "class right")
    rows = []
    for part in parts:
        figures = part.figures
        classes = figures["classes"]
        rows.append(
            (
                part.name,
                str(figures["count"]),
                str(figures["found"]),
                *(_deg(figures[name]) for name in ("geodesic_mean", "mae", "front_angle")),
                _share(figures["accuracy"]["10"]),
                _share(classes["accuracy"] if classes else None),
            )
        )
    return "<h2>Results</h2>" + _table(header, rows)


def _card(card: Card) -> str:
    crop = card.crop
    rows = [
        ("name", card.name),
        ("licence", card.licence),
        ("outputs", ", ".join(card.outputs)),
        (
            "crop",
            "-" if crop is None else f"side {crop.side}, scale {crop.scale:g}, {crop.square}, {crop.border}",
        ),
        ("convention", card.convention),
        ("trained on", "; ".join(f"{row['name']} ({row['licence']})" for row in card.data) or "-"),
        ("recipe", card.recipe_hash or "-"),
        ("seed", "-" if card.seed is None else str(card.seed)),
        ("commit", card.commit or "-"),
        ("created", card.created or "-"),
        ("notes", card.notes or "-"),
    ]
    cells = "".join(f'<tr><th>{name}</th><td class="words">{escape(text)}</td></tr>' for name, text in rows)
    return f"<h2>Model card</h2><table>{cells}</table>"


def _part(part: Part, *, worst: int) -> str:
    figures, errors = part.figures, pose_errors(part.run.outcomes)
    pieces = [f"<h2>{escape(part.name)}</h2>", _facts(part)]
    pieces += [_headlines(figures), _accuracy(figures)]
    if figures["calibration"] is not None:
        pieces.append(_stated(figures["calibration"]))
    for title, rows in (
        ("By |yaw|", figures["by_yaw"]),
        *((f"By {angle}", rows) for angle, rows in figures.get("by_range", {}).items()),
    ):
        pieces.append(_ranges(title, rows))
    if figures["classes"]:
        pieces.append(_classes(figures["classes"]))
    if errors.rule:
        draw = [histogram_figure, error_figure]
        if figures["calibration"] is not None:
            draw += [reliability_figure, risk_figure]
        for figure in (one(errors, title=part.name) for one in draw):
            pieces.append(f'<p><img alt="plot" src="{_data(figure_bytes(figure, ".svg"), "svg+xml")}"></p>')
    if figures.get("compat"):
        rows = [(name, _deg(value)) for name, value in figures["compat"].items()]
        pieces.append(
            "<h3>As published scripts compute it, faults included</h3>" + _table(("figure", ""), rows)
        )
    if "hard" in figures:
        keys = ", ".join(map(escape, figures["hard"]["keys"])) or "none"
        pieces.append(f"<h3>Over {figures['hard']['over']:g} degrees</h3><p>{keys}</p>")
    if worst:
        sheet = _png(worst_sheet(part.run, count=worst))
        pieces.append(f'<h3>Worst heads</h3><p><img alt="worst heads" src="{sheet}"></p>')
    return "\n".join(pieces)


def _facts(part: Part) -> str:
    figures, protocol = part.figures, part.protocol
    dataset = figures["dataset"] or {}
    left_out = "; ".join(f"{count} {reason}" for reason, count in figures["skipped"].items()) or "none"
    rows = [
        ("set", dataset.get("title", "-")),
        ("licence", dataset.get("licence", "-")),
        ("heads", f"{figures['found']} of {figures['count']} found; boxes from the {figures['boxes']}"),
        ("left out", left_out),
    ]
    if protocol is not None:
        crop = "the model's own" if protocol.crop is None else str(protocol.crop.to_dict())
        count = (
            "-" if protocol.expected_count is None else f"{protocol.expected_count} in the whole public set"
        )
        rows += [
            ("protocol", protocol.title),
            ("filter", protocol.filter),
            ("box", protocol.box_rule),
            ("crop", crop),
            ("labels", protocol.convention),
            ("count", count),
            ("source", protocol.source),
        ]
    else:
        rows += [("box", dataset.get("box_rule", "-")), ("labels", dataset.get("convention", "-"))]
    cells = "".join(f'<tr><th>{name}</th><td class="words">{escape(text)}</td></tr>' for name, text in rows)
    return f"<table>{cells}</table>"


def _headlines(figures: Mapping[str, Any]) -> str:
    rows = []
    for name, words in HEADLINES:
        if figures[name] is not None:
            ends = figures["interval95"].get(name)
            rows.append(
                (words, _deg(figures[name]), "" if ends is None else f"{ends[0]:.2f} to {ends[1]:.2f}")
            )
    return "<h3>Errors</h3>" + _table(("error", "mean", "95 % interval"), rows) if rows else ""


def _stated(calibration: Mapping[str, Any]) -> str:
    rows = [
        (words, _deg(calibration[name]))
        for name, words in (
            ("stated_mean", "stated, mean"),
            ("real_mean", "real, mean"),
            ("ece_deg", "expected calibration error"),
        )
    ]
    return "<h3>Errors that the model stated</h3>" + _table(("", "degrees"), rows)


def _accuracy(figures: Mapping[str, Any]) -> str:
    rows = [
        (words, *(_share(share) for share in figures[name].values()))
        for name, words in (
            ("accuracy", f"by {figures['accuracy_by']}"),
            ("front_accuracy", "by facing direction"),
        )
        if any(share is not None for share in figures[name].values())
    ]
    header = ("share of heads within", *figures["accuracy"])
    return _table(header, list(dict.fromkeys(rows))) if rows else ""


def _ranges(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    filled = [row for row in rows if row["count"]]
    if not filled:
        return ""
    names = [name for name in filled[0] if name not in {"from", "to", "count"}]
    cells = [
        (f"{row['from']:g} to {row['to']:g}", str(row["count"]), *(_deg(row[name]) for name in names))
        for row in filled
    ]
    return f"<h3>{escape(title)}</h3>" + _table(("degrees", "heads", *names), cells)


def _classes(report: Mapping[str, Any]) -> str:
    rows = [
        (row["name"], *(_ratio(row[name]) for name in ("precision", "recall", "f1")), str(row["support"]))
        for row in report["classes"]
    ]
    names = [row["name"] for row in report["classes"]]
    header = "".join(f"<th>{escape(name)}</th>" for name in ("true / as", *names, MISSED))
    body = "".join(
        f"<tr><th>{escape(name)}</th>"
        + "".join(
            f'<td class="hit">{number}</td>' if place == row else f"<td>{number}</td>"
            for place, number in enumerate(numbers)
        )
        + "</tr>"
        for row, (name, numbers) in enumerate(zip(names, report["confusion"], strict=True))
    )
    return (
        "<h3>Classes</h3>"
        f"<p>Accuracy {_share(report['accuracy'])}, balanced {_share(report['balanced_accuracy'])}</p>"
        + _table(("class", "precision", "recall", "F1", "heads"), rows)
        + f'<div class="wide"><table><tr>{header}</tr>{body}</table></div>'
    )


def _table(header: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{top}</tr>{body}</table></div>'


def _png(pixels: NDArray[np.uint8]) -> str:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return _data(stream.getvalue(), "png")


def _data(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _deg(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
