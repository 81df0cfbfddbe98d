"""What is written for one input: the picture, its heads, or why there are none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from facing.pose import SCHEMA

if TYPE_CHECKING:
    from facing.pose import HeadPose


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRecord:
    """One input and what came of it.

    Attributes:
        file: as the user named it.
        width: of the upright picture, pixels; None where it could not be read.
        height: likewise.
        heads: largest first; empty where there are none or the input failed.
        error: one sentence, or None where the input was read.
    """

    file: str
    width: int | None = None
    height: int | None = None
    heads: tuple[HeadPose, ...] = ()
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON form, checked by `facing.pose.line_schema`."""
        return {
            "schema": SCHEMA,
            "file": self.file,
            "width": self.width,
            "height": self.height,
            "heads": [head.to_dict() for head in self.heads],
            "error": self.error,
        }
