r"""Measure detector and facing on the development photographs: CC0 pictures whose heads were boxed by hand.

    python benchmarks/photographs.py --pictures ../shared/assets/photos_cc0

Thresholds and the `rise` of a detector are chosen here, on the part "measure", from which nothing learns, and
on held-out scenes, never on the sets of benchmarks/accuracy.py. The parts, the annotation and the rules of
counting: tests/data/README.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.bench.machine import facts, save_result
from facing.bench.photographs import read_photographs
from facing.bench.readings import found_heads
from facing.evaluation.detection_curve import detection_curve
from facing.geometry.boxes import overlap
from facing.runtime.detector import HeadDetector
from facing.runtime.estimator import PoseEstimator

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from facing.bench.photographs import Photograph
    from facing.runtime.detections import Detections

ANNOTATION = Path(__file__).parents[1] / "tests" / "data" / "photos_cc0.csv"
SIZES = (12, 24, 48, 96)
FACINGS = ("front", "left", "right", "back")
LEAST_OVERLAP = 0.4
LEAST_PX = 12
FLOOR = 0.05


def load_photographs(folder: Path, *, part: str) -> list[Photograph]:
    return list(read_photographs(ANNOTATION, folder, part=part))


def countable(photo: Photograph, boxes: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Mark the found boxes that are right or wrong: a head, or neither tiny nor in an ignored region."""
    right = overlap(boxes, photo.boxes).max(1, initial=0) >= LEAST_OVERLAP
    tiny = (boxes[:, 2:] - boxes[:, :2]).max(1, initial=0) < LEAST_PX
    inside = np.zeros(len(boxes))
    for region in photo.ignored:
        size = np.minimum(boxes[:, 2:], region[2:]) - np.maximum(boxes[:, :2], region[:2])
        shared = np.clip(size, 0, None).prod(1)
        inside = np.maximum(inside, shared / np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(1), 1e-9))
    return np.asarray(right | (~tiny & (inside < 0.5)))


def detect_with(
    detector: str, *, model: str | None, threshold: float | None, long_side: int | None
) -> Callable[[NDArray[np.uint8]], Detections]:
    """Give what finds heads: the detector alone, or with the pose network's second opinion."""
    heads = HeadDetector(detector, threshold=threshold, long_side=long_side, threads=1)
    if model is None:
        return heads.detect
    estimator = PoseEstimator(model, heads, threads=1)
    return lambda pixels: found_heads(estimator(pixels))


def measure_detector(
    photos: list[Photograph], *, detector: str, model: str | None, long_side: int | None
) -> dict[str, Any]:
    sweep, default = (
        detect_with(detector, model=model, threshold=threshold, long_side=long_side)
        for threshold in (FLOOR, None)
    )
    detected, strong, off, found = [], [], [], []
    for photo in photos:
        boxes, scores = sweep(photo.pixels)
        counts = countable(photo, boxes)
        detected.append((boxes[counts], scores[counts]))
        boxes, scores = default(photo.pixels)
        counts = countable(photo, boxes)
        boxes = boxes[counts]
        strong.append((boxes, scores[counts]))
        shared = overlap(photo.boxes, boxes)
        found.append(shared.max(1, initial=0) >= LEAST_OVERLAP)
        for label, row in zip(photo.boxes, shared, strict=True):
            if row.max(initial=0) >= LEAST_OVERLAP:
                best, side = boxes[row.argmax()], (label[2:] - label[:2]).max()
                off.append(
                    [
                        *((best[:2] + best[2:] - label[:2] - label[2:]) / 2 / side),
                        np.log((best[2:] - best[:2]).max() / side),
                    ]
                )
    labelled = [photo.boxes for photo in photos]
    curve, now = detection_curve(labelled, detected), detection_curve(labelled, strong)
    hit = np.concatenate(found)
    side = np.concatenate([(photo.boxes[:, 2:] - photo.boxes[:, :2]).max(1, initial=0) for photo in photos])
    facing = np.array([facing for photo in photos for facing in photo.facings])
    right, down, larger = np.median(np.array(off), axis=0)
    return {
        "recall": now.recall(0),
        "further": now.further(0),
        "recall_at_further": {
            str(f): curve.recall(curve.threshold(further=f)) for f in (0.05, 0.1, 0.3, 0.5)
        },
        "threshold_at_further": {str(f): curve.threshold(further=f) for f in (0.05, 0.1, 0.3, 0.5)},
        "recall_by_side_px": {
            f"{low}+": float(hit[(side >= low) & (side < high)].mean())
            for low, high in zip(SIZES, (*SIZES[1:], np.inf), strict=True)
        },
        "recall_by_facing_24px": {
            name: float(hit[(facing == name) & (side >= SIZES[1])].mean()) for name in FACINGS
        },
        "box_off_in_sides": {"right": float(right), "down": float(down), "log_size": float(larger)},
    }


def measure_facing(photos: list[Photograph], *, model: str) -> dict[str, Any]:
    estimator = PoseEstimator(model, None, threads=1)
    said: list[str] = []
    true: list[str] = []
    side: list[float] = []
    for photo in photos:
        said += [head.facing for head in estimator(photo.pixels, boxes=photo.boxes)]
        true += photo.facings
        side += (photo.boxes[:, 2:] - photo.boxes[:, :2]).max(1, initial=0).tolist()
    right = np.array(said) == np.array(true)
    told, large = np.array(true) != "", np.array(side) >= SIZES[2]
    return {
        "right": float(right[told].mean()),
        "right_48px": float(right[told & large].mean()),
        "right_48px_by_facing": {
            name: float(right[large & (np.array(true) == name)].mean()) for name in FACINGS
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=Path, required=True, help="folder of the CC0 photographs")
    parser.add_argument("--model", default="small", help="pose network: a name or a file")
    parser.add_argument("--detector", default="heads", help="head detector: a name or a file")
    parser.add_argument(
        "--part",
        choices=("measure", "learn", "all"),
        default="measure",
        help="of the photographs; networks from heads-4 and small-5 on learn from the part learn",
    )
    parser.add_argument("--long-side", type=int, help="of the detector's pictures, pixels")
    parser.add_argument(
        "--results", type=Path, default=Path(__file__).parent / "results", help="folder of results"
    )
    args = parser.parse_args()
    photos = load_photographs(args.pictures, part=args.part)
    result = {
        **facts(threads=1),
        "model": args.model,
        "detector": args.detector,
        "part": args.part,
        "photographs": len(photos),
        "heads": sum(len(photo.boxes) for photo in photos),
        "detection": measure_detector(photos, detector=args.detector, model=None, long_side=args.long_side),
        "detection_with_opinion": measure_detector(
            photos, detector=args.detector, model=args.model, long_side=args.long_side
        ),
        "facing": measure_facing(photos, model=args.model),
    }
    for part in ("detection", "detection_with_opinion", "facing"):
        for name, value in result[part].items():
            print(f"{part:<22} {name:<24} {_text(value)}")
    print(save_result(result, suite="photographs", folder=args.results))


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {number:.3f}" for name, number in value.items())
    return f"{value:.3f}"


if __name__ == "__main__":
    main()
