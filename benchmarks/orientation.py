r"""Train the orientation recipes for a bench's budget on renders, and measure front, side and back.

    python benchmarks/orientation.py --renders data --pictures ../shared/data --pose runs/small --work runs

`--renders` holds `train` and `val` (head shards), `--pose` is a run of the pose network that
orientation-compact starts from. Each network, and the shipped pose network beside them, is measured on
renders of other people, with and without those within 10 degrees of a border, and by two protocols on
photographs, which decide nothing. Runs that are done are kept.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from facing.bench.machine import facts, save_result
from facing.datasets.orientation_classes import ORIENTATIONS, ClassRule
from facing.datasets.sample import LeftOut, Sample, load_reader, sample_pixels
from facing.evaluation.orientation import OrientationEstimator
from facing.evaluation.protocol import load_protocol
from facing.evaluation.run import evaluate_set
from facing.geometry.azimuth import azimuth_deg
from facing.runtime.estimator import PoseEstimator

PROTOCOLS = {"pointing04-orientation": "Pointing04", "cmu-straight-left-right": "CMU_faces"}
MARGINS = (0.0, 10.0)
SHORT = ("optim.schedule=cosine", "optim.warmup=0.05", "optim.ema=0.99")


def train(name: str, changes: list[str], *, renders: Path, init: Path | None, work: Path) -> Path:
    out = work / name
    model = out / "model.onnx"
    if model.exists():
        return model
    work.mkdir(parents=True, exist_ok=True)
    facing = [sys.executable, "-m", "facing"]
    start = ["--init", str(init)] if init else []
    sets = [word for change in changes for word in ("--set", change)]
    command = [*facing, "train", name, "--data-root", str(renders), "--out", str(out), "--resume"]
    with out.with_suffix(".log").open("a", encoding="utf-8") as log:
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        for words in (
            [*command, "--threads", "1", *start, *sets],
            [*facing, "export", str(out), "--out", str(model)],
        ):
            subprocess.run(words, check=True, env=environment, stdout=log, stderr=log)
    return model


def on_renders(estimator: Any, folder: Path, *, margin: float) -> dict[str, Any]:
    rule = ClassRule(margin=margin)
    pairs: list[tuple[str, str]] = []
    for sample in load_reader("shards").samples(folder):
        if isinstance(sample, LeftOut):
            continue
        true = _true(sample, rule)
        if true is not None:
            answer = estimator(sample_pixels(sample), boxes=[sample.heads[0].box])[0]
            label = getattr(answer, "label", None)
            pairs.append((true, label or ORIENTATIONS[_class(answer.rotation, ClassRule())]))
    right = np.array([true == said for true, said in pairs])
    shares = {name: float(right[[true == name for true, _ in pairs]].mean()) for name in ORIENTATIONS}
    return {"count": len(pairs), "accuracy": float(right.mean()), **shares}


def _true(sample: Sample, rule: ClassRule) -> str | None:
    number = _class(sample.heads[0].rotation, rule)
    return None if number < 0 else ORIENTATIONS[number]


def _class(rotation: Any, rule: ClassRule) -> int:
    return int(rule.classes(azimuth_deg(rotation)))


def measure(estimator: Any, *, renders: Path, pictures: Path) -> dict[str, Any]:
    figures: dict[str, Any] = {
        f"renders, margin {margin:g}": on_renders(estimator, renders / "val", margin=margin)
        for margin in MARGINS
    }
    for name, folder in PROTOCOLS.items():
        protocol = load_protocol(name)
        reader = load_reader(protocol.reader)
        measured = evaluate_set(reader, pictures / folder, estimator=estimator, protocol=protocol)
        figures[name] = measured.figures["classes"]
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--renders", type=Path, required=True, help="folder with train and val shards")
    parser.add_argument("--pictures", type=Path, required=True, help="folder that holds the labelled sets")
    parser.add_argument("--pose", type=Path, required=True, help="run folder of the default pose network")
    parser.add_argument("--work", type=Path, required=True, help="folder for runs")
    parser.add_argument("--only", nargs="*", help="recipes to train; all without it")
    parser.add_argument(
        "--results", type=Path, default=Path(__file__).parent / "results", help="folder of results"
    )
    args = parser.parse_args()
    about = facts(threads=1)
    jobs = {
        "orientation-compact": ([], args.pose),
        "orientation-simple": (
            [*SHORT, "optim.crops=48000", "optim.epoch_crops=12000", "optim.lr=4e-3", "augment.start=0.1"],
            None,
        ),
        # Smaller crops, so that a bench sees enough of them.
        "orientation-resnet18": (
            [*SHORT, "crop.side=80", "optim.batch=128", "optim.crops=96000", "optim.epoch_crops=16000"],
            None,
        ),
    }
    rows = [{"model": "small", **measure(PoseEstimator(detector=None, threads=1), **_where(args))}]
    print(rows[0], flush=True)
    for name, (changes, init) in jobs.items():
        if args.only is not None and name not in args.only:
            continue
        model = train(name, changes, renders=args.renders, init=init, work=args.work)
        figures = measure(OrientationEstimator(model, threads=1), **_where(args))
        rows.append({"model": name, "changes": changes, **figures})
        print(rows[-1], flush=True)
    print(save_result(about | {"models": rows}, suite="orientation", folder=args.results))


def _where(args: argparse.Namespace) -> dict[str, Path]:
    return {"renders": args.renders, "pictures": args.pictures}


if __name__ == "__main__":
    main()
