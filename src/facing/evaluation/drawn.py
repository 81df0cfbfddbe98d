"""Truth and estimate drawn into one picture: overlays of whole pictures and a sheet of the worst heads.

Truth is grey, the estimate coloured; heads whose roll is not known on both sides get arrows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facing.crop import CropSpec, crop_heads
from facing.datasets.convert import file_name
from facing.datasets.sample import ANGLES, sample_pixels
from facing.errors import DataError, FacingError
from facing.evaluation.classes import read_class, true_class
from facing.evaluation.errors import pose_errors
from facing.evaluation.outcomes import labelled_box
from facing.output.drawing import AMBER, GREY, draw
from facing.output.sink import save_picture
from facing.pose import HeadPose

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from facing.datasets.sample import LabelledHead
    from facing.evaluation.outcomes import Box, Outcome, Run

    Picture = NDArray[np.uint8]

STYLES = ("axes",)
LEAST_SIDE = 360  # smaller pictures are enlarged, so that arrows and legend can be read
TILE = CropSpec(side=208, scale=1.45, border="edge")
CAPTION = 66
INK, DIM, GROUND = (235, 237, 240), (166, 171, 178), (24, 27, 31)


class Ranked(NamedTuple):
    """A head and how far off it is."""

    outcome: Outcome
    error: float
    """Degrees by the rule of the run; for classes alone 1 where it is wrong."""


def overlay(picture: Picture, outcomes: Sequence[Outcome], *, styles: Iterable[str] = STYLES) -> Picture:
    """Draw the truth and the estimates of one picture, with a legend below.

    Args:
        picture: upright RGB, (H, W, 3).
        outcomes: its labelled heads.
        styles: of `facing.draw`.

    Returns:
        (H', W', 3): pictures under 360 pixels are enlarged by a whole factor, the legend is added below.

    Raises:
        UnknownNameError: there is no such style.
    """
    factor = max(1, round(LEAST_SIDE / max(picture.shape[:2])))
    large = np.asarray(
        Image.fromarray(picture).resize(
            (picture.shape[1] * factor, picture.shape[0] * factor), Image.Resampling.BICUBIC
        )
    )
    pairs = [(outcome, np.array(labelled_box(outcome.head, picture)) * factor) for outcome in outcomes]
    large = _both(large, pairs, styles=styles)
    if len(outcomes) == 1:
        rows = [(GREY, f"truth     {_truth(outcomes[0].head)}"), (AMBER, f"estimate  {_said(outcomes[0])}")]
    else:
        found = sum(outcome.found for outcome in outcomes)
        rows = [(GREY, f"truth     {len(outcomes)} heads"), (AMBER, f"estimate  {found} found")]
    return _with_legend(large, rows)


def write_overlays(run: Run, folder: Path, *, styles: Iterable[str] = STYLES) -> int:
    """Draw every picture of a run into a folder, one JPEG per picture, named after its key.

    Args:
        run: of `collect`; pictures that cannot be read are left out.
        folder: it is made.
        styles: of `facing.draw`.

    Returns:
        How many were written.

    Raises:
        DataError: the folder cannot be written.
        UnknownNameError: there is no such style.
    """
    wanted = tuple(styles)
    by_key: dict[str, list[Outcome]] = {}
    for outcome in run.outcomes:
        by_key.setdefault(outcome.key, []).append(outcome)
    failed = {key for key, _ in run.failures}
    count = 0
    for key, outcomes in by_key.items():
        sample = outcomes[0].sample
        if key in failed or sample is None:
            continue
        drawn = overlay(sample_pixels(sample), outcomes, styles=wanted)
        save_picture(drawn, folder / f"{file_name(key)}.jpg")
        count += 1
    return count


def worst(run: Run, *, count: int) -> list[Ranked]:
    """List the heads that are furthest off, the worst first; missed heads have no error and are not listed.

    Args:
        run: by geodesic error, or what the labels and the model allow; where only classes are known the
            wrong ones come first.
        count: at most.
    """
    errors = pose_errors(run.outcomes)
    if errors.rule:
        ranked = [Ranked(*pair) for pair in zip(errors.outcomes, errors.judged.tolist(), strict=True)]
    else:
        ranked = [
            Ranked(outcome, float(_class_of(outcome) != label))
            for outcome in run.outcomes
            if outcome.found and (label := true_class(outcome.head)) is not None
        ]
    return sorted(ranked, key=lambda one: -one.error)[:count]


def worst_sheet(run: Run, *, count: int, columns: int = 6) -> Picture:
    """Draw the heads that are furthest off as one contact sheet: crop, truth, estimate and their angles.

    Args:
        run: of `collect`; it may hold no error at all, and no head.
        count: of heads at most.
        columns: heads in a row at most.

    Returns:
        (H, W, 3) uint8.
    """
    tiles = [_tile(one, by_class=pose_errors(run.outcomes).rule is None) for one in worst(run, count=count)]
    if not tiles:
        empty = Image.new("RGB", (3 * TILE.side, CAPTION), GROUND)
        _write(empty, (10, 24), "no head has both a label and an estimate", size=13, ink=INK)
        return np.asarray(empty)
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    height, width = tiles[0].shape[:2]
    sheet = np.full((rows * height, columns * width, 3), GROUND, dtype=np.uint8)
    for index, tile in enumerate(tiles):
        y, x = index // columns * height, index % columns * width
        sheet[y : y + height, x : x + width] = tile
    return _with_legend(sheet, [(GREY, "truth"), (AMBER, "estimate (axes in colour, arrows amber)")])


def _tile(one: Ranked, *, by_class: bool) -> Picture:
    pixels = np.full((TILE.side, TILE.side, 3), GROUND, dtype=np.uint8)
    outcome = one.outcome
    try:
        if outcome.sample is None:
            raise DataError(f"{outcome.key} has no picture at hand; measure it from its set")
        picture = sample_pixels(outcome.sample)
        crop = crop_heads(picture, [labelled_box(outcome.head, picture)], TILE).pixels[0]
        gap = TILE.side * (1 - 1 / TILE.scale) / 2
        box = np.array([gap, gap, TILE.side - gap, TILE.side - gap])
        pixels = _both(crop, [(outcome, box)], styles=STYLES)
    except FacingError:
        pass  # a head without a picture still has its figures
    tile = Image.new("RGB", (TILE.side, TILE.side + CAPTION), GROUND)
    tile.paste(Image.fromarray(pixels), (0, 0))
    size = 12
    head = outcome.key if len(outcome.key) <= 24 else f"...{outcome.key[-21:]}"
    error = ("wrong" if one.error else "correct") if by_class else f"{one.error:.1f}\N{DEGREE SIGN}"
    _write(tile, (5, TILE.side + 3), f"{head}  {error}", size=size, ink=INK)
    _write(tile, (5, TILE.side + 23), f"true {_truth(outcome.head, short=True)}", size=size, ink=DIM)
    _write(tile, (5, TILE.side + 42), f"est. {_said(outcome, short=True)}", size=size, ink=AMBER)
    return np.asarray(tile)


def _both(
    picture: Picture, pairs: Sequence[tuple[Outcome, NDArray[np.float64]]], *, styles: Iterable[str]
) -> Picture:
    wanted = tuple(styles)
    truths, estimates = [], []
    for outcome, corners in pairs:
        head, pose = outcome.head, outcome.pose
        left, top, right, bottom = corners.tolist()
        box: Box = (left, top, right, bottom)
        # Both are drawn from the labelled box, so that only the turn differs.
        known = frozenset(head.known if pose is None else pose.known & set(head.known))
        if head.rotation is not None:
            turn = np.asarray(head.rotation, dtype=np.float64)
            truths.append(HeadPose(box=box, score=1.0, rotation=turn, error_deg=1.0, known=known))
        if pose is not None and "yaw" in pose.known:
            known = known if head.rotation is not None else pose.known
            estimates.append(HeadPose(box=box, score=1.0, rotation=pose.rotation, known=known))
    # Heads that are off by more than a limit are drawn grey: here that says "truth".
    grey = draw(picture, truths, styles=wanted, max_error_deg=0.0)
    return draw(grey, estimates, styles=wanted)


def _truth(head: LabelledHead, *, short: bool = False) -> str:
    if head.rotation is None:
        return head.label or "-"
    turn = np.asarray(head.rotation, dtype=np.float64)
    pose = HeadPose(box=(0, 0, 1, 1), score=1.0, rotation=turn, known=frozenset(head.known))
    return _angles(pose, short=short)


def _said(outcome: Outcome, *, short: bool = False) -> str:
    if not outcome.found:
        return "not found"
    if outcome.pose is None or "yaw" not in outcome.pose.known:
        return _class_of(outcome) or "-"
    if outcome.head.rotation is None:
        return f"{_class_of(outcome)}  {_angles(outcome.pose, short=short)}"
    return _angles(outcome.pose, short=short)


def _class_of(outcome: Outcome) -> str | None:
    if outcome.label is not None or outcome.pose is None:
        return outcome.label
    return read_class(outcome.pose, of={outcome.head.label or "front"})


def _angles(pose: HeadPose, *, short: bool) -> str:
    values = [(name, getattr(pose, name)) for name in ANGLES]
    if short:
        return "  ".join(f"{name[0]} {value:+.0f}" for name, value in values if value is not None)
    return "  ".join(f"{name} {value:+.1f}" for name, value in values if value is not None)


def _with_legend(picture: Picture, rows: Sequence[tuple[tuple[int, int, int], str]]) -> Picture:
    step, size = 22, 14
    height, width = picture.shape[:2]
    canvas = Image.new("RGB", (width, height + step * len(rows) + 10), GROUND)
    canvas.paste(Image.fromarray(picture), (0, 0))
    pen = ImageDraw.Draw(canvas)
    for number, (ink, text) in enumerate(rows):
        y = height + 6 + number * step
        pen.rectangle((8, y + 4, 20, y + 14), fill=ink)
        _write(canvas, (28, y), text, size=size, ink=INK)
    return np.asarray(canvas)


def _write(
    canvas: Image.Image, place: tuple[float, float], text: str, *, size: int, ink: tuple[int, int, int]
) -> None:
    ImageDraw.Draw(canvas).text(place, text, font=ImageFont.load_default(size=size), fill=ink)
