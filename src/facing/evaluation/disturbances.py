"""What is done to head boxes and crops to see how the error grows: one table, `DISTURBANCES`.

Heads are moved before they are cut, crops are changed after. Sizes are shares of the head box or of the
crop, so that networks that read crops of different sides see the same.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Float = NDArray[np.float64]

LANDMARKS = 68
EYES, MOUTH = (36, 45), (48, 54)  # outer corners, iBUG order
EYES_OF_BOX = ((0.22, 0.50), (0.75, 0.50))
MOUTH_OF_BOX = ((0.34, 0.81), (0.66, 0.81))
"""The same corners where no landmarks are labelled, in parts of the head box: medians of 63 AFLW2000 heads
and 171 renders that look into the camera within 20 degrees. On turned heads they miss the face."""
BAR_REACH = 0.12
"""How far a bar goes beyond the corners, in parts of the box's longer side: to the temples."""
COVER = (90, 90, 90)
"""What covers: darker than light skin, lighter than dark skin and than the black around a picture."""
INFRARED = (0.7, 0.2, 0.1)
"""Of RGB: red is next to the near infrared, where skin of all tones is light and lips are pale."""
GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601
GAMMA = 2.2  # between light and the values of a picture


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A labelled head before it is cut."""

    picture: Picture
    """(H, W, 3) RGB."""
    box: Float
    """(4,) xyxy, pixels."""
    rotation: Float
    """(3, 3), head -> camera."""
    reach_px: float
    """How far from the middle of the box its crop looks."""


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """A head after it was cut."""

    pixels: Picture
    """(S, S, 3) RGB."""
    box: Float
    """(4,) xyxy of the head box, pixels of the crop."""
    points: Float | None
    """(68, 2), iBUG order, pixels of the crop; None where the set has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """One way to make a head harder, at several levels. Either `move` or `change` is there."""

    name: str
    panel: str
    """Which are drawn together."""
    unit: str
    """Of the levels, for the reader."""
    levels: tuple[float, ...]
    move: Callable[[Head, float], Head] | None = None
    """Before the cut: box, picture and label."""
    change: Callable[[Cut, float, np.random.Generator], Picture] | None = None
    """After the cut: pixels, same shape."""


def shifted(head: Head, percent: float, *, right: float, down: float) -> Head:
    """Move the box by a share of its width to the right and of its height down."""
    size = np.tile(head.box[2:] - head.box[:2], 2)
    return replace(head, box=head.box + size * np.tile((right, down), 2) * percent / 100)


def scaled(head: Head, percent: float) -> Head:
    """Make both sides of the box longer by a share, about its middle."""
    middle = np.tile(head.box[:2] + head.box[2:], 2) / 2
    return replace(head, box=middle + (head.box - middle) * (1 + percent / 100))


def turned(head: Head, degrees: float) -> Head:
    """Turn the picture clockwise about the middle of the box, and the label with it.

    The box becomes that of the turned ellipse that touches the old one. What lay outside the picture is
    black, whatever the border of the crop.
    """
    angle = math.radians(degrees)
    cosine, sine = math.cos(angle), math.sin(angle)
    side = 2 * math.ceil(head.reach_px)
    x, y = ((head.box[:2] + head.box[2:]) / 2).tolist()
    half = side / 2
    # Pillow asks where each pixel comes from: turned back, pixel edges.
    back = (
        *(cosine, sine, x - cosine * half - sine * half),
        *(-sine, cosine, y + sine * half - cosine * half),
    )
    patch = Image.fromarray(head.picture).transform(
        (side, side), Image.Transform.AFFINE, back, resample=Image.Resampling.BICUBIC
    )
    across, along = ((head.box[2:] - head.box[:2]) / 2).tolist()
    reach = np.array([math.hypot(across * cosine, along * sine), math.hypot(across * sine, along * cosine)])
    # Clockwise as seen, y up: Rz(-a).
    turn = np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    return replace(
        head,
        picture=np.asarray(patch),
        box=np.concatenate([half - reach, half + reach]),
        rotation=turn @ head.rotation,
    )


def blurred(cut: Cut, percent: float, _rng: np.random.Generator) -> Picture:
    """Blur by a normal kernel whose standard deviation is a share of the crop's side."""
    sigma = len(cut.pixels) * percent / 100
    return np.asarray(Image.fromarray(cut.pixels).filter(ImageFilter.GaussianBlur(sigma)))


def noisy(cut: Cut, deviation: float, rng: np.random.Generator) -> Picture:
    """Add normal noise, each channel of each pixel on its own."""
    return _pixels(cut.pixels + rng.normal(size=cut.pixels.shape) * deviation)


def compressed(cut: Cut, quality: float, _rng: np.random.Generator) -> Picture:
    """Save the crop as JPEG, colour at half the resolution, and read it again."""
    stream = io.BytesIO()
    Image.fromarray(cut.pixels).save(stream, "JPEG", quality=int(quality), subsampling="4:2:0")
    with Image.open(stream) as picture:
        return np.asarray(picture.convert("RGB"))


def exposed(cut: Cut, stops: float, _rng: np.random.Generator) -> Picture:
    """Let in 2 ** stops as much light; what is too bright is cut off."""
    return _pixels(cut.pixels * 2.0 ** (stops / GAMMA))


def greyed(cut: Cut, percent: float, _rng: np.random.Generator) -> Picture:
    """Leave a share of the colour."""
    grey = (cut.pixels @ np.array(GREY))[..., None]
    return _pixels(grey + (cut.pixels - grey) * percent / 100)


