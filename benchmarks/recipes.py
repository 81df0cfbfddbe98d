r"""Train every published recipe for a bench's budget on renders, and measure it on photographs.

    python benchmarks/recipes.py --renders data --pictures ../shared/data --weights ../shared/weights \
        --work runs

`--renders` holds `train` and `val` (head shards). Each job trains one recipe with one thread and a stated
number of crops, exports it and measures the file on labelled pictures, which decide nothing. Jobs that are
done are kept with the commit that made them (`facts`), so a stopped bench goes on; `--only` takes jobs by the
start of their names. Beside them stands an estimator that calls every head frontal.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facing.bench.machine import facts, save_result
from facing.datasets.sample import load_reader
from facing.evaluation.run import evaluate_set
from facing.pose import HeadPose
from facing.runtime.estimator import PoseEstimator

SETS = {"aflw2000": "AFLW2000", "drivface": "DrivFace", "pointing04": "Pointing04"}
KEPT = ("count", "found", "mae", "yaw", "pitch", "roll", "geodesic_mean", "maev", "front_angle", "accuracy")
# Published lengths are days on a GPU; here the same networks get minutes, so all start higher and fall to 0.
SHORT = (
    "optim.schedule=cosine",
    "optim.warmup=0.05",
    "optim.ema=0.99",
    "optim.clip=5.0",
    "optim.epochs=0",
    "optim.freeze_epochs=0",
    "background=train",
    # The published labels end at 99 degrees.
    'data=[{reader="shards", path="train", max_angle=99.0}]',
    'validation={reader="shards", path="val", max_angle=99.0}',
)
DENSE = ("precision=bf16-mixed",)
"""Dense convolutions take half the time in bfloat16, depthwise ones the same."""

UNKNOWN = {"facts": {"commit": "unknown"}}
"""Of jobs that were kept before commits were."""

SMALL_CROPS = ("crop.side=96", "augment.start=0.2", *DENSE)
SORD_AS_PUBLISHED = '{name="vector_soft_bins", compat=true, metric="log", soft_loss="bce"}'


@dataclass(frozen=True)
class Job:
    name: str
    recipe: str
    crops: int
    lr: float
    batch: int = 32
    pretrained: str = ""
    init: str = ""
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """A row of the compact system's table, which has three modes."""

    name: str
    crops: int
    lr: float
    pretrained: str = ""
    init: str = ""
    changes: tuple[str, ...] = ()


def jobs(weights: Path) -> list[Job]:
    mobilenet = str((weights / "mobilenet_v2-imagenet.npz").resolve())
    squeezenet = str((weights / "squeezenet1_1-imagenet.npz").resolve())
    # Networks without ImageNet weights at hand start from a common run on small crops: from nothing, a few
    # hundred steps of depthwise layers end where an estimator that calls every head frontal is.
    warm = [
        Job(f"warm-{name}", "compare-heads", crops, 2e-3, batch=64, changes=(f"model={model}", *SMALL_CROPS))
        for name, model, crops in (
            ("efficientnet", '{backbone="efficientnet_v2", variant="s"}', 16_000),
            ("mobilenet-half", '{backbone="mobilenet_v2", variant="0.5"}', 25_600),
            ("shufflenet", '{backbone="shufflenet_v2", variant="1.0"}', 25_600),
        )
    ]
    rows = [
        Row("mobilenet-224", 3_200, 5e-4, pretrained=mobilenet),
        Row("mobilenet-128", 6_400, 5e-4, pretrained=mobilenet),
        Row("mobilenet-half-224", 2_400, 1e-3, init="compact-{mode}-mobilenet-half-128"),
        Row("mobilenet-half-128", 3_200, 1e-3, init="warm-mobilenet-half"),
        Row("squeezenet-128", 9_600, 5e-4, pretrained=squeezenet, changes=DENSE),
        Row("shufflenet-160", 3_200, 1e-3, init="warm-shufflenet"),
    ]
    published = [
        Job(
            f"compact-{mode}-{row.name}",
            f"compact-{mode}-{row.name}",
            row.crops,
            row.lr,
            pretrained=row.pretrained,
            init=row.init.format(mode=mode),
            changes=row.changes,
        )
        for row in rows
        for mode in ("reg", "cls", "sord")
    ]
    heads = [
        Job(f"head-{name}", "compare-heads", 51_200, 2e-3, batch=128, changes=(f"head={table}",))
        for name, table in {
            "vector": '{name="vector"}',
            "vector_bins": '{name="vector_bins"}',
            "vector_soft_bins-squared": '{name="vector_soft_bins"}',
            "vector_soft_bins-published": SORD_AS_PUBLISHED,
            "euler_bins": '{name="euler_bins"}',
            "euler_multibin": '{name="euler_multibin"}',
            "rotation_6d": '{name="rotation_6d"}',
            "rotation_9d": '{name="rotation_9d"}',
        }.items()
    ]
    # The first stage learns most in the time at hand from many small crops, the later ones see more detail.
    tiny, small = ("crop.side=96", *DENSE), ("crop.side=128", *DENSE)
    six = 'head={name="rotation_6d"}'
    pyramid = [
        Job("pyramid-dad3dheads", "pyramid-dad3dheads", 40_000, 1e-3, init="warm-efficientnet", changes=tiny),
        Job(
            "pyramid-rotation_6d",
            "pyramid-dad3dheads",
            40_000,
            1e-3,
            init="warm-efficientnet",
            changes=(*tiny, six),
        ),
        Job("pyramid-300w-lp", "pyramid-300w-lp", 9_600, 1e-3, init="pyramid-dad3dheads", changes=small),
        Job("pyramid-biwi", "pyramid-biwi", 1_600, 3e-4, init="pyramid-300w-lp", changes=small),
    ]
    return [*warm, *heads, *pyramid, *published]


