"""Labelled pictures + a model file -> the same file with a table from spread to degrees in its card."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from facing.datasets.sample import ANGLES, LeftOut, sample_pixels
from facing.datasets.split import drawn
from facing.errors import DataError, FacingError, ModelError
from facing.evaluation.metrics import expected_calibration_error, geodesic_errors
from facing.evaluation.outcomes import labelled_box
from facing.export.card_file import embed_card
from facing.export.shifts import View, shifted
from facing.export.spread_table import LEAST_GROUP, fit_table
from facing.geometry.rotation import rotation_from_rotvec_rad
from facing.runtime.calibration import error_deg_from_spread
from facing.runtime.estimator import PoseEstimator
from facing.runtime.weights import weights_path
from facing.shards import read_shard

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from facing.datasets.sample import LabelledHead, Reader, Sample
    from facing.runtime.calibration import Calibration
    from facing.runtime.card import Card

    Float = NDArray[np.float64]

LEAST_HEADS = 100
"""Heads below which a table says more about chance than about the network."""
MOST_BACKGROUNDS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How a table is fitted.

    Attributes:
        share: of the fit that undisturbed heads have, 0 to 1.
        draws: disturbed readings of every head.
        seed: of what is drawn.
        limit: pictures of each set at most; None for all.
    """

    share: float = 0.5
    draws: int = 4
    seed: int = 0
    limit: int | None = None

    def __post_init__(self) -> None:
        """Check what was asked for."""
        if not 0 <= self.share <= 1:
            raise DataError(f"share is {self.share:g}; give a part of the fit from 0 to 1")
        if self.draws < (self.share < 1):
            raise DataError(f"draws is {self.draws}; give 1 or more, or a share of 1")


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """What a network said about heads whose pose is known, R readings of N heads.

    Attributes:
        spread_rad: (R,).
        error_deg: (R,), geodesic errors.
        disturbed: (R,), False for heads as their pictures show them.
        second_half: (R,), the half that a reading belongs to; sources are never on both sides.
        failures: (key, sentence) of heads that could not be read.
    """

    spread_rad: Float
    error_deg: Float
    disturbed: NDArray[np.bool_]
    second_half: NDArray[np.bool_]
    failures: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """A model file that was calibrated.

    Attributes:
        card: as it is in the file now.
        figures: what the card says about the fit, `card.measured["calibration"]`.
        failures: (key, sentence) of heads that could not be read.
    """

    card: Card
    figures: dict[str, Any]
    failures: tuple[tuple[str, str], ...]


def calibrate(
    model: str | os.PathLike[str],
    sets: Sequence[tuple[Reader, Path]],
    out: Path,
    *,
    fit: Fit | None = None,
    name: str | None = None,
    threads: int | None = None,
) -> Calibrated:
    """Fit the table from spread to degrees and write a copy of the model whose card carries it.

    The twin of `facing calibrate`. Weights and rotations stay as they are. Equal calls write equal files.

    Args:
        model: name of shipped weights or an .onnx file; it must give rotations and spreads.
        sets: readers with the folders of their sets, of pictures that the network was not trained on.
        out: the file to write, whole or not at all; it may be `model`.
        fit: how; None for the usual way.
        name: of the calibrated weights; None keeps the card's.
        threads: of one network call.

    Returns:
        The new card, with `measured["calibration"]`: heads of each set, settings, and expected calibration
        errors in degrees before and after, of disturbed and undisturbed heads, with a table fitted on the
        other half of the sources.

    Raises:
        ModelError: the model gives no rotation or no spread, or its spread is always the same.
        DataError: the sets hold too few heads of which all three angles are known.
        MissingExtraError: onnx is not installed.
    """
    fit = fit or Fit()
    path = weights_path(model)
    estimator = PoseEstimator(path, None, threads=threads)
    if not {"rotation", "spread"} <= set(estimator.card.outputs):
        raise ModelError(
            f"{path} gives {', '.join(estimator.card.outputs)}; calibrate one with rotation and spread"
        )
    parts = [
        read_spreads(
            estimator, islice(reader.samples(folder), fit.limit), fit=fit, backgrounds=backgrounds(folder)
        )
        for reader, folder in sets
    ]
    readings = _joined(parts)
    heads = [int(np.count_nonzero(~part.disturbed)) for part in parts]
    if sum(heads) < LEAST_HEADS:
        raise DataError(
            f"{sum(heads)} heads have a full label and could be read; a table needs {LEAST_HEADS} or more"
        )
    table = fit_table(readings.spread_rad, readings.error_deg, weight=weights(readings, share=fit.share))
    figures: dict[str, Any] = {
        "sets": [
            {"name": reader.title, "heads": count} for (reader, _), count in zip(sets, heads, strict=True)
        ],
        "share": fit.share,
        "draws": fit.draws,
        "seed": fit.seed,
        "ece_deg": held_out_errors(readings, before=estimator.card.calibration, share=fit.share),
    }
    card = replace(
        estimator.card,
        name=name or estimator.card.name,
        calibration=table,
        measured={**estimator.card.measured, "calibration": figures},
    )
    embed_card(path, card, out)
    return Calibrated(card, figures, readings.failures)


