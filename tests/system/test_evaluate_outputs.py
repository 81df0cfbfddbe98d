"""Every output of `facing evaluate`, on a set written here and on genuine pictures where they are at hand."""

import csv
import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from constant_models import write_pose_model
from facing.cli import main
from facing.cli._evaluate.crops import asked_crop
from facing.crop import PUBLISHED, CropSpec
from facing.geometry.rotation import rotation_from_euler
from facing.runtime.card import Card
from facing.runtime.weights import shipped
from facing.shards import ShardSample, encode, write_shard
from tiny_models import write_pose

SHARED = Path(__file__).parents[2].parent / "shared"
DATA = SHARED / "data"
YAWS = (-60, -20, 0, 10, 30, 100)
needs_data = pytest.mark.skipif(
    not (DATA.is_dir() and shipped()), reason="needs the labelled pictures beside the repository"
)


def write_set(folder, yaws=YAWS, *, shade=150):
    samples = []
    for number, yaw in enumerate(yaws):
        label = {
            "schema": 1,
            "rotation": rotation_from_euler(yaw=yaw, pitch=0, roll=0).tolist(),
            "box": [8, 8, 56, 56],
            "landmarks": None,
            "identity": number,
        }
        pixels = np.full((64, 64, 3), shade + number, np.uint8)
        samples.append(ShardSample(f"{number:03d}", encode(pixels), label))
    write_shard(folder / "heads-000.tar", samples)
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a set and a model that says yaw 10 to every head, which is also the current folder."""
    monkeypatch.chdir(tmp_path)
    write_set(tmp_path / "set")
    write_pose_model(tmp_path / "model.onnx", yaw=10)
    return tmp_path


def run(*arguments):
    try:
        main(["evaluate", *map(str, arguments), "--threads", "1"])
    except SystemExit as end:
        return end.code or 0
    return 0


def test_all_outputs_at_once(place, capsys):
    pytest.importorskip("matplotlib", reason="needs the extra report")
    given = "--data shards:set --model model.onnx --json figures.json --errors errors.json --threshold 35"
    given += " --threshold 42.5 --by yaw --by roll --bin 30 --hard 60 --overlays drawn --styles axes,arrow"
    given += " --plots plots --worst 3 --out bad.png --html report.html --compat-metrics"
    assert run(*given.split()) == 0
    figures = json.loads((place / "figures.json").read_text())
    errors = np.array([abs(10 - yaw) for yaw in YAWS])
    assert figures["geodesic_mean"] == pytest.approx(errors.mean(), abs=1e-3)
    assert figures["accuracy"]["35"] == figures["front_accuracy"]["35"] == pytest.approx(4 / 6)
    assert set(figures["accuracy"]) == {"5", "10", "15", "35", "42.5"}
    counts = [row["count"] for row in figures["by_range"]["yaw"]]
    assert counts == [1, 1, 2, 1, 0, 1]  # from -60, -30, 0, 30, 60, 90
    assert figures["hard"]["keys"] == ["heads-000/005", "heads-000/000"]
    assert figures["classes"]["count"] == 6
    assert figures["compat"]["mae_forgiving_180"] <= figures["mae"] + 1e-9
    assert len(json.loads((place / "errors.json").read_text())["heads"]) == 6
    assert len(list((place / "drawn").iterdir())) == 6
    assert {path.suffix for path in (place / "plots").iterdir()} == {".png", ".svg"}
    with Image.open("bad.png") as sheet:
        assert sheet.size[0] == 3 * 208
    page = (place / "report.html").read_text()
    assert "constant-1" in page
    text = capsys.readouterr()
    assert "66.7 % in 35" in text.out
    assert "    heads-000/005\n    heads-000/000" in text.out
    assert "report in report.html" in text.err


def test_without_these_options_nothing_else_is_written(place):
    assert run("--data", "shards:set", "--model", "model.onnx") == 0
    assert sorted(path.name for path in place.iterdir()) == ["model.onnx", "set"]


@pytest.mark.parametrize("out", ["sheet", "sheet.pdf"])
def test_a_sheet_that_cannot_be_written_is_refused_before_anything_is_measured(place, capsys, out):
    given = ("--data", "shards:set", "--model", "nowhere.onnx", "--worst", 2, "--out", out)
    assert run(*given) == 2
    assert f"--out {out} is neither .png nor .jpg" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    "option", [("--plots", "plots"), ("--html", "report.html"), ("--robustness", "robust")]
)
def test_plots_without_matplotlib_are_refused_before_anything_is_measured(place, capsys, monkeypatch, option):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run("--data", "shards:set", "--model", "nowhere.onnx", *option) == 4
    assert 'pip install "facing[report]"' in capsys.readouterr().err


def test_figures_are_saved_before_anything_is_drawn(place):
    (place / "drawn").touch()  # no folder
    given = ("--data", "shards:set", "--model", "model.onnx", "--overlays", "drawn")
    assert run(*given, "--json", "figures.json", "--errors", "errors.json") == 3
    assert json.loads((place / "figures.json").read_text())["count"] == 6
    assert (place / "errors.json").is_file()


def test_names_that_the_terminal_cannot_show_do_not_stop_it(place, monkeypatch):
    for name in ("\N{GREEK SMALL LETTER MU}", "front"):
        (place / "named" / name).mkdir(parents=True)
        Image.new("RGB", (64, 64)).save(place / "named" / name / "1.png")
    shown = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", shown)
    given = ("--data", "class-folder:named", "--model", "model.onnx", "--json", "figures.json")
    assert run(*given) == 0
    shown.flush()
    assert "\N{GREEK SMALL LETTER MU}" in shown.buffer.getvalue().decode("utf-8")
    assert (place / "figures.json").is_file()


def test_sets_of_one_reader_do_not_take_each_others_place(place, capsys):
    pytest.importorskip("matplotlib", reason="needs the extra report")
    write_set(place / "other", [5], shade=90)
    sets = ("--data", "shards:set", "--data", "shards:other")
    given = "--model model.onnx --json figures.json --errors errors.json --overlays drawn --plots plots"
    assert run(*sets, *given.split(), "--worst", 2, "--out", "bad.png") == 0
    figures = json.loads((place / "figures.json").read_text())["sets"]
    assert [(one["name"], one["folder"]) for one in figures] == [("shards", "set"), ("shards-2", "other")]
    errors = json.loads((place / "errors.json").read_text())
    assert [row["set"] for row in errors["heads"]] == ["shards"] * 6 + ["shards-2"]
    assert [one["folder"] for one in errors["sets"]] == ["set", "other"]
    assert {path.name: len(list(path.iterdir())) for path in (place / "drawn").iterdir()} == {
        "shards": 6,
        "shards-2": 1,
    }
    assert (place / "plots" / "shards-2-errors.png").is_file()
    assert (place / "bad-shards.png").is_file()
    assert (place / "bad-shards-2.png").is_file()
    assert "shards-2: 1 of 1 heads" in capsys.readouterr().out


def test_predictions_in_place_of_a_model(place, capsys):
    with (place / "theirs.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["key", "yaw", "pitch", "roll"])
        writer.writerows([f"heads-000/{number:03d}", -yaw, 0, 0] for number, yaw in enumerate(YAWS[:-1]))
    given = ("--data", "shards:set", "--predictions", "theirs.csv", "--json", "figures.json")
    assert run(*given, "--predictions-convention", "kinect1") == 0
    figures = json.loads((place / "figures.json").read_text())
    assert (figures["count"], figures["found"], figures["model"]) == (6, 5, None)
    assert figures["geodesic_mean"] == pytest.approx(0, abs=1e-3)
    assert figures["predictions"] == "theirs.csv"
    assert "5 of 6 heads, boxes from the predictions" in capsys.readouterr().out
    assert run(*given) == 0
    assert json.loads((place / "figures.json").read_text())["yaw"] == pytest.approx(48)  # the wrong sign
    assert run(*given, "--predictions-convention", "kinect7") == 2


@pytest.fixture
def folder(place):
    (place / "runs").mkdir()
    for epoch, yaw in ((1, 30), (2, 12), (3, 80), (10, 40)):
        write_pose_model(place / "runs" / f"epoch_{epoch}.onnx", yaw=yaw)
    write_set(place / "val", [30, 30], shade=90)
    write_set(place / "test", [12, 12, 13], shade=40)
    return place


def test_a_checkpoint_is_chosen_on_the_validation_set(folder, capsys):
    pytest.importorskip("matplotlib", reason="needs the extra report")
    code = run(
        *("--data", "shards:test", "--model", "runs", "--select", "shards:val", "--json", "figures.json"),
        *("--plots", "plots"),
    )
    assert code == 0
    figures = json.loads((folder / "figures.json").read_text())
    assert figures["checkpoints"]["name"] == "epoch_1"  # epoch 2 would be best on the test set
    assert figures["yaw"] == pytest.approx(17 + 2 / 3, abs=1e-3)
    assert [one["epoch"] for one in figures["checkpoints"]["all"]] == [1, 2, 3, 10]
    assert (folder / "plots" / "checkpoints.svg").is_file()
    shown = capsys.readouterr()
    assert "* epoch_1" in shown.out
    assert "best geodesic_mean on shards" in shown.err


def test_without_a_validation_set_the_last_one_counts(folder, capsys):
    given = ("--data", "shards:test", "--model", "runs", "--json", "figures.json", "--epochs", ":3")
    assert run(*given) == 0
    figures = json.loads((folder / "figures.json").read_text())
    assert figures["checkpoints"]["name"] == "epoch_3"
    assert "nothing is chosen on the test set" in capsys.readouterr().err


def test_choosing_on_the_test_set_is_shouted_about(folder, capsys):
    given = ("--data", "shards:test", "--model", "runs", "--json", "figures.json", "--select", "shards:test")
    assert run(*given) == 0
    assert "WARNING: 3 pictures of the test set" in capsys.readouterr().err
    assert json.loads((folder / "figures.json").read_text())["checkpoints"]["warnings"]


def test_weights_of_a_training_are_exported_on_the_fly(place, capsys):
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    from facing.training.checkpoint import Checkpoint, save_checkpoint
    from facing.training.recipe import recipe_from_dict
    from facing.training.task import load_task

    settings = {
        "schema": 1,
        "name": "fly",
        "task": "pose",
        "licence": "CC0-1.0",
        "crop": {"side": 64},
        "model": {"backbone": "compact", "variant": "nano"},
        "head": {"name": "rotation_6d"},
        "data": [{"path": "train"}],
        "optim": {"lr": 1e-3, "crops": 1},
    }
    recipe = recipe_from_dict(settings, where="test")
    for step in (5, 10):
        torch.manual_seed(step)
        network = load_task("pose").network(recipe).eval()
        story = Checkpoint(network.state_dict(), recipe.to_dict(), recipe.digest(), step=step, figures={})
        save_checkpoint(place / "runs" / f"step-{step}.safetensors", story)
    assert run("--data", "shards:set", "--model", "runs", "--select", "shards:set", "--limit", 2) == 0
    assert "step-10" in capsys.readouterr().out
    assert not list(place.glob("**/*.onnx.part"))
    assert sorted(path.suffix for path in (place / "runs").iterdir()) == [".safetensors"] * 2


def test_curves_of_two_models(place, capsys):
    pytest.importorskip("matplotlib", reason="needs the extra report")
    write_pose_model(place / "other.onnx", yaw=0)
    for name in ("model", "other"):
        assert run("--data", "shards:set", "--model", f"{name}.onnx", "--errors", f"{name}.json") == 0
    capsys.readouterr()
    files = ("--curves", "model.json", "--curves", "other.json")
    assert run(*files, "--out", "curves.svg", "--json", "curves.json") == 0
    numbers = json.loads((place / "curves.json").read_text())
    assert [curve["name"] for curve in numbers["curves"]] == ["model", "other"]
    assert numbers["curves"][0]["shares"][numbers["limits"].index(35)] == pytest.approx(4 / 6)
    assert (place / "curves.svg").read_text().startswith("<?xml")
    assert "by geodesic error" in capsys.readouterr().out
    assert run(*files, "--out", "curves.pdf") == 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ((), "nothing to measure on"),
        (("--data", "shards:set", "--by", "age"), "--by age"),
        (("--data", "shards:set", "--model", "model.onnx", "--epochs", "1:2"), "need a folder"),
        (("--protocol", "aflw2000-hopnet:x"), "aflw2000-hopenet"),
        (("--data", "shards:set", "--styles", "wire"), "drawing style"),
        (("--data", "shards:set", "--crop", "hopnet"), "Did you mean 'hopenet'"),
        (("--data", "shards:set", "--center-crop", "224:256"), "A:S with S up to A"),
    ],
)
def test_wrong_use_is_exit_2_with_a_sentence(place, capsys, wrong, message):
    assert run(*wrong) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--predictions p.csv --model model.onnx", "--model does nothing with --predictions"),
        ("--predictions p.csv --boxes detector", "--boxes detector does nothing with --predictions"),
        ("--predictions p.csv --crop hopenet", "--crop does nothing with --predictions"),
        ("--robustness r --json f.json", "--json does nothing with --robustness"),
        ("--robustness r --boxes detector", "--boxes detector does nothing with --robustness"),
        ("--robustness r --predictions p.csv", "--predictions does nothing with --robustness"),
        ("--robustness r --protocol aflw2000-hopenet:x", "--protocol does nothing with --robustness"),
        ("--curves e.json --worst 3", "--worst does nothing with --curves"),
        ("--history runs --curves e.json", "--history does nothing with --curves"),
        ("--detector yunet", "--detector does nothing without --boxes detector"),
        ("--detector-model y.onnx --boxes labels", "--detector-model does nothing without --boxes detector"),
        ("--out x.png", "--out does nothing without --worst or --curves or --history"),
        ("--bin 20", "--bin does nothing without --by"),
        ("--styles cube", "--styles does nothing without --overlays"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(place, capsys, options, message):
    sets = () if {"--curves", "--history"} & set(options.split()) else ("--data", "shards:set")
    assert run(*sets, *options.split()) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert sorted(path.name for path in place.iterdir()) == ["model.onnx", "set"]


@pytest.mark.parametrize("labels", [(), ("side", "front", "back")])
def test_a_network_of_classes_is_read_by_the_labels_of_its_card(place, labels):
    """The tiny network's first class is the likeliest for grey pictures: cos(yaw) against sin(yaw)."""
    card = Card(
        name="tiny-1",
        kind="pose",
        outputs=("orientation",),
        licence="MIT",
        crop=CropSpec(side=32),
        labels=labels,
    )
    write_pose(place / "classes.onnx", card=card)
    write_set(place / "dark", shade=20)
    assert run("--data", "shards:dark", "--model", "classes.onnx", "--json", "figures.json") == 0
    figures = json.loads((place / "figures.json").read_text())
    assert figures["found"] == 6
    assert figures["mae"] is None
    # yaw -60 and 100 are sides, the other four fronts
    assert figures["classes"]["accuracy"] == pytest.approx(2 / 6 if labels else 4 / 6)


