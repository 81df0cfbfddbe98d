"""Scenes for the head detector: rendered heads, far ones behind near ones, before anything but people.

A scene is composed back to front. A map of owners says which thing is seen at every pixel, so it is known
how much of each head is left; heads of which little is left become regions that training ignores.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from facing.errors import DataError
from facing.geometry.azimuth import azimuth_deg
from facing.geometry.boxes import quarter_turned
from facing.shards import SCHEMA, ShardSample, encode, find_shards, write_shard
from facing.synth.scene_backgrounds import draw_background, load_backgrounds
from facing.synth.scene_camera import photograph
from facing.synth.scene_cutouts import (
    finished,
    load_pool,
    mirrored,
    resized,
    skin_colour,
    tilted,
    without_head,
)
from facing.synth.scene_distractors import draw_distractor
from facing.synth.scene_hair import can_be_painted, with_smooth_hair
from facing.terms import HOW_TO_STATE, composed_terms, is_unknown, state_terms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from facing.synth.scene_cutouts import Cutout

log = logging.getLogger(__name__)

SMALLEST_PX = 8.0
"""Longer side of the smallest head that is worth a label; smaller ones are ignored."""
VISIBLE_SHARE = 0.3
"""A head of which less than this share of its oval is seen is neither right nor wrong."""
HIDDEN_SHARE = 0.05
"""A head of which less than this is seen is not there."""
COMMON_SHARE = 0.4
"""Share of scenes whose people face about the same way."""
COMMON_WITHIN_DEG = 50.0
BEHIND_SHARE = 0.35
"""Share of these that are seen from behind, as a class is from its last row."""
BEHIND_ALONE = 0.12
"""Share of heads elsewhere that are chosen to be seen from behind; of the others few are."""
BEHIND_SD_DEG = 30.0
BOWED_SHARE = 0.3
"""Share of scenes whose people are seen from above or bow over their desks."""
BOWED = -0.2
"""How far up the picture a bowed face points, at most."""
SMOOTH_HAIR = 0.6
"""Share of heads seen from behind whose hair is painted over with smooth hair."""
SHARD_SCENES = 500


class Scene(NamedTuple):
    """One composed picture and what is in it."""

    pixels: NDArray[np.uint8]
    """(S, S, 3) RGB."""
    boxes: NDArray[np.float64]
    """(K, 4), xyxy of the bald heads; they may leave the frame."""
    ignore: NDArray[np.float64]
    """(J, 4), xyxy of heads that are hidden or tiny: finding them is neither right nor wrong."""
    rotations: NDArray[np.float64]
    """(K, 3, 3), head -> camera."""


MOST_PLANS = 64
"""People and desks of a crowd."""
DESKS_SHARE = 0.4
"""Share of crowds whose rows sit behind desks, walls or seats."""
Kind = Literal["head", "distractor", "headless", "cover", "desk"]


@dataclass(frozen=True, slots=True)
class _Plan:
    """One thing to paste: where its head (or its middle, or the upper edge of a desk) goes and how large."""

    kind: Kind
    centre: tuple[float, float]
    side: float
    grounded: bool = False
    """The torso goes on to the lower edge of the frame, or until something covers it."""


@dataclass(frozen=True, slots=True)
class _Manner:
    """How the people of a scene hold themselves, as far as it is one way."""

    azimuth: float | None
    """That all of them face, degrees."""
    bowed: bool


def compose(
    rng: np.random.Generator, *, heads: Sequence[Cutout], backgrounds: Sequence[Image.Image], size: int
) -> Scene:
    """Compose one scene.

    Args:
        rng: where all chance comes from.
        heads: what may be pasted; none gives scenes without people.
        backgrounds: of `load_backgrounds`.
        size: side S of the square picture, pixels.

    Returns:
        The scene; equal arguments and an equal state of `rng` give equal scenes.
    """
    frame = _frame(rng, size=size)
    canvas = _Canvas(draw_background(rng, sources=backgrounds, size=frame[2:]))
    if rng.random() < 0.06:
        _texture(rng, canvas, heads=heads)
    # Rows of people listen to somebody, walk one way or stand with their backs to the camera.
    manner = _Manner(
        azimuth=_common(rng) if rng.random() < COMMON_SHARE else None, bowed=bool(rng.random() < BOWED_SHARE)
    )
    for plan in _plans(rng, frame=frame[2:], any_heads=bool(heads)):
        if plan.kind == "desk":
            _paste_desk(rng, canvas, plan=plan, backgrounds=backgrounds)
        else:
            _paste_plan(rng, canvas, plan=plan, heads=heads, manner=manner)
    seen, ignore, rotations = canvas.verdict()
    picture = photograph(rng, canvas.picture)
    if frame != (0, 0, size, size):
        edge = 0 if rng.random() < 0.7 else int(rng.integers(0, 256))
        whole = Image.new("RGB", (size, size), (edge, edge, edge))
        whole.paste(picture, frame[:2])
        picture = whole
    shift = np.array([frame[0], frame[1]] * 2, dtype=np.float64)
    turns = int(rng.choice(4, p=[0.9, 0.035, 0.03, 0.035]))
    return _turned(
        Scene(np.asarray(picture), seen + shift, ignore + shift, rotations), turns=turns, size=size
    )


def write_scenes(
    heads_folder: Path,
    out: Path,
    *,
    backgrounds: Sequence[Path],
    count: int,
    seed: int = 0,
    size: int = 256,
    shard: tuple[int, int] = (0, 1),
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write scenes as `scenes-*.tar`; shards that exist are kept, so a stopped run goes on.

    Scene number i depends on the heads, the backgrounds, the seed and i alone.

    Args:
        heads_folder: holds `heads-*.tar`, heads rendered with shoulders.
        out: folder of the shards.
        backgrounds: folders of panoramas, photographs without people or `backgrounds-*.tar`.
        count: scenes in all, over all machines.
        seed: start of all chance.
        size: side of the square pictures, pixels.
        shard: (i, n): this process writes every n-th shard file, starting with number i.
        progress: told the number of scenes after each shard.

    Returns:
        How many scenes this process wrote now.

    Raises:
        DataError: there are no heads or backgrounds, `shard` cannot be, or `out` holds another set.
    """
    part, parts = shard
    if not 0 <= part < parts:
        raise DataError(f"shard {part}/{parts} cannot be; count from 0 to {parts - 1}")
    sources = load_backgrounds(backgrounds)
    head_shards = find_shards(heads_folder)
    terms = composed_terms([heads_folder, *backgrounds], name="facing scenes")
    if is_unknown(terms["licence"]):
        log.warning("%s: the licence is %s; for each such folder, %s", out, terms["licence"], HOW_TO_STATE)
    state_terms(out, terms)
    written = 0
    for number in range(part, -(-count // SHARD_SCENES), parts):
        path = out / f"scenes-{seed:03d}-{number:05d}.tar"
        if path.exists():
            continue
        pool = load_pool(np.random.default_rng((seed, number, 1)), head_shards)
        wanted = range(number * SHARD_SCENES, min((number + 1) * SHARD_SCENES, count))
        written += write_shard(path, _scenes(wanted, heads=pool, backgrounds=sources, seed=seed, size=size))
        if progress is not None:
            progress(written)
    return written


def _scenes(
    wanted: range, *, heads: Sequence[Cutout], backgrounds: Sequence[Image.Image], seed: int, size: int
) -> Iterator[ShardSample]:
    for index in wanted:
        rng = np.random.default_rng((seed, index, 0))
        scene = compose(rng, heads=heads, backgrounds=backgrounds, size=size)
        label = {
            "schema": SCHEMA,
            "boxes": scene.boxes.round(2).tolist(),
            "ignore": scene.ignore.round(2).tolist(),
            "rotations": scene.rotations.round(5).tolist(),
        }
        yield ShardSample(f"{seed:03d}-{index:07d}", encode(scene.pixels), label)


def _common(rng: np.random.Generator) -> float:
    """Draw the azimuth that people face, degrees."""
    if rng.random() < BEHIND_SHARE:
        return float(rng.normal(180, BEHIND_SD_DEG))
    return float(rng.uniform(-180, 180))


def _frame(rng: np.random.Generator, *, size: int) -> tuple[int, int, int, int]:
    """Choose where the picture lies in the square: x, y, width, height; the rest is a border."""
    if rng.random() > 0.15:
        return 0, 0, size, size
    width, height = size, size
    short = int(size * rng.uniform(0.55, 0.95))
    if rng.random() < 0.5:
        width = short
    else:
        height = short
    return int(rng.integers(0, size - width + 1)), int(rng.integers(0, size - height + 1)), width, height


def _plans(rng: np.random.Generator, *, frame: tuple[int, int], any_heads: bool) -> list[_Plan]:
    """Say what is in the scene, back to front."""
    kind = rng.random() if any_heads else 0.0
    plans: list[_Plan] = []
    if kind < 0.1:
        pass
    elif kind < 0.34:
        plans = _crowd(rng, frame=frame)
    else:
        count = 1 if kind < 0.66 else int(rng.integers(2, 5)) if kind < 0.89 else int(rng.integers(5, 13))
        largest = min(frame) * (1.25 if count == 1 else 0.6 if count < 5 else 0.35)
        # A head alone is a portrait more often than not; its pictures fill half of the frame and more.
        tiny = 0.4 if count == 1 else 0.6
        smallest = SMALLEST_PX if rng.random() < tiny else 0.25 * largest
        for _ in range(count):
            side = _side(rng, smallest, largest)
            plans.append(_Plan("head", _place(rng, side, frame=frame), side, rng.random() < 0.8))
    if any_heads and rng.random() < 0.1:
        side = _side(rng, 14, 0.5 * min(frame))
        plans.append(_Plan("headless", _place(rng, side, frame=frame), side, grounded=True))
    plans.sort(key=lambda plan: plan.side)
    for _ in range(int(rng.choice([0, 1, 2, 4, 7], p=[0.4, 0.25, 0.17, 0.12, 0.06]))):
        side = _side(rng, 10, 0.7 * min(frame))
        thing = _Plan("distractor", _place(rng, side, frame=frame), side)
        plans.insert(int(rng.integers(0, len(plans) + 1)), thing)
    faces = [plan for plan in plans if plan.kind == "head"]
    if faces and rng.random() < 0.2:
        # A hand, a cup or a post in front of part of a head.
        face = faces[rng.integers(len(faces))]
        x, y = np.array(face.centre) + rng.normal(0, 0.45, size=2) * face.side
        plans.append(_Plan("cover", (float(x), float(y)), face.side * rng.uniform(0.4, 0.9)))
    return plans


def _side(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a side so that every doubling is equally likely; small frames give the lower limit."""
    return float(np.exp(rng.uniform(np.log(low), np.log(max(low, high)))))


def _place(rng: np.random.Generator, side: float, *, frame: tuple[int, int]) -> tuple[float, float]:
    """Put a head anywhere; its middle stays inside, large heads near the middle."""
    x, y = (rng.uniform(min(0.35 * side, 0.4 * f), f - min(0.35 * side, 0.4 * f)) for f in frame)
    return float(x), float(y)


def _crowd(rng: np.random.Generator, *, frame: tuple[int, int]) -> list[_Plan]:
    """Seat people in rows, near rows lower and larger."""
    width, height = frame
    rows = int(rng.integers(2, 8))
    near = _side(rng, 15, 0.22 * min(frame))
    far = max(near * rng.uniform(0.3, 0.9), 7.0)
    top, bottom = rng.uniform(0.1, 0.45) * height, rng.uniform(0.6, 1.0) * height
    filled = rng.uniform(0.5, 1.0)
    tight = rng.random() < 0.35
    if tight:
        near, bottom = _side(rng, 24, 0.3 * min(frame)), top + rng.uniform(0.5, 1.2) * near * rows
        far = near * rng.uniform(0.6, 0.95)
    desks = rng.random() < DESKS_SHARE
    plans: list[_Plan] = []
    for row, share in enumerate(np.linspace(0, 1, rows)):
        side = far + (near - far) * share
        y = top + (bottom - top) * share
        if desks:
            edge = y + side * rng.uniform(0.6, 1.8)
            plans.append(_Plan("desk", (width / 2, float(edge)), 1.2 * side))
        # Heads of a tight group hide a third of each other.
        step = side * (rng.uniform(0.6, 1.0) if tight else rng.uniform(1.1, 2.2))
        for x in np.arange(rng.uniform(-0.5, 0.5) * step, width + 0.3 * side, step):
            if rng.random() < filled and len(plans) < MOST_PLANS:
                jitter = rng.normal(0, 0.15, size=2) * side
                grown = side * float(np.exp(rng.normal(0, 0.1))) + 1e-3 * row
                plans.append(
                    _Plan("head", (float(x + jitter[0]), float(y + jitter[1])), grown, grounded=True)
                )
    return plans


class _Canvas:
    """The picture as it grows, who owns each pixel, and every head pasted so far."""

    def __init__(self, background: Image.Image) -> None:
        self.picture = background
        self._owner = np.zeros((background.height, background.width), dtype=np.int16)
        self._boxes: list[NDArray[np.float64]] = []
        self._rotations: list[NDArray[np.float64]] = []

    @property
    def size(self) -> tuple[int, int]:
        return self.picture.size

    def paste(self, piece: Image.Image, *, at: tuple[int, int], head: Cutout | None = None) -> None:
        """Paste a piece; with `head` (in pixels of the piece) it is counted as a head."""
        x, y = at
        left, top = max(x, 0), max(y, 0)
        right, bottom = min(x + piece.width, self.size[0]), min(y + piece.height, self.size[1])
        if right <= left or bottom <= top:
            return
        piece = piece.crop((left - x, top - y, right - x, bottom - y))
        self.picture.paste(piece, (left, top), piece)
        region = self._owner[top:bottom, left:right]
        cover = np.asarray(piece.getchannel("A")) > 127
        region[cover] = 0
        if head is None:
            return
        box = head.box + np.array([x, y, x, y])
        self._boxes.append(box)
        self._rotations.append(head.rotation)
        region[cover & _oval(box, left=left, top=top, shape=cover.shape)] = len(self._boxes)

    def verdict(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Give the boxes that count, those to ignore, and the rotations of the first."""
        boxes = np.array(self._boxes).reshape(-1, 4)
        rotations = np.array(self._rotations).reshape(-1, 3, 3)
        area = np.pi / 4 * (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        left = np.bincount(self._owner.ravel(), minlength=len(boxes) + 1)[1:]
        longest = (boxes[:, 2:] - boxes[:, :2]).max(1, initial=0)
        counts = (left >= VISIBLE_SHARE * area) & (longest >= SMALLEST_PX)
        doubtful = ~counts & (left >= HIDDEN_SHARE * area)
        return boxes[counts], boxes[doubtful], rotations[counts]


def _oval(box: NDArray[np.float64], *, left: int, top: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    x = (np.arange(shape[1]) + left + 0.5 - (box[0] + box[2]) / 2) / max((box[2] - box[0]) / 2, 0.5)
    y = (np.arange(shape[0]) + top + 0.5 - (box[1] + box[3]) / 2) / max((box[3] - box[1]) / 2, 0.5)
    return np.asarray((x * x)[None, :] + (y * y)[:, None] <= 1)


def _paste_plan(
    rng: np.random.Generator,
    canvas: _Canvas,
    *,
    plan: _Plan,
    heads: Sequence[Cutout],
    manner: _Manner,
) -> None:
    x, y = plan.centre
    if plan.kind in ("distractor", "cover"):
        piece = draw_distractor(rng, side=max(round(plan.side * 1.2), 6), skin=skin_colour(rng, heads))
        piece = _lit(rng, piece, canvas=canvas, centre=plan.centre)
        canvas.paste(piece, at=(round(x - piece.width / 2), round(y - piece.height / 2)))
        return
    head = _chosen(rng, heads, side=plan.side, manner=manner)
    if can_be_painted(head) and rng.random() < SMOOTH_HAIR:
        head = with_smooth_hair(rng, head)
    scale = plan.side / float((head.box[2:] - head.box[:2]).max())
    head = resized(head, scale=scale)
    if rng.random() < 0.3:
        head = tilted(head, degrees=float(rng.normal(0, 9)))
    if plan.kind == "headless":
        head = replace(head, picture=without_head(head))
    head = replace(head, picture=_lit(rng, head.picture, canvas=canvas, centre=plan.centre))
    middle = (head.box[:2] + head.box[2:]) / 2
    at = (round(x - middle[0]), round(y - middle[1]))
    head = replace(head, picture=finished(rng, head, below=canvas.size[1] - at[1], grounded=plan.grounded))
    if rng.random() < 0.3:
        head = replace(head, picture=head.picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2))))
    canvas.paste(head.picture, at=at, head=head if plan.kind == "head" else None)


def _paste_desk(
    rng: np.random.Generator, canvas: _Canvas, *, plan: _Plan, backgrounds: Sequence[Image.Image]
) -> None:
    """Put a strip over the whole width in front of a row: plain, or a piece of some background."""
    width, deep = canvas.size[0], max(round(plan.side * rng.uniform(0.8, 4.0)), 4)
    if rng.random() < 0.5:
        strip = draw_background(rng, sources=backgrounds, size=(width, deep))
    else:
        strip = Image.new("RGB", (1, 1), tuple(int(v) for v in rng.integers(0, 256, size=3)))
    strip = strip.resize((width, deep))
    if rng.random() < 0.5:
        # Lit from above: the top of a desk is brighter than its front.
        top = strip.crop((0, 0, width, max(deep // 4, 1))).point(
            [min(255, int(1.4 * v)) for v in range(256)] * 3
        )
        strip.paste(top, (0, 0))
    piece = strip.convert("RGBA").rotate(float(rng.normal(0, 2)), Image.Resampling.BILINEAR)
    canvas.paste(piece, at=(0, round(plan.centre[1])))


def _chosen(rng: np.random.Generator, heads: Sequence[Cutout], *, side: float, manner: _Manner) -> Cutout:
    """Draw a head, mirrored or not, that holds itself as the scene's people do, if one of a dozen does.

    For a large place prefer one that was rendered large, to spare it the blur.
    """
    drawn = []
    for _ in range(1 if side < 100 else 3):
        azimuth = manner.azimuth
        if azimuth is None and rng.random() < BEHIND_ALONE:
            azimuth = float(rng.normal(180, BEHIND_SD_DEG))
        for _ in range(1 if azimuth is None and not manner.bowed else 12):
            head = heads[int(rng.integers(len(heads)))]
            sign = -1 if rng.random() < 0.5 else 1
            apart = 0.0 if azimuth is None else sign * float(azimuth_deg(head.rotation)) - azimuth
            near = abs((apart + 180) % 360 - 180) < COMMON_WITHIN_DEG
            if near and (head.rotation[1, 2] < BOWED or not manner.bowed):
                break
        drawn.append((head, sign))
    head, sign = max(drawn, key=lambda one: float((one[0].box[2:] - one[0].box[:2]).max()))
    return mirrored(head) if sign < 0 else head


def _lit(
    rng: np.random.Generator, piece: Image.Image, *, canvas: _Canvas, centre: tuple[float, float]
) -> Image.Image:
    """Bring the light of a piece part of the way to the light around its place."""
    x, y = (min(max(int(c), 0), side - 1) for c, side in zip(centre, canvas.size, strict=True))
    reach = 24
    around = canvas.picture.crop((max(x - reach, 0), max(y - reach, 0), x + reach, y + reach)).resize((1, 1))
    there = np.array(around.getpixel((0, 0)), dtype=np.float64) + 12
    mean = piece.convert("RGBa").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert isinstance(mean, tuple)
    here = np.array(mean[:3], dtype=np.float64) * 255 / max(mean[3], 1) + 12
    level = there.mean() / here.mean()
    gain = np.clip(level ** rng.uniform(0, 0.6), 0.35, 1.7) * (there / here / level) ** rng.uniform(0, 0.3)
    gain = gain * np.exp(rng.normal(0, 0.12)) * np.exp(rng.normal(0, 0.03, size=3))
    table = np.minimum(np.arange(256) * gain[:, None], 255).astype(int).ravel().tolist()
    return piece.point(table + list(range(256)))


def _texture(rng: np.random.Generator, canvas: _Canvas, *, heads: Sequence[Cutout]) -> None:
    """Fill the background with small round things, as shelves, gravel and leaves do."""
    side = int(rng.integers(10, 40))
    for _ in range(int(rng.integers(8, 30))):
        piece = draw_distractor(rng, side=side, skin=skin_colour(rng, heads))
        x, y = (int(rng.integers(-side // 2, f)) for f in canvas.size)
        canvas.paste(piece, at=(x, y))


def _turned(scene: Scene, *, turns: int, size: int) -> Scene:
    """Turn a whole scene counter-clockwise by quarter turns, labels included."""
    if turns == 0:
        return scene
    angle = np.pi / 2 * turns
    c, s = round(np.cos(angle)), round(np.sin(angle))
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])

    def boxes(found: NDArray[np.float64]) -> NDArray[np.float64]:
        for _ in range(turns):
            found = quarter_turned(found, width=size)
        return found

    pixels = np.ascontiguousarray(np.rot90(scene.pixels, turns))
    return Scene(pixels, boxes(scene.boxes), boxes(scene.ignore), turn @ scene.rotations)