def read_spreads(
    estimator: PoseEstimator,
    samples: Iterable[Sample | LeftOut],
    *,
    fit: Fit,
    backgrounds: Sequence[NDArray[np.uint8]] = (),
) -> Readings:
    """Read every fully labelled head as it is and under drawn shifts.

    Args:
        estimator: without a detector; it must give rotations and spreads.
        samples: of a reader; a picture that cannot be read is in `failures` and stops nothing.
        fit: draws and seed.
        backgrounds: (H, W, 3) pictures that are laid behind renders; plain colours where there are none.
    """
    rows: list[tuple[float, float, bool, bool]] = []
    failures: list[tuple[str, str]] = []
    for sample in samples:
        if isinstance(sample, LeftOut):
            continue
        half = drawn(sample.source or sample.key, seed=fit.seed)[0] % 2 == 1
        for place, head in enumerate(sample.heads):
            if head.rotation is None or len(head.known) < len(ANGLES):
                continue
            rng = np.random.default_rng([*drawn(f"{sample.key}\n{place}", seed=fit.seed)])
            try:
                readings = _read_head(
                    estimator, sample, head, rng=rng, draws=fit.draws, backgrounds=backgrounds
                )
            except FacingError as fault:
                failures.append((sample.key, str(fault)))
                continue
            rows += [(*reading, number > 0, half) for number, reading in enumerate(readings)]
    spread, error, disturbed, second = (
        [np.array(column) for column in zip(*rows, strict=True)] if rows else [np.zeros(0)] * 4
    )
    return Readings(spread, error, disturbed.astype(bool), second.astype(bool), tuple(failures))


def weights(readings: Readings, *, share: float) -> Float:
    """Give undisturbed readings a share of the whole weight and disturbed ones the rest, (R,).

    Where one kind is not there, the other has all the weight.
    """
    disturbed = readings.disturbed
    parts = np.where(disturbed, 1 - share, share)
    counts = np.where(disturbed, disturbed.sum(), (~disturbed).sum())
    given = parts / np.maximum(counts, 1)
    return np.asarray(given if given.sum() > 0 else np.ones(len(disturbed)))


def held_out_errors(
    readings: Readings, *, before: Calibration | None, share: float
) -> dict[str, dict[str, float | None]]:
    """Measure the expected calibration error on heads that the table was not fitted on.

    Args:
        readings: each half of their sources is judged by a table of the other half.
        before: table that the card had.
        share: of undisturbed heads in the fits.

    Returns:
        `before` and `after`, each with `undisturbed` and `disturbed`, degrees; None where a half is empty.
    """
    after = np.full(len(readings.spread_rad), np.nan)
    weight = weights(readings, share=share)
    for half in (readings.second_half, ~readings.second_half):
        if np.count_nonzero(~half & (weight > 0)) < 2 * LEAST_GROUP:
            continue
        table = fit_table(readings.spread_rad[~half], readings.error_deg[~half], weight=weight[~half])
        after[half] = error_deg_from_spread(readings.spread_rad[half], calibration=table)
    stated = {"before": error_deg_from_spread(readings.spread_rad, calibration=before), "after": after}
    kinds = {"undisturbed": ~readings.disturbed, "disturbed": readings.disturbed}
    return {
        when: {kind: _ece(said[rows], readings.error_deg[rows]) for kind, rows in kinds.items()}
        for when, said in stated.items()
    }


def backgrounds(folder: Path) -> list[NDArray[np.uint8]]:
    """Read the background pictures that lie beside the shards of renders; other sets have none."""
    files = sorted(folder.glob("backgrounds-*.tar")) if folder.is_dir() else []
    entries = (entry for path in files for entry in read_shard(path))
    return [entry.pixels(coverage=False) for entry in islice(entries, MOST_BACKGROUNDS)]


def _read_head(
    estimator: PoseEstimator,
    sample: Sample,
    head: LabelledHead,
    *,
    rng: np.random.Generator,
    draws: int,
    backgrounds: Sequence[NDArray[np.uint8]],
) -> list[tuple[float, float]]:
    """Give spread and error of a head as it is, then of each of its shifts."""
    picture = sample_pixels(sample, behind=_behind(rng, backgrounds))
    box = labelled_box(head, picture)
    views = [View(picture, box), *(shifted(picture, box, rng) for _ in range(draws))]
    told = estimator.batch([view.pixels for view in views], boxes=[[view.box] for view in views])
    turns = rotation_from_rotvec_rad([[0.0, 0.0, math.radians(view.turn_deg)] for view in views])
    errors = geodesic_errors([pose.rotation for (pose,) in told], turns @ np.asarray(head.rotation))
    spreads = [pose.spread for (pose,) in told if pose.spread is not None]
    return list(zip(spreads, errors.tolist(), strict=True))


def _behind(
    rng: np.random.Generator, backgrounds: Sequence[NDArray[np.uint8]]
) -> Callable[[int, int], NDArray[Any]]:
    """Give what draws a background, or a plain colour, to lay a render over."""

    def draw(height: int, width: int) -> NDArray[Any]:
        plain = rng.uniform(0, 255, size=3)
        if not backgrounds:
            return np.broadcast_to(plain, (height, width, 3))
        chosen = Image.fromarray(backgrounds[int(rng.integers(len(backgrounds)))])
        return np.asarray(chosen.resize((width, height)))

    return draw


def _joined(parts: Sequence[Readings]) -> Readings:
    return Readings(
        np.concatenate([part.spread_rad for part in parts]),
        np.concatenate([part.error_deg for part in parts]),
        np.concatenate([part.disturbed for part in parts]),
        np.concatenate([part.second_half for part in parts]),
        tuple(failure for part in parts for failure in part.failures),
    )


def _ece(stated: Float, true: Float) -> float | None:
    value = None if np.isnan(stated).any() else expected_calibration_error(stated, true)
    return None if value is None else round(value, 4)
