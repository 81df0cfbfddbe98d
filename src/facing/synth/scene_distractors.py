"""Things that a head detector takes for heads and should not: hands above all, balls, lenses, muzzles, text.

Everything is drawn, nothing is photographed. Each distractor is an RGBA picture that the composer pastes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Colour = tuple[int, int, int]

FINER = 2
"""Shapes are drawn this much larger and reduced, which smooths their edges."""


def draw_distractor(rng: np.random.Generator, *, side: int, skin: Colour) -> Image.Image:
    """Draw one thing that is no head.

    Args:
        rng: where chance comes from.
        side: longer side of the result, pixels.
        skin: colour of the hands, so that they fit the people of the scene.

    Returns:
        RGBA, square, `side` pixels.
    """
    kind = rng.choice(len(KINDS), p=[share for _, share in KINDS])
    large = max(12, side) * FINER
    picture = KINDS[kind][0](rng, large, skin)
    if rng.random() < 0.6:
        picture = _shaded(rng, picture)
    return picture.resize((side, side), Image.Resampling.BOX)


def _hand(rng: np.random.Generator, side: int, skin: Colour) -> Image.Image:
    picture = Image.new("RGBA", (side, side), (*skin, 0))
    draw = ImageDraw.Draw(picture)
    palm = np.array([0.5, 0.6]) * side
    width = rng.uniform(0.3, 0.42) * side
    dark = _scaled(skin, rng.uniform(0.45, 0.75))
    if rng.random() < 0.8:
        sleeve = skin if rng.random() < 0.6 else _any_colour(rng)
        end = np.array([rng.uniform(0.2, 0.8) * side, side * 1.2])
        _capsule(draw, [palm, end], width=0.8 * width, fill=sleeve, edge=_scaled(sleeve, 0.6))
    half = width * np.array([0.55, 0.6])
    draw.ellipse(
        [*(palm - half), *(palm + half)], fill=(*skin, 255), outline=(*dark, 255), width=max(1, side // 70)
    )
    extended = rng.random(5) < rng.choice([0.15, 0.5, 0.95])
    thick = width * rng.uniform(0.2, 0.28)
    spread = rng.uniform(0.05, 0.3)
    for finger in range(5):
        thumb = finger == 4
        angle = (finger - 1.5) * spread if not thumb else rng.uniform(0.9, 1.5)
        root = palm + width * (np.array([0.5, 0.1]) if thumb else np.array([(finger - 1.5) * 0.3, -0.42]))
        length = width * (rng.uniform(0.7, 1.1) if extended[finger] else rng.uniform(0.15, 0.4))
        ahead = np.array([np.sin(angle), -np.cos(angle)])
        knuckle = root + ahead * length * 0.55
        bend = angle + rng.normal(0, 0.25)
        tip = knuckle + np.array([np.sin(bend), -np.cos(bend)]) * length * 0.45
        tone = _scaled(skin, rng.uniform(0.85, 1.08))
        _capsule(draw, [root, knuckle, tip], width=thick, fill=tone, edge=dark)
    return picture.filter(ImageFilter.GaussianBlur(side / 150)).rotate(
        rng.uniform(-180, 180), Image.Resampling.BILINEAR
    )


def _ball(rng: np.random.Generator, side: int, skin: Colour) -> Image.Image:
    colour = skin if rng.random() < 0.35 else _any_colour(rng)
    y, x = (np.mgrid[:side, :side] + 0.5) / side * 2 - 1
    squeeze = rng.uniform(0.7, 1.0, size=2)
    radius = np.hypot(x / squeeze[0], y / squeeze[1])
    height = np.sqrt(np.clip(1 - radius**2, 0, 1))
    sun = rng.normal((0, -0.8, 1.2))
    light = np.clip(np.stack([x, y, height], -1) @ (sun / np.linalg.norm(sun)), 0, 1)
    value = rng.uniform(0.25, 0.6) + rng.uniform(0.4, 0.8) * light
    if rng.random() < 0.5:
        stripes = np.sin(rng.uniform(3, 14) * (x * rng.normal() + y * rng.normal()) + rng.uniform(0, 6))
        value = value * np.where(stripes > rng.uniform(-0.5, 0.9), rng.uniform(0.3, 0.8), 1)
    shine = np.clip(light, 0, 1) ** 30 * rng.uniform(0, 0.8)
    rgb = np.asarray(colour) * value[..., None] + 255 * shine[..., None]
    return _rgba(rgb, cover=np.clip((1 - radius) * side / 4, 0, 1))


def _lens(rng: np.random.Generator, side: int, skin: Colour) -> Image.Image:
    del skin
    picture = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    for share in np.sort(rng.uniform(0.15, 1.0, size=rng.integers(3, 7)))[::-1]:
        inset = side * (1 - share) / 2
        grey = int(rng.choice([rng.integers(5, 60), rng.integers(60, 230)]))
        tint = np.clip(grey + rng.normal(0, 12, size=3), 0, 255).astype(int)
        draw.ellipse([inset, inset, side - inset, side - inset], fill=(*(int(c) for c in tint), 255))
    x, y = rng.uniform(0.3, 0.6, size=2) * side
    spot = rng.uniform(0.03, 0.12) * side
    draw.ellipse([x - spot, y - spot, x + spot, y + spot], fill=(250, 250, 255, 230))
    return picture.filter(ImageFilter.GaussianBlur(side / 120))


def _muzzle(rng: np.random.Generator, side: int, skin: Colour) -> Image.Image:
    """Draw a furry head with ears, two dark eyes and a nose; heads of animals do not count."""
    del skin
    fur = np.array([rng.uniform(40, 220)] * 3) * rng.uniform((0.9, 0.75, 0.5), (1, 1, 1))
    tone: Colour = (int(fur[0]), int(fur[1]), int(fur[2]))
    picture = Image.new("RGBA", (side, side), (*tone, 0))
    draw = ImageDraw.Draw(picture)
    wide, apart = rng.uniform(0.28, 0.4), rng.uniform(0.1, 0.2)
    for sign in (-1, 1):
        tip = (0.5 + sign * rng.uniform(0.2, 0.5), rng.uniform(0.02, 0.5))
        ear = [(0.5 + sign * 0.08, 0.35), tip, (0.5 + sign * wide, 0.5)]
        draw.polygon([(u * side, v * side) for u, v in ear], fill=(*_scaled(tone, 0.8), 255))
    _oval(draw, (0.5, 0.55), (wide, rng.uniform(0.3, 0.42)), side=side, fill=tone)
    _oval(draw, (0.5, 0.7), (wide * 0.55, 0.18), side=side, fill=_scaled(tone, rng.uniform(0.8, 1.4)))
    for sign in (-1, 1):
        _oval(draw, (0.5 + sign * apart, 0.5), (0.035, 0.04), side=side, fill=(20, 14, 10))
    _oval(draw, (0.5, 0.66), (0.06, 0.04), side=side, fill=(25, 20, 22))
    grain = rng.normal(1, 0.22, size=(max(4, side // 6), max(4, side // 2)))
    strands = np.asarray(Image.fromarray(grain.astype(np.float32)).resize((side, side)))
    pixels = np.asarray(picture).astype(np.float32)
    pixels[..., :3] *= strands[..., None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).rotate(rng.normal(0, 15))


def _lettering(rng: np.random.Generator, side: int, skin: Colour) -> Image.Image:
    del skin
    picture = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    if rng.random() < 0.7:
        shape: Callable[..., None] = draw.ellipse if rng.random() < 0.6 else draw.rectangle
        inset = side * rng.uniform(0.02, 0.2)
        shape([inset, inset, side - inset, side - inset], fill=(*_any_colour(rng), 255))
    letters = "".join(chr(rng.integers(65, 91)) for _ in range(rng.integers(1, 6)))
    size = max(8, side // len(letters))
    font = ImageFont.load_default(size)
    place = (side / 2, side * rng.uniform(0.4, 0.6))
    draw.text(place, letters, font=font, fill=(*_any_colour(rng), 255), anchor="mm")
    return picture.rotate(rng.normal(0, 12), Image.Resampling.BILINEAR)


def _box(rng: np.random.Generator, side: int, skin: Colour) -> Image.Image:
    """Draw a plain shape: bag, cushion, screen, bottle."""
    picture = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    colour = skin if rng.random() < 0.2 else _any_colour(rng)
    half = rng.uniform(0.15, 0.5, size=2) * side
    corner = rng.uniform(0, 1) * min(half)
    middle = side / 2
    draw.rounded_rectangle(
        [middle - half[0], middle - half[1], middle + half[0], middle + half[1]], corner, fill=(*colour, 255)
    )
    for _ in range(rng.integers(0, 5)):
        start, end = rng.uniform(0, side, size=(2, 2))
        draw.line(
            [*start, *end], fill=(*_any_colour(rng), 255), width=int(rng.integers(1, max(2, side // 12)))
        )
    cover = Image.new("L", (side, side), 0)
    ImageDraw.Draw(cover).rounded_rectangle(
        [middle - half[0], middle - half[1], middle + half[0], middle + half[1]], corner, fill=255
    )
    picture.putalpha(cover)
    return picture.rotate(rng.normal(0, 25), Image.Resampling.BILINEAR)


KINDS: tuple[tuple[Callable[[np.random.Generator, int, Colour], Image.Image], float], ...] = (
    (_hand, 0.4),
    (_ball, 0.18),
    (_lens, 0.1),
    (_muzzle, 0.14),
    (_lettering, 0.1),
    (_box, 0.08),
)
"""What is drawn and its share: hands gave most false heads in a trial, then animals, lenses and logos."""


def _shaded(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    """Darken towards one side, as a lamp does."""
    width, height = picture.size
    slope = rng.normal(0, 0.5, size=2)
    x, y = np.linspace(-1, 1, width), np.linspace(-1, 1, height)
    light = np.clip(0.9 + slope[0] * x + slope[1] * y[:, None], 0.2, 1.4)
    pixels = np.asarray(picture).astype(np.float32)
    pixels[..., :3] *= light[..., None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _capsule(
    draw: ImageDraw.ImageDraw, points: list[NDArray[np.float64]], *, width: float, fill: Colour, edge: Colour
) -> None:
    rim = max(1.0, width / 10)
    for extra, colour in ((rim, edge), (0.0, fill)):
        radius = width / 2 + extra
        line = [(float(x), float(y)) for x, y in points]
        draw.line(line, fill=(*colour, 255), width=max(1, round(2 * radius)))
        for x, y in line:
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=(*colour, 255))


def _oval(
    draw: ImageDraw.ImageDraw,
    middle: tuple[float, float],
    half: tuple[float, float],
    *,
    side: int,
    fill: Colour,
) -> None:
    (x, y), (a, b) = middle, half
    draw.ellipse([(x - a) * side, (y - b) * side, (x + a) * side, (y + b) * side], fill=(*fill, 255))


def _rgba(rgb: NDArray[np.float64], *, cover: NDArray[np.float64]) -> Image.Image:
    stacked = np.concatenate([np.clip(rgb, 0, 255), 255 * cover[..., None]], axis=-1)
    return Image.fromarray(stacked.astype(np.uint8))


def _any_colour(rng: np.random.Generator) -> Colour:
    red, green, blue = (int(c) for c in rng.integers(0, 256, size=3))
    return red, green, blue


def _scaled(colour: Colour, factor: float) -> Colour:
    red, green, blue = (min(255, int(c * factor)) for c in colour)
    return red, green, blue
