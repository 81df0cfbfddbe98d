"""Heads drawn into a picture: axes, cube, arrow, label and box. Pillow only."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from facing.errors import UnknownNameError
from facing.output.labels import draw_labels
from facing.output.solids import arrow_facets, cube_facets

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from facing.output.solids import Facet, Rgb
    from facing.pose import HeadPose

STYLES = ("axes", "cube", "arrow", "label", "box")

RED, GREEN, BLUE = (240, 62, 62), (64, 192, 87), (51, 154, 240)
AMBER = (255, 193, 7)
WHITE = (248, 249, 250)
GREY = (148, 151, 156)
HALO = (12, 14, 18, 150)
"""A thin dark rim keeps every colour readable on skin, sky and snow."""

FINEST = 4  # samples per pixel side on small heads; larger heads need fewer for the same edge
LAYER_PIXELS = 16_000_000  # one head's layer stays below 64 MB


class _Look(NamedTuple):
    """Where and how large one head is drawn: centre and unit in layer pixels, stroke in layer pixels."""

    centre: NDArray[np.float64]
    unit: float
    stroke: float


def draw(
    picture: NDArray[np.uint8],
    heads: Sequence[HeadPose],
    *,
    styles: Iterable[str] = ("axes",),
    max_error_deg: float | None = None,
) -> NDArray[np.uint8]:
    """Draw heads into a copy of a picture.

    Args:
        picture: upright RGB, (H, W, 3) uint8. It is not changed.
        heads: what the estimator gave for this picture; larger ones are drawn over smaller ones.
        styles: any of `STYLES`, drawn in the order of `STYLES` whatever their order here.
            axes: red to the subject's left, green up through the crown, blue out of the face.
            cube: a wire cube around the head; its face side is green.
            arrow: where the face points.
            label: facing, expected error, yaw, pitch and roll in degrees.
            box: the head box.
        max_error_deg: heads whose expected error is larger are drawn grey.

    Returns:
        (H, W, 3) uint8.

    Raises:
        UnknownNameError: a style is none of `STYLES`.

    Convention: parallel projection along the camera's axis through the middle of the box, so a drawn axis
    is the first two components of a column of the rotation (y up). A model that knows no roll gets the
    arrow in place of axes and cube.
    """
    wanted = check_styles(styles)
    canvas = Image.fromarray(picture).convert("RGB")
    ordered = sorted(heads, key=lambda head: _side(head.box))
    greys = [_is_unsure(head, max_error_deg=max_error_deg) for head in ordered]
    for head, grey in zip(ordered, greys, strict=True):
        _draw_head(canvas, head, styles=wanted, grey=grey)
    if "label" in wanted:
        draw_labels(canvas, ordered, inks=[GREY if grey else WHITE for grey in greys])
    return np.array(canvas)


def check_styles(styles: Iterable[str]) -> frozenset[str]:
    """Refuse styles that do not exist.

    Raises:
        UnknownNameError: a style is none of `STYLES`.
    """
    wanted = frozenset(styles)
    for style in sorted(wanted - set(STYLES)):
        raise UnknownNameError.among(style, kind="drawing style", known=STYLES)
    return wanted


def _is_unsure(head: HeadPose, *, max_error_deg: float | None) -> bool:
    return max_error_deg is not None and head.error_deg is not None and head.error_deg > max_error_deg


def _side(box: tuple[float, float, float, float]) -> float:
    left, top, right, bottom = box
    return max(right - left, bottom - top)


def _draw_head(canvas: Image.Image, head: HeadPose, *, styles: frozenset[str], grey: bool) -> None:
    """Paint one head on a finer layer of its own surroundings and lay that over the canvas."""
    left, top, right, bottom = head.box
    side = _side(head.box)
    reach = 0.85 * side + 4  # the longest stroke from the centre, with its rim
    centre = np.array([(left + right) / 2, (top + bottom) / 2])
    corner = np.maximum(np.floor(centre - reach), 0).astype(int)
    end = np.minimum(np.ceil(centre + reach), canvas.size).astype(int)
    width, height = (int(size) for size in end - corner)
    if width <= 0 or height <= 0:
        return
    fine = int(np.clip(np.sqrt(LAYER_PIXELS / (width * height)), 1, FINEST))
    layer = Image.new("RGBA", (width * fine, height * fine))
    pen = ImageDraw.Draw(layer)
    look = _Look((centre - corner) * fine, unit=side * fine, stroke=max(1.4, 0.016 * side) * fine)
    if "box" in styles:
        box = (np.array(head.box).reshape(2, 2) - corner) * fine
        _draw_box(pen, box, ink=GREY if grey else WHITE, stroke=0.7 * look.stroke)
    for facet in _facets(head, styles=styles):
        _draw_facet(pen, facet, look=look, grey=grey)
    # reduce() averages premultiplied colour, so rims stay free of dark fringes.
    canvas.paste(finished := layer.reduce(fine), (int(corner[0]), int(corner[1])), finished)


def _facets(head: HeadPose, *, styles: frozenset[str]) -> list[Facet]:
    """List what is seen of one head, farthest first within each style."""
    rotation = head.rotation
    bold = float(np.clip(100 / _side(head.box), 1.0, 2.0))  # arrows on small heads stay arrows
    turned = "roll" in head.known
    facets: list[Facet] = []
    if "cube" in styles and turned:
        facets += cube_facets(rotation, half=0.38, face=GREEN, edge=WHITE)
    if "axes" in styles and turned:
        lengths = (0.5, 0.5, 0.62)
        arrows = [
            arrow_facets(length * rotation[:, axis], thickness=0.028 * bold, ink=ink)
            for axis, (length, ink) in enumerate(zip(lengths, (RED, GREEN, BLUE), strict=True))
        ]
        # An axis lies as far as its tip: all three start in one point.
        for axis in np.argsort(rotation[2]):
            facets += arrows[axis]
    if "arrow" in styles or (not turned and styles & {"axes", "cube"}):
        facets += arrow_facets(0.72 * head.front, thickness=0.045 * bold, ink=AMBER)
    return facets


def _draw_facet(pen: ImageDraw.ImageDraw, facet: Facet, *, look: _Look, grey: bool) -> None:
    flipped = np.array([1.0, -1.0])  # the camera's y is up, the picture's down
    points = look.centre + look.unit * facet.outline * flipped
    corners = [tuple(point) for point in points.tolist()]
    ink = _greyed(facet.ink) if grey else facet.ink
    rim = max(1.0, 0.35 * look.stroke)
    if len(corners) == 2:
        width = facet.weight * look.stroke
        for colour, extra in ((HALO, 2 * rim), ((*ink, facet.alpha), 0.0)):
            _stroke(pen, corners, colour=colour, width=width + extra)
        return
    if facet.rim:
        _stroke(pen, [*corners, corners[0]], colour=HALO, width=2 * rim)
    pen.polygon(corners, fill=(*ink, facet.alpha))


def _stroke(
    pen: ImageDraw.ImageDraw,
    corners: list[tuple[float, ...]],
    *,
    colour: tuple[int, ...],
    width: float,
) -> None:
    """Draw a line with round ends and joints."""
    pen.line([number for corner in corners for number in corner], fill=colour, width=max(1, round(width)))
    for x, y in corners:
        radius = width / 2
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _draw_box(pen: ImageDraw.ImageDraw, box: NDArray[np.float64], *, ink: Rgb, stroke: float) -> None:
    (left, top), (right, bottom) = box.tolist()
    radius = 0.06 * (right - left)
    for colour, width in ((HALO, 2.2 * stroke), ((*ink, 255), stroke)):
        grown = width / 2
        pen.rounded_rectangle(
            (left - grown, top - grown, right + grown, bottom + grown),
            radius=radius,
            outline=colour,
            width=max(1, round(width)),
        )


def _greyed(ink: Rgb) -> Rgb:
    """Keep light and dark of a colour apart, without its hue."""
    light = round(0.55 * GREY[0] + 0.45 * (0.299 * ink[0] + 0.587 * ink[1] + 0.114 * ink[2]))
    return light, light, light
