"""Which options go with which: one that would do nothing is refused, not passed over in silence."""

from __future__ import annotations

import typer

from facing.cli._shared import given_by_user

ALWAYS = frozenset({"threads"})
"""Scripts put it into every call."""
GOES_WITH = {
    "curves": {"out", "json_file"},
    "history": {"out", "json_file"},
    "robustness": {"data", "crop", "margin", "center_crop", "model", "limit"},
    "predictions": {"data", "protocol", "predictions_convention", "json_file", "errors", "threshold", "by"}
    | {"bin_deg", "overlays", "styles", "plots", "worst", "hard", "html", "compat_metrics", "out", "limit"},
}
"""An option that decides what is done -> the options that do something then."""
NEEDS = {
    "crop": ("data",),
    "margin": ("data",),
    "center_crop": ("data",),
    "detector": ("boxes",),
    "detector_model": ("boxes",),
    "predictions_convention": ("predictions",),
    "bin_deg": ("by",),
    "styles": ("overlays",),
    "out": ("worst", "curves", "history"),
}
"""An option -> those of which it needs one."""


def check_options(context: typer.Context) -> None:
    """Refuse options that would do nothing beside the others.

    Args:
        context: of `facing evaluate`; what was left to its default does not count.

    Raises:
        BadParameter: the sentence names the option and what it does not go with, or lacks.
    """
    words = {str(one.name): one.opts[0] for one in context.command.params}
    typed = given_by_user(context)
    # The labelled boxes are what every way of measuring starts from.
    if context.params.get("boxes") != "detector":
        typed.discard("boxes")
    given = [name for name in words if name in typed]
    words["boxes"] = "--boxes detector"
    for mode in (name for name in GOES_WITH if name in given):
        for name in given:
            if name != mode and name not in GOES_WITH[mode] | ALWAYS:
                raise typer.BadParameter(f"{words[name]} does nothing with {words[mode]}; leave it out")
    for name, wanted in NEEDS.items():
        if name in given and not any(one in given for one in wanted):
            lacking = " or ".join(words[one] for one in wanted)
            raise typer.BadParameter(
                f"{words[name]} does nothing without {lacking}; add it or leave this out"
            )