def test_crops_of_the_originals_by_their_options():
    """Against the spec of the same rule, by name."""
    assert asked_crop(None, margin=None, centre=None) is None
    assert asked_crop("pyramid", margin=None, centre=None) == PUBLISHED["pyramid"]
    assert replace(asked_crop(None, margin=0.2, centre=None), side=224) == PUBLISHED["pyramid"]
    assert asked_crop("hopenet", margin=None, centre="256:224") == PUBLISHED["6drepnet"]


@needs_data
def test_the_crop_changes_what_the_network_sees(place):
    given = ("--data", f"aflw2000:{DATA / 'AFLW2000'}", "--limit", 30, "--json", "figures.json")
    errors = []
    for crop in ((), ("--crop", "semiuhpe"), ("--margin", 0.6)):
        assert run(*given, *crop) == 0
        errors.append(json.loads((place / "figures.json").read_text())["geodesic_mean"])
    assert errors[0] < errors[1]
    assert errors[0] < errors[2]


@needs_data
def test_a_protocol_fixes_set_boxes_and_crop(place):
    sets = ("--protocol", f"aflw2000-pyramid:{DATA / 'AFLW2000'}", "--data", f"aflw2000:{DATA / 'AFLW2000'}")
    assert run(*sets, "--limit", 40, "--json", "figures.json") == 0
    own, published = json.loads((place / "figures.json").read_text())["sets"]
    assert published["protocol"] == "aflw2000-pyramid"
    assert "protocol" not in own
    assert published["count"] == own["count"]
    assert run(*sets, "--boxes", "detector") == 2
    assert own["geodesic_mean"] < published["geodesic_mean"]  # the shipped network knows its own crop only


@needs_data
def test_orientation_of_genuine_heads(place, capsys):
    sets = ("--protocol", f"cmu-straight-left-right:{DATA / 'CMU_faces'}")
    assert run(*sets, "--json", "figures.json") == 0
    classes = json.loads((place / "figures.json").read_text())["classes"]
    assert classes["accuracy"] >= 0.95
    assert "precision" in capsys.readouterr().out
