"""The scripts of benchmarks/: what their results say of themselves, and that the page lists them."""

import importlib
import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SETS = {name: {"yaw": 1.0, "front_angle": 1.0, "mae": 1.0} for name in ("aflw2000", "drivface", "pointing04")}


@pytest.fixture
def script(monkeypatch):
    """Give a function that imports a script by its name, as if it were run."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == BENCHMARKS:
            del sys.modules[name]


def at(commit):
    machine = {"cpu": "any", "cores": 1}
    return lambda **_: {"commit": commit, "machine": machine, "versions": {"facing": "0"}}


def test_recipes_name_the_commit_of_every_row(script, monkeypatch, tmp_path):
    recipes = script("recipes")
    monkeypatch.setattr(recipes, "measure", lambda *_: SETS)
    monkeypatch.setattr(recipes, "PoseEstimator", lambda *_, **__: None)
    monkeypatch.setattr(recipes.subprocess, "run", lambda *_, **__: None)
    rows = ("head-vector", "head-rotation_6d", "head-rotation_9d")
    for name in rows:
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.onnx").touch()
        (tmp_path / name / "metrics.csv").write_text("step,front_deg\n1,2\n")
    (tmp_path / "head-rotation_9d" / "bench.json").write_text(
        json.dumps({"job": "head-rotation_9d", "sets": SETS})
    )
    everything = recipes.jobs(tmp_path)
    words = [f"--{name}={tmp_path}" for name in ("renders", "pictures", "weights", "work", "results")]
    monkeypatch.setattr(sys, "argv", ["recipes.py", *words])
    for commit, names in (("first", {"head-rotation_6d"}), ("second", set(rows))):
        chosen = [job for job in everything if job.name in names]
        monkeypatch.setattr(recipes, "facts", at(commit))
        monkeypatch.setattr(recipes, "jobs", lambda _, chosen=chosen: chosen)
        recipes.main()
    result = json.loads(next((tmp_path / "0").glob("recipes--*.json")).read_text())
    assert {row["job"]: row["facts"]["commit"] for row in result["jobs"]} == {
        "always frontal": "second",
        "head-vector": "second",
        "head-rotation_6d": "first",
        "head-rotation_9d": "unknown",
    }


def test_the_ablation_names_the_commit_of_every_row(script, monkeypatch, tmp_path):
    ablation = script("ablation")
    monkeypatch.setattr(ablation, "ROWS", {"one": (), "two": (), "three": ()})
    monkeypatch.setattr(ablation, "load_photographs", lambda *_, **__: [])
    monkeypatch.setattr(ablation, "measure_facing", lambda *_, **__: {"right_48px": 1.0})
    monkeypatch.setattr(ablation.subprocess, "run", lambda *_, **__: None)
    figures = dict.fromkeys(("front_deg", "below45_deg", "from45to90_deg", "above90_deg"), 1.0)
    for number in range(2):
        (tmp_path / f"{number:02d}").mkdir()
        names, values = ",".join(figures), ",".join(map(str, figures.values()))
        (tmp_path / f"{number:02d}" / "metrics.csv").write_text(f"step,{names}\n8,{values}\n")
    (tmp_path / "02.json").write_text(json.dumps(figures))
    words = [f"--{name}={tmp_path}" for name in ("renders", "pictures", "work", "results")]
    monkeypatch.setattr(sys, "argv", ["ablation.py", *words])
    for commit in ("first", "second"):
        monkeypatch.setattr(ablation, "facts", at(commit))
        ablation.main()
        (tmp_path / "01.json").unlink()
    result = json.loads(next((tmp_path / "0").glob("ablation--*.json")).read_text())
    assert [row["facts"]["commit"] for row in result["rows"]] == ["first", "second", "unknown"]
    assert all(row["renders"] == figures for row in result["rows"])
    assert result["commit"] == "second"


def test_speed_says_at_which_side_yunet_looked(script, monkeypatch, tmp_path):
    speed = script("speed")
    row = {"name": "a", "detector": "b", "ratio": 1.0}
    row |= {
        stage: dict.fromkeys(("median_ms", "p10_ms", "p90_ms"), 1.0) for stage in ("detect", "pose", "total")
    }
    monkeypatch.setattr(speed, "systems", lambda _: [])
    monkeypatch.setattr(speed, "measure", lambda *_, **__: [row])
    picture = BENCHMARKS.parent / "src" / "facing" / "weights" / "demo.jpg"
    words = ["--picture", str(picture), "--yunet-side", "320", "--results", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["speed.py", *words])
    speed.main()
    (file,) = tmp_path.rglob("speed--*.json")
    assert json.loads(file.read_text())["yunet_side"] == 320


def test_the_page_has_one_table_with_every_script():
    lines = (BENCHMARKS / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [number for number, line in enumerate(lines) if line.startswith("|")]
    assert rows == list(range(rows[0], rows[0] + len(rows)))
    named = [lines[number].split("`")[1] for number in rows[2:]]
    assert sorted(named) == sorted(path.name for path in BENCHMARKS.glob("*.py"))
