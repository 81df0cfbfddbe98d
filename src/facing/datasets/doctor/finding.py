"""What the doctor says: one finding per fault, and the report that holds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Severity = Literal["fault", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("fault", "warning", "note")
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found, how often, where, and what to do about it."""

    name: str
    """Stable word for programs, such as "sign"."""
    severity: Severity
    """fault: the data are wrong; warning: look before you use them; note: good to know."""
    text: str
    """One sentence with its figures."""
    advice: str = ""
    """What to do; empty where there is nothing to do."""
    keys: tuple[str, ...] = ()
    """Samples (or files) it was found on, in the order of the set."""
    figures: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Numbers behind the text, ready for JSON."""

    @property
    def count(self) -> int:
        """How many samples or files it was found on; 0 where it is about the set as a whole."""
        return len(self.keys)


def counted(number: int, noun: str) -> str:
    """Say a number with its noun, "1 picture" or "2 pictures"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at and what was found, worst first."""

    title: str
    folder: str
    pictures: int
    heads: int
    left_out: int
    looked_at: int
    """Pictures that were compared with the networks."""
    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether there is no fault."""
        return not any(finding.severity == "fault" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values, all keys included, ready for JSON."""
        return {
            "schema": SCHEMA,
            "title": self.title,
            "folder": self.folder,
            "pictures": self.pictures,
            "heads": self.heads,
            "left_out": self.left_out,
            "looked_at": self.looked_at,
            "healthy": self.healthy,
            "findings": [
                {
                    "name": finding.name,
                    "severity": finding.severity,
                    "text": finding.text,
                    "advice": finding.advice,
                    "count": finding.count,
                    "keys": list(finding.keys),
                    "figures": dict(finding.figures),
                }
                for finding in self.findings
            ],
        }
