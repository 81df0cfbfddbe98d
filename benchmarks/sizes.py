"""Measure pose networks of several sizes on label boxes, each beside its float version where one is named.

    python benchmarks/sizes.py --models nano small small-float --data ../shared/data --renders data/val

The sets are for evaluation only; nothing is chosen on them. benchmarks/networks.py times the same networks.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from facing.bench.machine import facts, save_result
from facing.datasets.sample import load_reader
from facing.evaluation.run import evaluate_set
from facing.runtime.estimator import PoseEstimator

FOLDERS = {"aflw2000": "AFLW2000", "aflw-crops": "AFLW_crops", "drivface": "DrivFace"}
KEPT = ("count", "mae", "yaw", "pitch", "roll", "geodesic_mean", "geodesic_median")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=["nano", "small"], help="names or files")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the sets")
    parser.add_argument("--renders", type=Path, required=True, help="folder of held-out heads-*.tar")
    parser.add_argument(
        "--results", type=Path, default=Path(__file__).parent / "results", help="folder of results"
    )
    given = parser.parse_args()
    described = facts(threads=1)
    folders = {name: given.data / folder for name, folder in FOLDERS.items()} | {"shards": given.renders}
    rows: list[dict[str, Any]] = []
    for model in given.models:
        estimator = PoseEstimator(model, None, threads=1)
        row: dict[str, Any] = {"model": estimator.card.name}
        for name, folder in folders.items():
            figures = evaluate_set(load_reader(name), folder, estimator=estimator, boxes="labels").figures
            row[name] = {key: figures[key] for key in KEPT if figures.get(key) is not None}
            if name == "aflw2000":
                row[name]["beyond_60"] = next(part["mae"] for part in figures["by_yaw"] if part["from"] >= 60)
        rows.append(row)
        print(_line(row), flush=True)
    print(save_result(described | {"suite": "sizes", "models": rows}, suite="sizes", folder=given.results))


def _line(row: dict[str, Any]) -> str:
    label = row["aflw2000"]
    return (
        f"{row['model']:<16} AFLW2000 {label['mae']:.2f} / {label['geodesic_mean']:.2f}, beyond 60 "
        f"{label['beyond_60']:.2f}; AFLW crops yaw {row['aflw-crops']['yaw']:.2f}; DrivFace yaw "
        f"{row['drivface']['yaw']:.2f}; renders {row['shards']['geodesic_median']:.2f}"
    )


if __name__ == "__main__":
    main()