def infrared(cut: Cut, percent: float, _rng: np.random.Generator) -> Picture:
    """Make it look like a near-infrared camera with a lamp; `percent` of its light reaches the edges."""
    line = np.linspace(-1, 1, len(cut.pixels))
    lamp = 1 / (1 + (100 / percent - 1) * (line[:, None] ** 2 + line[None] ** 2))
    return _pixels(np.repeat((cut.pixels @ np.array(INFRARED) * lamp)[..., None], 3, axis=2))


def barred(
    cut: Cut,
    percent: float,
    _rng: np.random.Generator,
    *,
    corners: tuple[int, int],
    of_box: tuple[tuple[float, float], tuple[float, float]],
) -> Picture:
    """Lay a bar with round ends over a pair of landmarks; its width is a share of the box's longer side.

    Args:
        cut: a head; without landmarks the bar lies at fixed places of its box.
        percent: width of the bar.
        corners: the two landmarks.
        of_box: where they are where there are none, parts of the box.
    """
    size = cut.box[2:] - cut.box[:2]
    ends = cut.box[:2] + np.array(of_box) * size if cut.points is None else cut.points[list(corners)]
    step = ends[1] - ends[0]
    step = step / max(float(np.linalg.norm(step)), 1.0)  # corners in one place, seen from the side, have none
    side = float(size.max())
    ends = ends + np.array([-step, step]) * BAR_REACH * side
    radius = side * percent / 200
    canvas = Image.fromarray(cut.pixels)
    draw = ImageDraw.Draw(canvas)
    draw.line([tuple(end) for end in ends.tolist()], fill=COVER, width=max(1, round(2 * radius)))
    for x, y in ends.tolist():
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=COVER)
    return np.asarray(canvas)


def half_covered(cut: Cut, percent: float, _rng: np.random.Generator, *, right: bool) -> Picture:
    """Cover the crop from its left or right edge to a share of the box's width."""
    depth = (cut.box[2] - cut.box[0]) * percent / 100
    covered = cut.pixels.copy()
    if right:
        covered[:, max(0, round(float(cut.box[2] - depth))) :] = COVER
    else:
        covered[:, : max(0, round(float(cut.box[0] + depth)))] = COVER
    return covered


def shrunk(cut: Cut, side: float, _rng: np.random.Generator) -> Picture:
    """Shrink the crop to a side and enlarge it again; a side that is not smaller changes nothing."""
    S = len(cut.pixels)
    if side >= S:
        return cut.pixels
    small = Image.fromarray(cut.pixels).resize((int(side), int(side)), Image.Resampling.BILINEAR)
    return np.asarray(small.resize((S, S), Image.Resampling.BILINEAR))


def _pixels(values: NDArray[np.floating]) -> Picture:
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)


SHIFTS = (5.0, 10.0, 20.0, 30.0)
BARS = (10.0, 20.0, 30.0)
HALVES = (20.0, 35.0, 50.0)
_shift = partial(Disturbance, panel="box shift", unit="% of its side", levels=SHIFTS)
_bar = partial(Disturbance, panel="cover", unit="% of the head", levels=BARS)
_half = partial(Disturbance, panel="cover one side", unit="% of the head", levels=HALVES)

DISTURBANCES: tuple[Disturbance, ...] = (
    _shift(name="shift_left", move=partial(shifted, right=-1, down=0)),
    _shift(name="shift_right", move=partial(shifted, right=1, down=0)),
    _shift(name="shift_up", move=partial(shifted, right=0, down=-1)),
    _shift(name="shift_down", move=partial(shifted, right=0, down=1)),
    Disturbance(
        name="scale",
        panel="box scale",
        unit="% longer sides",
        levels=(-30.0, -20.0, -10.0, 10.0, 20.0, 30.0),
        move=scaled,
    ),
    Disturbance(
        name="turn",
        panel="turn in the plane",
        unit="degrees clockwise",
        levels=(10.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 150.0, 180.0),
        move=turned,
    ),
    Disturbance(
        name="resolution",
        panel="resolution",
        unit="px across the crop",
        levels=(256.0, 128.0, 96.0, 64.0, 48.0, 32.0, 24.0, 16.0, 12.0, 8.0),
        change=shrunk,
    ),
    Disturbance(
        name="blur",
        panel="blur",
        unit="sigma, % of the crop",
        levels=(0.5, 1.0, 2.0, 3.0, 4.0),
        change=blurred,
    ),
    Disturbance(
        name="noise",
        panel="noise",
        unit="sd, grey values of 255",
        levels=(5.0, 10.0, 20.0, 30.0, 40.0),
        change=noisy,
    ),
    Disturbance(
        name="jpeg",
        panel="JPEG",
        unit="quality",
        levels=(80.0, 50.0, 30.0, 20.0, 10.0, 5.0),
        change=compressed,
    ),
    Disturbance(
        name="brightness",
        panel="brightness",
        unit="stops of light",
        levels=(-6.0, -4.0, -2.0, -1.0, 1.0, 2.0, 3.0, 4.0),
        change=exposed,
    ),
    Disturbance(name="grey", panel="grey", unit="% of the colour left", levels=(50.0, 0.0), change=greyed),
    Disturbance(
        name="infrared",
        panel="near infrared",
        unit="% of the lamp at the edges",
        levels=(100.0, 50.0, 25.0),
        change=infrared,
    ),
    _bar(name="cover_eyes", change=partial(barred, corners=EYES, of_box=EYES_OF_BOX)),
    _bar(name="cover_mouth", change=partial(barred, corners=MOUTH, of_box=MOUTH_OF_BOX)),
    _half(name="cover_left", change=partial(half_covered, right=False)),
    _half(name="cover_right", change=partial(half_covered, right=True)),
)
"""All of them; left and right are those of the picture."""
