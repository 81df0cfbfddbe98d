"""How the error of a model grows with box, light, blur, cover and the like; the twin of --robustness."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.crop import CropSpec, crop_heads
from facing.datasets.sample import LeftOut, sample_pixels
from facing.errors import BoxError, DataError, FacingError
from facing.evaluation import metrics
from facing.evaluation.disturbances import DISTURBANCES, LANDMARKS, Cut, Disturbance, Head
from facing.evaluation.errors import RULES, pose_errors
from facing.evaluation.outcomes import Outcome, labelled_box
from facing.runtime.estimator import PoseEstimator

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from facing.datasets.sample import LabelledHead, Reader, Sample

    Picture = NDArray[np.uint8]
    Float = NDArray[np.float64]
    Slot = tuple[str, float]

SCHEMA = 1
BATCH = 256  # crops of one network call
UNDISTURBED: Slot = ("undisturbed", 0.0)
SMALL_MOVES: tuple[Slot, ...] = (
    *((f"shift_{where}", 5.0) for where in ("left", "right", "up", "down")),
    ("scale", -10.0),
    ("scale", 10.0),
)
"""Box moves over which the turn of the answer is averaged: as far as good detectors disagree."""
FIGURES = ("mae", "geodesic_mean", "front_angle", "yaw")
AGE_EDGES = (0, 13, 20, 40, 60)


def age_group(years: float) -> str:
    """Give the range of `AGE_EDGES` that holds an age, such as "20-39"."""
    low = max(edge for edge in AGE_EDGES if edge <= max(years, 0))
    later = [edge for edge in AGE_EDGES if edge > low]
    return f"{low}-{later[0] - 1}" if later else f"{low}+"


GROUPS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("skin", "origin", str),
    ("age", "years", age_group),
    ("sex", "sex", str),
)
"""Groups of heads: name, the tag it is read from, and how."""


def robustness_of_set(
    reader: Reader,
    folder: Path,
    *,
    model: str | os.PathLike[str] = "small",
    crop: CropSpec | None = None,
    limit: int | None = None,
    threads: int | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Read a set and measure a model on its heads, undisturbed and under every disturbance.

    Args:
        reader: of the set.
        folder: where its files are.
        model: a name or an .onnx file.
        crop: in place of the card's own, at the card's side.
        limit: look at this many pictures only, left-out ones included.
        threads: of one network call.
        seed: of the noise; equal seeds give equal figures.

    Returns:
        The figures of `robustness`, with the names of model and set, its box rule and the crop.

    Raises:
        DataError: the folder does not hold the set, or no head of it states a pose.
        ModelError: the model cannot be used or tells no direction.
    """
    estimator = crop_reader(model, threads=threads)
    spec = estimator.card.crop if crop is None else crop
    assert spec is not None  # the card of a pose network has a crop
    samples = islice(reader.samples(folder), limit)
    figures = robustness(samples, estimator, spec=replace(spec, side=estimator.crop.side), seed=seed)
    return {
        "model": estimator.card.name,
        "crop": spec.to_dict(),
        "dataset": reader.title,
        "box_rule": reader.box_rule,
        **figures,
    }


def crop_reader(model: str | os.PathLike[str], *, threads: int | None = None) -> PoseEstimator:
    """Open a model so that pictures of its crop's side are read as they are, with the whole as box."""
    return PoseEstimator(
        model, None, threads=threads, batch_size=BATCH, crop=CropSpec(scale=1.0, square="stretch")
    )


