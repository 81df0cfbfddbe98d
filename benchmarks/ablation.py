r"""Take one thing at a time out of the training of a pose network, at equal budget.

    python benchmarks/ablation.py --renders data --pictures ../shared/assets/photos_cc0 --work runs/ablation

`--renders` holds `train`, `train2` and `val2` (head shards; train2 has the later hair and skins). Every row
is the recipe nano from nothing, with the same crops and seed, measured on the held-out renders `val2` and on
heads of at least 48 px of the development photographs. Trainings that are done are kept with the commit that
made them (`facts` of the row): a stopped bench goes on.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from facing.bench.machine import facts, save_result
from photographs import load_photographs, measure_facing

BOTH = 'data=[{reader="shards",path="train"},{reader="shards",path="train2"}]'
ROWS: dict[str, tuple[str, ...]] = {
    "everything": (BOTH,),
    "the first renders alone": ('data=[{reader="shards",path="train"}]',),
    "the later renders alone": ('data=[{reader="shards",path="train2"}]',),
    "flat backgrounds": (BOTH, "augment.background_flat=1.0"),
    "nobody behind or before": (BOTH, "augment.person_behind=0.0", "augment.person_before=0.0"),
    "no low resolution, blur, motion, noise, JPEG": (
        BOTH,
        *(f"augment.{name}=0.0" for name in ("low_resolution", "blur", "motion", "noise", "jpeg")),
    ),
    "no patches and no border": (BOTH, "augment.patches=0.0", "augment.border=0.0"),
    "no colour, light and infrared": (
        BOTH,
        *(f"augment.{name}=0.0" for name in ("grey", "white_balance_sd", "contrast_sd", "tone_sd")),
        *(f"augment.{name}=0.0" for name in ("shade", "infrared")),
        "augment.saturation_low=1.0",
        "augment.saturation_high=1.0",
    ),
    "boxes without jitter": (BOTH, "augment.jitter.scale=0.0", "augment.jitter.shift=0.0"),
    "no landmarks": (BOTH, "head.landmarks=0.0"),
    "plain mean of the last maps": (BOTH, "model.neck=pool"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--renders", type=Path, required=True, help="folder of train, train2 and val2")
    parser.add_argument("--pictures", type=Path, required=True, help="folder of the CC0 photographs")
    parser.add_argument("--work", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--crops", type=int, default=76_800, help="seen by each network")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument(
        "--results", type=Path, default=Path(__file__).parent / "results", help="folder of results"
    )
    given = parser.parse_args()
    photos = load_photographs(given.pictures, part="all")
    rows = []
    print(f"{'row':<46} front  within 45  45 to 90  away   photographs", flush=True)
    for number, (name, changes) in enumerate(ROWS.items()):
        figures, made_on = _trained(given.work / f"{number:02d}", changes=changes, given=given)
        facing = measure_facing(photos, model=str(given.work / f"{number:02d}.onnx"))
        rows.append(
            {
                "row": name,
                "changes": list(changes),
                "renders": figures,
                "photographs": facing,
                "facts": made_on,
            }
        )
        shown = [figures[key] for key in ("front_deg", "below45_deg", "from45to90_deg", "above90_deg")]
        print(
            f"{name:<46} {shown[0]:5.2f}  {shown[1]:9.2f}  {shown[2]:8.2f}  {shown[3]:5.1f}  "
            f"{facing['right_48px']:.3f}",
            flush=True,
        )
    described = facts(threads=1) | {
        "suite": "ablation",
        "crops": given.crops,
        "seed": given.seed,
        "rows": rows,
    }
    print(save_result(described, suite="ablation", folder=given.results))


def _trained(
    run: Path, *, changes: tuple[str, ...], given: argparse.Namespace
) -> tuple[dict[str, float], dict[str, Any]]:
    """Train and export one row, unless that is done; give its last validation, and what it was made on."""
    kept = run.with_suffix(".json")
    if not kept.is_file():
        made_on = facts(threads=1)
        settings = (
            *changes,
            'validation={reader="shards",path="val2"}',
            f"optim.crops={given.crops}",
            f"optim.epoch_crops={given.crops}",
            f"seed={given.seed}",
        )
        facing = [sys.executable, "-m", "facing"]
        pose = [*facing, "train", "nano", "--data-root", str(given.renders), "--out", str(run), "--resume"]
        pose += [word for setting in settings for word in ("--set", setting)]
        subprocess.run(pose, check=True, capture_output=True)
        onnx = run.with_suffix(".onnx")
        subprocess.run([*facing, "export", str(run), "--out", str(onnx)], check=True, capture_output=True)
        names, *values = (run / "metrics.csv").read_text().splitlines()
        figures = dict(zip(names.split(","), map(float, values[-1].split(",")), strict=True))
        angles = {key: value for key, value in figures.items() if key.endswith("_deg")}
        kept.write_text(json.dumps(angles | {"facts": made_on}))
    read: dict[str, Any] = json.loads(kept.read_text())
    made_on = read.pop("facts", {"commit": "unknown"})  # rows that were kept before commits were
    return read, made_on


if __name__ == "__main__":
    main()