class AlwaysFrontal:
    """Every head looks straight into the camera."""

    def __call__(self, _picture: Any, /, *, boxes: Any = None) -> list[HeadPose]:
        return [HeadPose(box=tuple(box), score=1.0, rotation=np.eye(3)) for box in boxes or []]


def run(job: Job, *, renders: Path, pictures: Path, work: Path) -> dict[str, Any]:
    out = work / job.name
    done = out / "bench.json"
    if done.exists():
        return UNKNOWN | json.loads(done.read_text(encoding="utf-8"))
    made_on = facts(threads=1)
    # Validating takes longer than a short job trains.
    epoch = job.crops // 2 if job.name.startswith(("warm", "head")) else job.crops
    changes = [
        *SHORT,
        f"optim.crops={job.crops}",
        f"optim.epoch_crops={epoch}",
        f"optim.lr={job.lr}",
        f"optim.batch={job.batch}",
        f'model.pretrained="{job.pretrained}"',
        f"name={job.name}",
        *job.changes,
    ]
    began = time.perf_counter()
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    facing = [sys.executable, "-m", "facing"]
    log = out.with_suffix(".log")
    with log.open("a", encoding="utf-8") as stream:
        subprocess.run(
            [
                *facing,
                "train",
                job.recipe,
                "--data-root",
                str(renders),
                "--out",
                str(out),
                "--resume",
                "--threads",
                "1",
                *(["--init", str(work / job.init)] if job.init else []),
                *[word for change in changes for word in ("--set", change)],
            ],
            check=True,
            env=environment,
            stdout=stream,
            stderr=stream,
        )
        trained_s = time.perf_counter() - began
        subprocess.run(
            [*facing, "export", str(out), "--out", str(out / "model.onnx")],
            check=True,
            env=environment,
            stdout=stream,
            stderr=stream,
        )
    estimator = PoseEstimator(out / "model.onnx", None, threads=1)
    with (out / "metrics.csv").open(encoding="utf-8") as file:
        curve = [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]
    result = {
        "job": job.name,
        "recipe": job.recipe,
        "changes": [
            change.replace(job.pretrained, Path(job.pretrained).name) if job.pretrained else change
            for change in changes
        ],
        "init": job.init,
        "crops": job.crops,
        "seconds": round(trained_s, 1),
        "mb": round((out / "model.onnx").stat().st_size / 1e6, 2),
        "curve": curve,
        "sets": measure(estimator, pictures),
        "facts": made_on,
    }
    done.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(row_text(result), flush=True)
    return result


def measure(estimator: Any, pictures: Path) -> dict[str, Any]:
    measured = {}
    for name, folder in SETS.items():
        figures = evaluate_set(load_reader(name), pictures / folder, estimator=estimator).figures
        measured[name] = {key: figures[key] for key in KEPT if figures.get(key) is not None}
    return measured


def row_text(result: dict[str, Any]) -> str:
    sets, curve = result["sets"], result.get("curve") or [{}]
    figures = [
        f"{result.get('crops', 0):>7,}",
        f"{result.get('seconds', 0) / 60:5.1f}",
        f"{curve[-1].get('front_deg', float('nan')):6.1f}",
        f"{sets['aflw2000'].get('front_angle', float('nan')):6.2f}",
        f"{sets['aflw2000'].get('mae', float('nan')):6.2f}",
        f"{sets['drivface']['yaw']:6.2f}",
        f"{sets['pointing04']['yaw']:6.2f}",
    ]
    return f"| {result['job']} | {' | '.join(figures)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--renders", type=Path, required=True, help="folder with train and val shards")
    parser.add_argument("--pictures", type=Path, required=True, help="folder that holds the labelled sets")
    parser.add_argument("--weights", type=Path, required=True, help="folder of ImageNet weights")
    parser.add_argument("--work", type=Path, required=True, help="folder for runs")
    parser.add_argument("--only", nargs="*", default=[""], help="jobs by the start of their names")
    parser.add_argument("--workers", type=int, default=2, help="jobs side by side")
    parser.add_argument(
        "--results", type=Path, default=Path(__file__).parent / "results", help="folder of results"
    )
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    chosen = [job for job in jobs(args.weights) if job.name.startswith(tuple(args.only))]
    about = facts(threads=1)
    where = {"renders": args.renders, "pictures": args.pictures, "work": args.work}
    frontal = {"job": "always frontal", "sets": measure(AlwaysFrontal(), args.pictures), "facts": about}
    # A job that starts from another waits for it; all others run side by side.
    results = []
    with ThreadPoolExecutor(args.workers) as pool:
        for stage in _stages(chosen):
            results += pool.map(lambda job: run(job, **where), stage)
    print("| job | crops | min | val | AFLW2000 front | MAE | DrivFace yaw | Pointing'04 yaw |")
    print("|---|---|---|---|---|---|---|---|")
    for result in [frontal, *results]:
        print(row_text(result))
    print(save_result(about | {"jobs": [frontal, *results]}, suite="recipes", folder=args.results))


def _stages(chosen: list[Job]) -> list[list[Job]]:
    """Order jobs so that each one stands behind the one that it starts from."""
    stages, done, left = [], {""}, list(chosen)
    while left:
        ready = [job for job in left if job.init in done or job.init not in {other.name for other in left}]
        stages.append(ready)
        done |= {job.name for job in ready}
        left = [job for job in left if job not in ready]
    return stages


if __name__ == "__main__":
    main()
