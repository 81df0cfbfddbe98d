"""The words beside a head: facing, expected error and the three angles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facing.output.solids import Rgb
    from facing.pose import HeadPose

    Area = tuple[float, float, float, float]

PLATE = (18, 20, 26, 205)
SMALLEST, LARGEST = 11.0, 44.0
"""Text height in pixels: readable on small heads, never louder than the picture."""


SMALL_HEAD = 64.0
"""Heads below this many pixels get one line of angles: four would hide their neighbours."""


def label_lines(head: HeadPose) -> list[str]:
    """Say one head in up to four short lines; what the model does not know is left out.

    Angles are whole degrees with their sign, left and right are as the viewer sees them. A small head has
    one line: yaw, pitch, roll.
    """
    if _height(head.box) < SMALL_HEAD:
        known = (angle for angle in (head.yaw, head.pitch, head.roll) if angle is not None)
        return ["  ".join(f"{round(angle) + 0:+d}°" for angle in known)]
    error = "" if head.error_deg is None else f"  error {head.error_deg:.0f}°"
    lines = [f"{head.facing}{error}"]
    for name in ("yaw", "pitch", "roll"):
        angle = getattr(head, name)
        if angle is not None:
            lines.append(f"{name} {round(angle) + 0:+d}°")
    return lines


def draw_labels(canvas: Image.Image, heads: Sequence[HeadPose], *, inks: Sequence[Rgb]) -> None:
    """Put a label beside each head, where it hides least; in a crowd, where none has room, it is left out.

    Args:
        canvas: RGB picture, drawn on.
        heads: all heads of the picture.
        inks: colour of the first line, one per head.
    """
    taken: list[Area] = []
    boxes: list[Area] = [area for head in heads for area in (head.box, _tip(head))]
    # The nearest heads choose first: their labels are the largest.
    for head, ink in sorted(zip(heads, inks, strict=True), key=lambda pair: -_height(pair[0].box)):
        lines = label_lines(head)
        size = min(LARGEST, max(SMALLEST, 0.085 * _height(head.box)))
        font = ImageFont.load_default(size=size)
        step, pad = 1.22 * size, 0.5 * size
        width = max(font.getlength(line) for line in lines) + 2 * pad
        height = step * len(lines) + 1.4 * pad
        area = _place(head.box, size=(width, height), frame=canvas.size, taken=taken, boxes=boxes)
        if any(_shared(area, other) > 0.1 * width * height for other in taken):
            continue
        taken.append(area)
        _plate(canvas, area, radius=0.45 * size)
        pen = ImageDraw.Draw(canvas)
        for row, line in enumerate(lines):
            colour = ink if row == 0 else (206, 212, 218)
            pen.text((area[0] + pad, area[1] + 0.6 * pad + row * step), line, font=font, fill=colour)


def _height(box: Area) -> float:
    return max(box[3] - box[1], box[2] - box[0])


def _tip(head: HeadPose) -> Area:
    """Bound where the point of a facing axis or arrow lies, so that no label covers it."""
    left, top, right, bottom = head.box
    side = _height(head.box)
    x = (left + right) / 2 + 0.66 * side * float(head.front[0])
    y = (top + bottom) / 2 - 0.66 * side * float(head.front[1])
    reach = 0.14 * side
    return x - reach, y - reach, x + reach, y + reach


def _place(
    box: Area,
    *,
    size: tuple[float, float],
    frame: tuple[int, int],
    taken: Sequence[Area],
    boxes: Sequence[Area],
) -> Area:
    """Choose the spot around a box that covers least of other labels and heads."""
    left, top, right, bottom = box
    width, height = size
    gap = 0.04 * _height(box)
    spots = (
        (right + gap, top),
        (left - gap - width, top),
        (left, top - gap - height),
        (left, bottom + gap),
        (right + gap, bottom - height),
        (left - gap - width, bottom - height),
        (left, top),
    )
    best: tuple[float, Area] | None = None
    for x, y in spots:
        x0 = min(max(x, 2.0), max(2.0, frame[0] - width - 2))
        y0 = min(max(y, 2.0), max(2.0, frame[1] - height - 2))
        area = (x0, y0, x0 + width, y0 + height)
        cost = 4 * sum(_shared(area, other) for other in taken) + sum(_shared(area, other) for other in boxes)
        if best is None or cost < best[0]:
            best = (cost, area)
    assert best is not None
    return best[1]


def _shared(a: Area, b: Area) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0)


def _plate(canvas: Image.Image, area: Area, *, radius: float) -> None:
    """Lay a dark, slightly clear plate with smooth corners under a label."""
    fine = 4
    left, top, right, bottom = (round(edge) for edge in area)
    layer = Image.new("RGBA", ((right - left) * fine, (bottom - top) * fine))
    ImageDraw.Draw(layer).rounded_rectangle(
        (0, 0, layer.width - 1, layer.height - 1), radius=radius * fine, fill=PLATE
    )
    canvas.paste(finished := layer.reduce(fine), (left, top), finished)