def robustness(
    samples: Iterable[Sample | LeftOut],
    estimator: PoseEstimator,
    *,
    spec: CropSpec,
    disturbances: Sequence[Disturbance] = DISTURBANCES,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure a model on labelled heads under every disturbance; each picture is read once.

    Args:
        samples: of a reader; boxes are the labelled ones.
        estimator: of `crop_reader`.
        spec: how heads are cut, at the model's side.
        disturbances: what is done to them.
        seed: of the noise.

    Returns:
        Figures ready for JSON, degrees; None where labels or model do not state what is needed:
        `undisturbed`; `turn_of_answer`; `disturbances`, each with its `levels`; `groups` of heads by
        their tags. A figure holds `count`, `mae`, `geodesic_mean`, `geodesic_median`, `front_angle`,
        `yaw`, `stated_error` and, where disturbed, `turn`: the mean angle to the undisturbed answer.

    Raises:
        DataError: no head states a pose.
    """
    seen = _Seen()
    views = _views(samples, seen, spec=spec, disturbances=disturbances, seed=seed)
    for chunk in _chunks(views, size=4 * BATCH):
        box = (0.0, 0.0, float(spec.side), float(spec.side))
        told = estimator.batch([view.pixels for view in chunk], boxes=[[box]] * len(chunk))
        for view, (pose,) in zip(chunk, told, strict=True):
            answer = Outcome(seen.keys[view.number], view.label, pose)
            seen.answers.setdefault(view.slot, {})[view.number] = answer
    plain = seen.answers.get(UNDISTURBED, {})
    if not plain:
        why = f" ({seen.failures[0][1]})" if seen.failures else ""
        raise DataError(f"no head with a labelled pose could be read{why}; give another set")
    undisturbed = _figures(plain)
    return {
        "boxes": "labels",
        "seed": seed,
        "count": len(plain),
        "skipped": dict(sorted(seen.left_out.items())),
        "failed_pictures": len(seen.failures),
        "failures": [{"key": key, "error": error} for key, error in seen.failures],
        "judged_by": next((name for name in RULES if undisturbed.get(name) is not None), None),
        "covered_by": {
            "landmarks": seen.with_points,
            "fractions_of_the_box": len(plain) - seen.with_points,
        },
        "undisturbed": undisturbed,
        "turn_of_answer": _turn_of_answer(seen.answers),
        "disturbances": [
            {
                "name": one.name,
                "panel": one.panel,
                "unit": one.unit,
                "levels": [
                    {"level": level, **_figures(seen.answers.get((one.name, level), {}), before=plain)}
                    for level in one.levels
                ],
            }
            for one in disturbances
        ],
        "groups": _groups(plain, tags=seen.tags),
    }


def robustness_table(figures: Mapping[str, Any], *, name: str) -> str:
    """Lay out the figures of `robustness`, one line per disturbance: level, colon, error."""
    rule = figures["judged_by"]
    plain, turn = figures["undisturbed"], figures["turn_of_answer"]
    lines = [
        f"{name}: {figures['count']} heads, mean {RULE_WORDS.get(rule, 'error')} in degrees by level",
        _line("undisturbed", f"{_deg(plain.get(rule))}  stated {_deg(plain['stated_error'])}"),
    ]
    if turn is not None:
        parts = f"box moved by 5 % {_deg(turn['shift'])}, changed by 10 % {_deg(turn['scale'])}"
        lines.append(_line("turn of the answer", f"{_deg(turn['mean'])}  ({parts})"))
    for one in figures["disturbances"]:
        cells = (f"{row['level']:g}: {_deg(row.get(rule))}" for row in one["levels"])
        lines.append(_line(one["name"].replace("_", " "), f"{'  '.join(cells)}  [{one['unit']}]"))
    for group, rows in figures["groups"].items():
        cells = (f"{label}: {_deg(row.get(rule))} ({row['count']})" for label, row in rows.items())
        lines.append(_line(f"by {group}", "  ".join(cells)))
    if figures["failed_pictures"]:
        lines.append(f"  {figures['failed_pictures']} pictures failed; robustness.json says why")
    return "\n".join(lines)


RULE_WORDS = {
    "geodesic_mean": "geodesic error",
    "front_angle": "error of the facing direction",
    "yaw": "error of the yaw",
}


@dataclass(frozen=True, slots=True)
class _View:
    """One crop that the network is to read."""

    slot: Slot
    number: int
    """Of the head."""
    label: LabelledHead
    pixels: Picture


@dataclass(slots=True)
class _Seen:
    """What a walk over the samples leaves behind."""

    keys: list[str] = field(default_factory=list)
    tags: list[Mapping[str, Any]] = field(default_factory=list)
    with_points: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[str, str]] = field(default_factory=list)
    answers: dict[Slot, dict[int, Outcome]] = field(default_factory=dict)


def _views(
    samples: Iterable[Sample | LeftOut],
    seen: _Seen,
    *,
    spec: CropSpec,
    disturbances: Sequence[Disturbance],
    seed: int,
) -> Iterator[_View]:
    for sample in samples:
        if isinstance(sample, LeftOut):
            seen.left_out[sample.reason] += 1
            continue
        posed = [head for head in sample.heads if head.rotation is not None and head.known]
        if not posed:
            seen.left_out["no labelled pose"] += 1
            continue
        try:
            picture = sample_pixels(sample)
            for label in posed:
                head, cut = _cut(picture, label, spec=spec)
                number = len(seen.keys)
                seen.keys.append(sample.key)
                seen.tags.append(sample.tags)
                seen.with_points += cut.points is not None
                yield _View(UNDISTURBED, number, label, cut.pixels)
                for place, one in enumerate(disturbances):
                    yield from _disturbed(head, cut, one, label=label, spec=spec, seed=(seed, number, place))
        except FacingError as error:
            seen.failures.append((sample.key, str(error)))


def _disturbed(
    head: Head,
    cut: Cut,
    one: Disturbance,
    *,
    label: LabelledHead,
    spec: CropSpec,
    seed: tuple[int, int, int],
) -> Iterator[_View]:
    number = seed[1]
    for place, level in enumerate(one.levels):
        slot = (one.name, level)
        if one.change is not None:
            rng = np.random.default_rng([*seed, place])
            yield _View(slot, number, label, one.change(cut, level, rng))
            continue
        assert one.move is not None  # a disturbance has one of the two
        moved = one.move(head, level)
        turned = moved.rotation is not head.rotation
        if turned and not {"yaw", "pitch"} <= set(label.known):
            continue  # where a turned head looks is not known from its yaw alone
        try:
            pixels = crop_heads(moved.picture, moved.box[None], spec).pixels[0]
        except BoxError:
            continue  # moved out of its picture; the count of the level tells
        own = replace(label, rotation=moved.rotation) if turned else label
        yield _View(slot, number, own, pixels)


def _cut(picture: Picture, label: LabelledHead, *, spec: CropSpec) -> tuple[Head, Cut]:
    box = np.asarray(labelled_box(label, picture), dtype=np.float64)
    crops = crop_heads(picture, box[None], spec)
    affine = crops.crop_from_picture[0]
    scale, start = np.diag(affine[:, :2]), affine[:, 2]
    points = next((points for points in label.landmarks.values() if len(points) == LANDMARKS), None)
    corners = np.array([(x, y) for x in (0, spec.side) for y in (0, spec.side)])
    far = (corners - start) / scale - (box[:2] + box[2:]) / 2
    # A few pixels of the crop more, for its filter.
    reach = float(np.linalg.norm(far, axis=1).max() + 4 * (1 / scale).max())
    assert label.rotation is not None  # asked for by the caller
    return (
        Head(picture, box, np.asarray(label.rotation, dtype=np.float64), max(reach, 1.0)),
        Cut(
            crops.pixels[0],
            box * np.tile(scale, 2) + np.tile(start, 2),
            None if points is None else np.asarray(points, dtype=np.float64)[:, :2] * scale + start,
        ),
    )


def _figures(
    answers: Mapping[int, Outcome], *, before: Mapping[int, Outcome] | None = None
) -> dict[str, Any]:
    outcomes = list(answers.values())
    errors = pose_errors(outcomes)
    stated = [one.pose.error_deg for one in outcomes if one.pose is not None]
    said = np.array([value for value in stated if value is not None])
    full = errors.by_name.get("geodesic_mean", np.zeros(0))
    figures: dict[str, Any] = {
        "count": len(outcomes),
        **{name: _mean(errors.by_name.get(name, np.zeros(0))) for name in FIGURES},
        "geodesic_median": float(np.median(full)) if len(full) else None,
        "stated_error": _mean(said),
    }
    return figures if before is None else {**figures, "turn": _mean(_turns(answers, before))}


def _turns(answers: Mapping[int, Outcome], before: Mapping[int, Outcome]) -> Float:
    """Measure how far answers moved, beyond what the picture itself was turned by; (N,) degrees."""
    pairs = [
        (old.head.rotation, old.pose, new.head.rotation, new.pose)
        for old, new in ((before[number], one) for number, one in answers.items())
        if old.pose is not None and new.pose is not None
    ]
    if not pairs:
        return np.zeros(0)
    labelled = np.array([label for label, _, _, _ in pairs], dtype=np.float64)
    moved = np.array([label for _, _, label, _ in pairs], dtype=np.float64)
    first = np.array([pose.rotation for _, pose, _, _ in pairs])
    second = np.array([pose.rotation for _, _, _, pose in pairs])
    expected = moved @ np.swapaxes(labelled, -1, -2) @ first
    knows_roll = all("roll" in pose.known for _, _, _, pose in pairs)
    return (metrics.geodesic_errors if knows_roll else metrics.front_errors)(second, expected)


def _turn_of_answer(answers: Mapping[Slot, Mapping[int, Outcome]]) -> dict[str, float | None] | None:
    before = answers[UNDISTURBED]
    turns = {slot: _turns(answers[slot], before) for slot in SMALL_MOVES if slot in answers}
    if not turns:
        return None
    shift = [values for (name, _), values in turns.items() if name != "scale"]
    scale = [values for (name, _), values in turns.items() if name == "scale"]
    return {
        "mean": _mean(np.concatenate([*shift, *scale])),
        "shift": _mean(np.concatenate([np.zeros(0), *shift])),
        "scale": _mean(np.concatenate([np.zeros(0), *scale])),
    }


def _groups(
    plain: Mapping[int, Outcome], *, tags: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, dict[str, Any]]]:
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for group, tag, read in GROUPS:
        members: dict[str, dict[int, Outcome]] = {}
        for number, outcome in plain.items():
            if tag in tags[number]:
                members.setdefault(read(tags[number][tag]), {})[number] = outcome
        if members:
            found[group] = {label: _figures(members[label]) for label in sorted(members)}
    return found


def _chunks(views: Iterable[_View], *, size: int) -> Iterator[list[_View]]:
    walk = iter(views)
    while chunk := list(islice(walk, size)):
        yield chunk


def _mean(values: NDArray[np.floating[Any]]) -> float | None:
    return float(values.mean()) if len(values) else None


def _line(name: str, text: str) -> str:
    return f"  {name:<22}{text}"


def _deg(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
