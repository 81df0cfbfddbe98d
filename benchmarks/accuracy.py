"""Measure one fixed model on every labelled set at hand, with label boxes and with its own detector.

    python benchmarks/accuracy.py --data ../shared/data --renders data/held_out --empty photos/no_people

The sets are for evaluation only; nothing is chosen on them. Heads are also looked for in pictures in quarter
turns, and in photographs that show nobody.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from facing.bench.machine import facts, save_result
from facing.bench.readings import found_heads
from facing.datasets.sample import LeftOut, load_reader, sample_pixels
from facing.evaluation.detection_curve import detection_curve
from facing.evaluation.protocol import load_protocol
from facing.evaluation.run import evaluate_set
from facing.geometry.boxes import quarter_turned
from facing.runtime.estimator import PoseEstimator

FOLDERS = {
    "aflw2000": "AFLW2000",
    "aflw-crops": "AFLW_crops",
    "pointing04": "Pointing04",
    "drivface": "DrivFace",
    "cmu-faces": "CMU_faces",
    "dlib-faces": "dlib_faces",
    "scut-head": "SCUT_HEAD",
}
BOXES_ONLY = {"dlib-faces", "scut-head"}
TURNED = ("aflw2000", "drivface")
STRAIGHT = "cmu-straight-left-right"
# Tight crops and cut renders: the head fills the picture, so detection is another question.
LABELS_ONLY = {"aflw-crops", "shards"}
KEPT = [
    "count",
    "found",
    "skipped",
    "mae",
    "yaw",
    "pitch",
    "roll",
    "bias",
    "geodesic_mean",
    "geodesic_median",
    "maev",
    "front_angle",
    "accuracy",
    "accuracy_by",
    "by_yaw",
    "interval95",
    "facing_accuracy",
    "class_accuracy",
    "detector",
    "calibration",
]


def turned(estimator: PoseEstimator, folders: list[tuple[str, Path]], *, quarters: int) -> dict[str, float]:
    """Measure recall at overlap 0.4 and further boxes a picture on pictures in quarter turns."""
    labelled, detected = [], []
    for name, folder in folders:
        for sample in load_reader(name).samples(folder):
            if isinstance(sample, LeftOut):
                continue
            pixels = sample_pixels(sample)
            boxes = np.array([head.box for head in sample.heads], dtype=np.float64).reshape(-1, 4)
            for _ in range(quarters):
                boxes = quarter_turned(boxes, width=pixels.shape[1])
                pixels = np.ascontiguousarray(np.rot90(pixels))
            labelled.append(boxes)
            detected.append(found_heads(estimator(pixels)))
    curve = detection_curve(labelled, detected)
    return {"recall": curve.recall(0), "further_per_picture": curve.further(0)}


def on_nobody(estimator: PoseEstimator, folder: Path) -> dict[str, float]:
    """Count heads on photographs that show nobody."""
    found = [len(estimator(path)) for path in sorted(folder.glob("*.jpg"))]
    return {"pictures": len(found), "boxes_per_picture": float(np.mean(found))}


def told_apart(estimator: PoseEstimator, folder: Path) -> dict[str, float]:
    """Measure how many of CMU's heads are told apart as left, straight and right."""
    protocol = load_protocol(STRAIGHT)
    measured = evaluate_set(load_reader(protocol.reader), folder, estimator=estimator, protocol=protocol)
    return {key: measured.figures["classes"][key] for key in ("count", "accuracy")}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the sets")
    parser.add_argument("--renders", type=Path, help="folder of held-out heads-*.tar")
    parser.add_argument("--empty", type=Path, help="folder of photographs that show nobody")
    parser.add_argument("--model", default="small", help="pose network: a name or a file")
    parser.add_argument("--tta", action="store_true", help="read every head in four boxes")
    parser.add_argument("--detector", default="heads", help="head detector: a name or a file")
    parser.add_argument(
        "--results", type=Path, default=Path(__file__).parent / "results", help="folder of results"
    )
    args = parser.parse_args()

    estimator = PoseEstimator(args.model, args.detector, threads=1, tta=args.tta)
    sets = [(name, args.data / folder) for name, folder in FOLDERS.items()]
    if args.renders:
        sets.append(("shards", args.renders))
    rows: list[dict[str, Any]] = []
    for name, folder in sets:
        for boxes in ("labels", "detector"):
            if (boxes == "labels" and name in BOXES_ONLY) or (boxes == "detector" and name in LABELS_ONLY):
                continue
            figures = evaluate_set(load_reader(name), folder, estimator=estimator, boxes=boxes).figures
            rows.append(
                {
                    "set": name,
                    "boxes": boxes,
                    **{key: figures[key] for key in KEPT if figures.get(key) is not None},
                }
            )
            print(_line(rows[-1]), flush=True)
    result = facts(threads=1) | {
        "model": estimator.card.name,
        "detector": args.detector,
        "tta": args.tta,
        "sets": rows,
    }
    result[STRAIGHT] = told_apart(estimator, args.data / FOLDERS["cmu-faces"])
    heads = [(name, args.data / FOLDERS[name]) for name in TURNED]
    result["turned_deg"] = {
        str(90 * quarters): turned(estimator, heads, quarters=quarters) for quarters in range(4)
    }
    if args.empty:
        result["nobody"] = on_nobody(estimator, args.empty)
    for name in (STRAIGHT, "turned_deg", "nobody"):
        print(name, result.get(name))
    print(save_result(result, suite="accuracy-tta" if args.tta else "accuracy", folder=args.results))


def _line(row: dict[str, Any]) -> str:
    parts = [f"{row['set']:11s} {row['boxes']:8s} {row['found']:4d} of {row['count']:4d}"]
    parts += [f"{key} {row[key]:.2f}" for key in ("mae", "geodesic_mean", "yaw") if row.get(key) is not None]
    parts += [
        f"{key} {row[key]:.3f}"
        for key in ("facing_accuracy", "class_accuracy")
        if isinstance(row.get(key), float)
    ]
    found = row.get("detector")
    if found:
        parts.append(
            " ".join(f"{key} {value:.3f}" for key, value in found.items() if isinstance(value, float))
        )
    return "  ".join(parts)


if __name__ == "__main__":
    main()
