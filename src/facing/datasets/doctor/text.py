"""The report as a person reads it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from facing.datasets.doctor.finding import SEVERITIES, counted

if TYPE_CHECKING:
    from facing.datasets.doctor.finding import Finding, Report

FIRST = 3
"""Keys that are printed; the JSON has all."""
WIDTH = 100


def report_text(report: Report) -> str:
    """Write a report for the terminal, worst first, at most 100 columns but for long names of files.

    Args:
        report: of `check_set`.
    """
    size = f"{counted(report.pictures, 'picture')}, {counted(report.heads, 'head')}"
    rest = f"{report.left_out} left out, {report.looked_at} compared with our networks"
    lines = [f"{report.title} in {report.folder}", f"{size}, {rest}", ""]
    for finding in report.findings:
        lines += _lines(finding)
    counts = [sum(one.severity == severity for one in report.findings) for severity in SEVERITIES]
    numbers = ", ".join(
        "no " + severity + "s" if not count else counted(count, severity)
        for count, severity in zip(counts, SEVERITIES, strict=True)
    )
    return "\n".join([*lines, numbers])


def _lines(finding: Finding) -> list[str]:
    start = f"{finding.severity.upper() if finding.severity == 'fault' else finding.severity:<8} "
    indent = " " * len(start)
    lines = textwrap.wrap(finding.text, WIDTH, initial_indent=start, subsequent_indent=indent)
    if finding.keys:
        more = f" and {finding.count - FIRST} more" if finding.count > FIRST else ""
        lines.append(f"{indent}{', '.join(finding.keys[:FIRST])}{more}")
    if finding.advice:
        lines += textwrap.wrap(
            finding.advice, WIDTH, initial_indent=f"{indent}-> ", subsequent_indent=f"{indent}   "
        )
    return [*lines, ""]
