"""Figures of one set as plain text for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facing.evaluation.classes import class_table

if TYPE_CHECKING:
    from facing.evaluation.protocol import Protocol

WIDTH = 22


def table(figures: dict[str, Any], *, name: str, protocol: Protocol | None = None) -> str:
    """Lay out the figures of `summarise`, one line each; what a set does not state is left out.

    Args:
        figures: of one set.
        name: how the set was asked for.
        protocol: the one that was followed; a count other than its own is pointed out.
    """
    lines = [f"{name}: {figures['found']} of {figures['count']} heads, boxes from the {figures['boxes']}"]
    if protocol is not None:
        lines.append(f"  {protocol.title}")
        if protocol.expected_count not in {None, figures["count"]}:
            lines.append(
                f"  not the whole set: {figures['count']} of {protocol.expected_count} heads are here"
            )
    lines += [f"  left out: {count} ({reason})" for reason, count in figures["skipped"].items()]
    if figures["failed_pictures"]:
        lines.append(f"  {figures['failed_pictures']} pictures failed; --errors FILE says why")
    lines += _pose_lines(figures)
    if figures["facing_accuracy"] is not None:
        classes = (f"{side} {_share(one['accuracy'])}" for side, one in figures["facing_by_class"].items())
        lines.append(_line("facing right", f"{_share(figures['facing_accuracy'])}  ({', '.join(classes)})"))
    if figures["calibration"] is not None:
        stated = figures["calibration"]
        text = f"{_deg(stated['stated_mean'])} / {_deg(stated['real_mean'])}"
        lines.append(
            _line("stated / real error", f"{text}, expected calibration error {_deg(stated['ece_deg'])}")
        )
    if figures["detector"] is not None and figures["detector"]["recall"] is not None:
        found = figures["detector"]
        text = f"{_share(found['recall'])} at overlap 0.4, {_share(found['recall_middle'])} by middle"
        lines.append(
            _line("heads detected", f"{text}, {found['further_per_picture']:.2f} further per picture")
        )
    by_class = figures["accuracy_by"] is None or (protocol is not None and "classes" in protocol.metrics)
    if figures["classes"] and by_class:
        lines += [f"  {line}" for line in class_table(figures["classes"]).splitlines()]
    for angle, rows in figures.get("by_range", {}).items():
        lines += _range_lines(angle, rows)
    if "compat" in figures:
        parts = (f"{key} {_deg(value)}" for key, value in figures["compat"].items())
        lines.append(_line("published scripts", f"{'  '.join(parts)}  (faults included)"))
    if "hard" in figures:
        keys = figures["hard"]["keys"]
        lines.append(_line(f"over {figures['hard']['over']:g}", f"{len(keys)} pictures"))
        lines += [f"    {key}" for key in keys]
    return "\n".join(lines)


def _pose_lines(figures: dict[str, Any]) -> list[str]:
    lines = []
    angles = [(name, figures[name]) for name in ("yaw", "pitch", "roll") if figures[name] is not None]
    if angles:
        parts = [f"{name} {_deg(value)}" for name, value in angles]
        mean = "" if figures["mae"] is None else f"  mean {_deg(figures['mae'])}{_ends(figures, 'mae')}"
        lines.append(_line("mean absolute error", "  ".join(parts) + mean))
    if figures["geodesic_mean"] is not None:
        text = f"mean {_deg(figures['geodesic_mean'])}{_ends(figures, 'geodesic_mean')}"
        lines.append(_line("geodesic error", f"{text}  median {_deg(figures['geodesic_median'])}"))
    if figures["front_angle"] is not None:
        shares = (f"{_share(share)} in {limit}" for limit, share in figures["front_accuracy"].items())
        lines.append(_line("facing direction", f"{_deg(figures['front_angle'])} off, {', '.join(shares)}"))
    if figures["accuracy_by"] not in {None, "front_angle"}:
        shares = (f"{_share(share)} in {limit}" for limit, share in figures["accuracy"].items())
        lines.append(_line(f"by {figures['accuracy_by']}", ", ".join(shares)))
    for one in figures["by_yaw"]:
        if one["count"]:
            error = one.get("geodesic_mean", one["yaw"])
            label = "geodesic" if "geodesic_mean" in one else "yaw"
            span = f"|yaw| {one['from']:.0f}-{one['to']:.0f}"
            lines.append(_line(span, f"{label} {_deg(error)}  ({one['count']} heads)"))
    return lines


def _range_lines(angle: str, rows: list[dict[str, Any]]) -> list[str]:
    filled = [row for row in rows if row["count"]]
    if not filled:
        return [_line(f"by {angle}", "not known")]
    names = [name for name in filled[0] if name not in {"from", "to", "count"}]
    wide = {name: max(6, len(name)) for name in names}
    lines = [f"  {'true ' + angle:<{WIDTH}}heads" + "".join(f"  {name:>{wide[name]}}" for name in names)]
    for row in filled:
        cells = "".join(f"  {_deg(row[name]):>{wide[name]}}" for name in names)
        lines.append(_line(f"{row['from']:g} to {row['to']:g}", f"{row['count']:>5}{cells}"))
    return lines


def _line(name: str, text: str) -> str:
    return f"  {name:<{WIDTH}}{text}"


def _ends(figures: dict[str, Any], name: str) -> str:
    ends = figures["interval95"].get(name)
    return "" if ends is None else f" ({ends[0]:.2f} to {ends[1]:.2f})"


def _deg(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"
