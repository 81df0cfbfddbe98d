"""facing train as a user meets it: its options, its words, its exit codes."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from typer.main import get_command

from facing.cli import main
from facing.registry import load
from facing.training.checkpoint import load_checkpoint
from toy_training import install_toy, rows

OPTIONS = {
    "--data-root", "--out", "--data", "--val", "--epochs", "--batch-size", "--lr", "--input-size", "--set",
    "--resume", "--init", "--accelerator", "--devices", "--nodes", "--threads", "--tensorboard", "--help",
}  # fmt: skip
BEST = Path("run", "best.safetensors")
RECIPE = """
schema = 1
name = "toy"
task = "toy"
licence = "CC0-1.0"
data = [{ path = "none" }]
optim = { lr = 0.02, batch = 16, crops = 128, epoch_crops = 64 }
"""


@pytest.fixture(autouse=True)
def _folder(monkeypatch, tmp_path):
    install_toy(monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy.toml").write_text(RECIPE)


def train(*arguments, recipe="toy.toml", out="run"):
    """Run in this process; give the exit code."""
    try:
        main(["train", recipe, "--data-root", ".", "--out", out, *arguments])
    except SystemExit as end:
        return end.code or 0
    return 0


def test_options_do_not_grow():
    """New knobs go into the recipe."""
    import typer

    app = typer.Typer(add_completion=False)
    app.command("train")(load("facing.cli", "train", attribute="COMMAND", kind="command"))
    known = {name for parameter in get_command(app).params for name in parameter.opts if name[:1] == "-"}
    assert known | {"--help"} == OPTIONS


def test_it_prints_the_weights_and_says_the_rest_elsewhere(capsys, tmp_path):
    assert train() == 0
    words = capsys.readouterr()
    assert words.out == f"{BEST}\n"
    lines = words.err.splitlines()
    assert [line.partition("  ")[0] for line in lines] == ["step 4/8", "step 8/8"]
    assert all("images/s" in line and "% waiting for data" in line for line in lines)
    assert train() == 2
    assert "--resume" in capsys.readouterr().err
    assert train("--resume") == 0
    assert "trained to its end" in capsys.readouterr().err
    assert train("--init", "run", out="next") == 0
    assert capsys.readouterr().err.startswith("started from run: 11 of 11 arrays")


def test_shortcuts_are_recorded_as_overrides(tmp_path):
    assert (
        train(
            *("--data", "shards:a:b:0.5", "--data", "csv:c", "--val", "shards:C:\\v"),
            *("--epochs", "1", "--batch-size", "8", "--lr", "5e-4", "--set", "seed=3"),
        )
        == 0
    )
    recipe = load_checkpoint(tmp_path / "run").recipe
    assert [(entry["reader"], entry["path"], entry["weight"]) for entry in recipe["data"]] == [
        ("shards", "a:b", 0.5),
        ("csv", "c", 1.0),
    ]
    assert recipe["validation"]["path"] == "C:\\v"
    assert (recipe["optim"]["epochs"], recipe["optim"]["batch"], recipe["optim"]["lr"]) == (1, 8, 5e-4)
    assert (recipe["seed"], recipe["optim"]["crops"]) == (3, 64)
    assert recipe["overrides"] == [
        'data=[{reader = "shards", path = "a:b", weight = 0.5}, {reader = "csv", path = "c"}]',
        'validation={reader = "shards", path = "C:\\\\v"}',
        "optim.epochs=1",
        "optim.batch=8",
        "optim.lr=0.0005",
        "seed=3",
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--data", "train"], "--data train is not READER:PATH[:WEIGHT]; write --data shards:train"),
        (["--input-size", "64"], "crop is no setting"),
        (["--lr", "0"], "optim.lr = 0.0 cannot be"),
        (["--set", "optim.nme=sgd"], "Did you mean optim.name?"),
        (["--accelerator", "cuda:1"], "cuda:1 is not auto, cpu, gpu or gpu:N; write gpu:0"),
        (["--accelerator", "gpu:"], "gpu: is not auto, cpu, gpu or gpu:N"),
        (["--accelerator", "gpu:99"], "this machine has no GPU 99"),
        (["--accelerator", "gpu:0", "--devices", "2"], "gpu:0 names one GPU and --devices says 2"),
        (["--devices", "3"], "16 cannot be divided over 3 processes"),
        (["--init", "nowhere"], "nowhere does not exist"),
        # Released weights, found by their name, but of no toy.
        (["--init", "nano"], "-int8.onnx shares no weights with this recipe's network"),
    ],
)
def test_wrong_words_are_answered(capsys, arguments, sentence):
    assert train(*arguments) in {2, 3}
    assert sentence in capsys.readouterr().err


def test_what_is_left_out_of_a_set_is_said_once(capsys, tmp_path):
    for name in ("front", "side", "back"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (40, 40), (80 * number, 9, 9)).save(tmp_path / "set" / name / f"{number}.png")
    (tmp_path / "set" / "side" / "x.png").write_bytes(b"no picture")
    changes = ["crop.side=32", 'model={ backbone = "compact", variant = "nano" }', "optim.batch=4"]
    assert (
        train(
            *("--data", "class-folder:set", "--val", "class-folder:set", "--epochs", "1"),
            *(word for change in changes for word in ("--set", change)),
            recipe="orientation-simple",
        )
        == 0
    )
    lines = capsys.readouterr().err.splitlines()
    (told,) = [line for line in lines if "cannot be read" in line]
    assert told.startswith("set: pictures that cannot be read are left out: 1; side/x.png: ")
    assert len(set(lines)) == len(lines)


def test_an_unknown_recipe_names_the_nearest(capsys):
    assert train(recipe="smal") == 2
    assert "no recipe is called 'smal'. Did you mean 'small'?" in capsys.readouterr().err


def test_stopped_it_says_how_to_go_on(tmp_path):
    command = [sys.executable, "-m", "facing", "train", "toy.toml", "--data-root", ".", "--out", "run"]
    changes = ["--set", "toy.slow_s=0.05", "--epochs", "100"]
    process = subprocess.Popen([*command, *changes], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (tmp_path / "run" / "last.safetensors").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, words = process.communicate(timeout=60)
    assert process.returncode == 130
    assert words.splitlines()[-1].startswith("stopped; the same command with --resume goes on")
    assert "Traceback" not in words
    assert load_checkpoint(tmp_path / "run" / "last.safetensors").epoch == len(rows(tmp_path / "run"))


def test_a_terminal_sees_a_bar_and_a_file_does_not(tmp_path):
    """Standard error is a terminal here; standard output is not and holds the file of the weights alone."""
    command = [sys.executable, "-m", "facing", "train", "toy.toml", "--data-root", ".", "--out", "run"]
    ours, theirs = pty.openpty()
    seen = b""
    with subprocess.Popen(
        [*command, "--set", "toy.slow_s=0.1"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "100"},
    ) as process:
        os.close(theirs)
        while select.select([ours], [], [], 120)[0]:
            try:
                seen += os.read(ours, 4096)
            except OSError:  # Linux says so when the other end is closed
                break
        printed = process.stdout.read()
    os.close(ours)
    assert process.returncode == 0
    assert printed.decode() == f"{BEST}\n"
    text = seen.decode()
    assert "epoch 1" in text
    assert "4/8" in text
    assert "step 8/8" in text
    assert json.loads((tmp_path / "run" / "recipe.json").read_text())["recipe"]["toy"]["slow_s"] == 0.1
