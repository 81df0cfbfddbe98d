import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from constant_models import write_head_model, write_pose_model
from facing.cli import exit_code, main
from facing.cli._cards import card_of, card_summary
from facing.cli._pictures import drawn_paths
from facing.errors import (
    BoxError,
    DataError,
    MissingExtraError,
    ModelError,
    PictureError,
    RecipeError,
    UnknownNameError,
)
from facing.picture import load_picture
from facing.runtime.weights import FOLDER, shipped, weights_path

FACING = [sys.executable, "-m", "facing"]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder with two models and two pictures of one name, which is also the current folder."""
    monkeypatch.chdir(tmp_path)
    write_pose_model(tmp_path / "pose.onnx", yaw=30, pitch=-10, roll=5, spread_rad=np.radians(8.0))
    write_head_model(tmp_path / "heads.onnx", boxes=[[8, 8, 40, 40], [44, 4, 60, 20]], scores=[0.9, 0.8])
    colours = iter(((200, 180, 160), (40, 60, 80)))
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (128, 96), next(colours)).save(tmp_path / folder / "x.png")
    return tmp_path


def run(*arguments):
    """Run in this process; give the exit code."""
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as end:
        return end.code or 0
    return 0


def estimate(*arguments):
    return run("estimate", *arguments, "--model", "pose.onnx", "--detector-model", "heads.onnx")


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_estimate_gives_boxes_in_picture_pixels_and_angles(files, capsys):
    assert estimate("a/x.png", "--format", "jsonl") == 0
    (line,) = lines(capsys)
    assert (line["file"], line["width"], line["height"], line["error"]) == ("a/x.png", 128, 96, None)
    # The network sees 64 pixels of 128, so its boxes are doubled.
    assert [head["box"] for head in line["heads"]] == [[16, 16, 80, 80], [88, 8, 120, 40]]
    for head in line["heads"]:
        assert (head["yaw"], head["pitch"], head["roll"]) == pytest.approx((30, -10, 5), abs=0.02)
        assert head["error_deg"] == pytest.approx(8, abs=0.01)


def test_one_bad_file_stops_nothing(files, capsys):
    (files / "a" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing more")
    assert estimate("a", "gone.png", "b/x.png", "--format", "jsonl") == 3
    out, err = capsys.readouterr()
    records = [json.loads(line) for line in out.splitlines()]
    assert [(record["file"], record["error"] is None) for record in records] == [
        ("a/broken.jpg", False),
        ("a/x.png", True),
        ("gone.png", False),
        ("b/x.png", True),
    ]
    assert "2 of 4 inputs failed" in err


def test_standard_input_and_patterns(files):
    command = [
        *FACING,
        "estimate",
        "-",
        "?/*.png",
        "--model",
        "pose.onnx",
        "--format",
        "jsonl",
        "--whole-image",
    ]
    done = subprocess.run(
        command, input=(files / "a" / "x.png").read_bytes(), capture_output=True, check=True
    )
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["file"] for record in records] == ["-", "a/x.png", "b/x.png"]
    assert all(record["heads"][0]["box"] == [0, 0, 128, 96] for record in records)
    assert done.stderr == b""


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems hold Unicode alone")
@pytest.mark.parametrize("style", ["jsonl", "csv"])
def test_a_name_that_is_no_unicode_is_found_again(files, style):
    (files / "a" / "x.png").rename(files / os.fsdecode(b"caf\xe9.png"))
    command = [*FACING, "estimate", b"caf\xe9.png", "--model", "pose.onnx", "--format", style]
    first = subprocess.run([*command, "--whole-image"], capture_output=True, check=True).stdout
    (files / "boxes").write_bytes(first)
    again = subprocess.run([*command, "--boxes", "boxes"], capture_output=True, check=True).stdout
    assert again == first
    assert first.splitlines()[-1].count(b"caf\xe9.png" if style == "csv" else b"caf\\udce9.png") == 1


@pytest.mark.parametrize("style", ["jsonl", "csv"])
def test_what_is_printed_can_be_given_as_boxes(files, capsys, style):
    assert estimate("a/x.png", "b/x.png", "--format", style) == 0
    first = capsys.readouterr().out
    (files / "boxes").write_text(first)
    assert (
        run("estimate", "a/x.png", "b/x.png", "--model", "pose.onnx", "--boxes", "boxes", "--format", style)
        == 0
    )
    again = capsys.readouterr().out
    assert again == first.replace("0.9,", "1.0,").replace("0.8,", "1.0,")


def test_a_picture_without_boxes_says_so(files, capsys):
    (files / "boxes.csv").write_text("file,x0,y0,x1,y1\na/x.png,10,10,50,60\n")
    command = ("estimate", "a/x.png", "b/x.png", "--model", "pose.onnx")
    assert run(*command, "--boxes", "boxes.csv", "--format", "csv") == 3
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["head"] for row in rows] == ["1", ""]
    assert "not named in the file of boxes" in rows[1]["error"]


def test_drawn_pictures_stay_apart_and_spare_the_inputs(files, capsys):
    before = {path: path.read_bytes() for path in files.glob("?/x.png")}
    assert estimate("a/x.png", "b/x.png", "--output", "drawn") == 0
    drawn = [Image.open(files / "drawn" / folder / "x.png") for folder in ("a", "b")]
    assert drawn[0].getpixel((2, 94)) == (200, 180, 160)
    assert drawn[1].getpixel((2, 94)) == (40, 60, 80)
    assert estimate("a/x.png", "--draw", "cube,box", "--output", "a") == 0
    assert {path: path.read_bytes() for path in before} == before
    assert (files / "a" / "x-2.png").is_file()
    assert not list(files.glob("**/*.part*"))


def test_a_picture_that_cannot_be_drawn_stops_nothing(files, capsys):
    colour = Image.new("RGB", (128, 96), (200, 180, 160))
    colour.save(files / "a" / ("я" * 122 + ".jpg"))  # 248 of 255 bytes
    colour.save(files / "a" / ("b" * 251 + ".gif"))  # as .gif.png it is too long
    assert estimate("a", "--output", "drawn", "--format", "jsonl") == 3
    out, err = capsys.readouterr()
    records = [json.loads(line) for line in out.splitlines()]
    assert [(record["error"], len(record["heads"])) for record in records] == [(None, 2)] * 3
    assert "cannot be written (File name too long)" in err
    assert "1 of 3 inputs failed" in err
    assert len(list((files / "drawn").iterdir())) == 2


def test_a_name_that_cannot_be_looked_up_stops_nothing(files, capsys):
    (files / "loop.jpg").symlink_to("loop.jpg")
    assert estimate("x" * 300, "loop.jpg", "a/x.png", "--output", "drawn", "--format", "jsonl") == 3
    assert [line["error"] is None for line in lines(capsys)] == [False, False, True]


def test_files_without_a_shared_folder_are_drawn_side_by_side(files, monkeypatch):
    def two_drives(_paths):
        raise ValueError("Paths don't have the same drive")

    monkeypatch.setattr(os.path, "commonpath", two_drives)
    assert estimate("a/x.png", "b/x.png") == 0
    drawn = drawn_paths([Path("a/x.png"), Path("b/x.png")], folder=Path("drawn"))
    assert [path.name for path in drawn] == ["x.png", "x-2.png"]


def test_max_error_leaves_heads_out_and_draws_them_grey(files, capsys):
    assert estimate("a/x.png", "--max-error", "5", "--format", "jsonl", "--draw", "axes") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["heads"] == []
    assert "errors of 'constant-1' are its own estimate; facing calibrate measures them" in err
    drawn = np.asarray(Image.open(files / "facing-output" / "x.png")).astype(int)
    plain = np.array([200, 180, 160])
    changed = drawn[np.any(drawn != plain, axis=-1)]
    assert len(changed) > 100
    # Grey over a warm picture: nothing is redder, greener or bluer than the picture itself was.
    assert np.all(changed.max(axis=1) - changed.min(axis=1) <= 40)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["estimate", "x", "--draw", "axis"], 2, "Did you mean 'axes'?"),
        (["estimate", "x", "--format", "xml"], 2, "--format"),
        (["estimate", "x", "--detector", "yunet"], 2, "--detector-model"),
        (["estimate", "x", "--detector", "haeds"], 2, "Did you mean 'heads'?"),
        (["estimate", "x", "--boxes", "f", "--whole-image"], 2, "not both"),
        (["estimate", "x", "--boxes", "gone.csv"], 2, "gone.csv"),
        (["estimate", "x", "--whole-image", "--threshold", "0"], 2, "--threshold does nothing here"),
        (["estimate", "x", "--whole-image", "--detector", "heads"], 2, "--detector does nothing here"),
        (["estimate", "x", "--boxes", "b", "--detector-model", "h"], 2, "--detector-model does nothing"),
        (["estimate", "x", "--boxes", "b", "--detector-size", "320"], 2, "--detector-size does nothing"),
        (["estimate", "x", "--detector", "whole-image", "--threshold", "0"], 3, "looks for no heads"),
        (["estimate", "x", "--whole-image", "--model", "gone.onnx"], 3, "gone.onnx does not exist"),
        (["estimate", "x", "--whole-image", "--model", "tiny"], 2, "no model is called 'tiny'"),
        (["estimate"], 2, "INPUT"),
        (["estimat"], 2, "estimate"),
    ],
)
def test_wrong_use_gets_one_sentence(files, capsys, arguments, code, words):
    assert run(*arguments) == code
    out, err = capsys.readouterr()
    assert words in err
    assert out == ""
    assert "Traceback" not in err


def test_exit_codes_tell_usage_from_input_from_extras():
    kinds = {RecipeError: 2, UnknownNameError: 2, BoxError: 2, MissingExtraError: 4}
    kinds |= {PictureError: 3, ModelError: 3, DataError: 3}
    assert {kind: exit_code(kind("what")) for kind in kinds} == kinds


def test_debug_shows_where_an_error_comes_from(files):
    command = [*FACING, "--debug", "estimate", "x", "--whole-image", "--model", "gone.onnx"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" in done.stderr
    assert "ModelError" in done.stderr


def test_a_missing_library_names_its_extra(files, monkeypatch, capsys):
    from facing import cli

    def needs_moderngl():
        raise ModuleNotFoundError("No module named 'moderngl'", name="moderngl")

    monkeypatch.setattr(cli, "load", lambda *_arguments, **_settings: needs_moderngl)
    assert run("models") == 4
    assert 'pip install "facing[synth]"' in capsys.readouterr().err


def test_models_describe_reads_any_card(files, capsys):
    assert run("models", "describe", "pose.onnx") == 0
    text = capsys.readouterr().out
    assert "licence: CC0-1.0" in text
    assert "mae: 17.26" in text
    assert "calibrated" in card_summary(card_of(Path("pose.onnx")))
    assert "calibrated" not in card_summary(card_of(weights_path("small")))
    assert run("models", "describe", "heads.onnx", "--json") == 0
    assert json.loads(capsys.readouterr().out)["detection"]["long_side"] == 64
    assert run("models") == 0


def test_a_closed_pipe_is_quiet(files):
    names = " ".join(["a/x.png"] + [f"a/./gone{index}.png" for index in range(3000)])
    command = f"{sys.executable} -m facing estimate {names} --model pose.onnx --whole-image --format jsonl"
    done = subprocess.run(["bash", "-c", f"{command} | head -1"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["file"] == "a/x.png"
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "out", "err"),
    [
        ("estimate a/x.png --model pose.onnx --whole-image >/dev/full", "", "No space left on device"),
        ("--version >/dev/full", "", "No space left on device"),
        ("estimate a/x.png --model pose.onnx --whole-image >&-", "", "standard output is closed"),
        ("estimate - a/x.png --model pose.onnx --whole-image <&-", "standard input is closed", "1 of 2"),
        ("estimate - a/x.png --model pose.onnx --whole-image 0>w", "cannot be read (", "1 of 2"),
        ("estimate gone a/x.png --model pose.onnx --whole-image 2>&-", "1 head", ""),
    ],
)
def test_streams_that_are_full_or_closed_get_one_sentence(files, words, out, err):
    command = f"{sys.executable} -m facing {words}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert out in done.stdout
    assert err in done.stderr
    assert done.stderr.count("\n") == bool(err)
    assert "inputs failed" not in done.stdout


def wait_until_idle(pid, *, polls=5, apart_s=0.3):
    """Wait until a process has used no processor time for a while, however slow the machine is."""
    table = Path(f"/proc/{pid}/stat")
    if not table.exists():
        time.sleep(10)
        return
    used = []
    while len(used) < polls or len(set(used[-polls:])) > 1 or used[-1] == 0:
        time.sleep(apart_s)
        user, system = table.read_text().rpartition(")")[2].split()[11:13]
        used.append(int(user) + int(system))


def test_ctrl_c_is_quiet(files):
    command = [*FACING, "estimate", "-", "--model", "pose.onnx", "--whole-image"]
    # A shell's background job ignores SIGINT, and its children inherit that: ask for the usual answer.
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - one thread
    ) as process:
        wait_until_idle(process.pid)  # by then it waits for standard input
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert (out, b"Traceback" in err) == (b"", False)


def test_the_same_input_gives_the_same_bytes(files):
    command = [*FACING, "estimate", "a", "b", "--model", "pose.onnx", "--whole-image", "--format", "csv"]
    runs = [
        subprocess.run(
            command, capture_output=True, check=True, env={**os.environ, "PYTHONIOENCODING": coding}
        ).stdout
        for coding in ("utf-8", "ascii")
    ]
    assert runs[0] == runs[1]
    assert b"\r" not in runs[0]


@pytest.mark.skipif(
    not ((FOLDER / "demo.jpg").is_file() and {"small", "heads"} <= {model.name for model in shipped()}),
    reason="the default weights and the demo picture are not in this checkout",
)
def test_the_demo_finds_heads_and_draws_them(files, capsys):
    assert run("demo", "--output", "new/demo.png") == 0
    out, err = capsys.readouterr()
    assert "head" in out
    assert "facing estimate" in err
    drawn, plain = load_picture(files / "new" / "demo.png"), load_picture(FOLDER / "demo.jpg")
    assert drawn.shape == plain.shape
    assert np.any(drawn != plain)


def test_the_demo_refuses_a_name_that_is_no_picture(files, capsys):
    assert run("demo", "--output", "demo.txt") == 2
    assert "demo.txt" in capsys.readouterr().err


def test_drawn_names_never_meet():
    inputs = [Path(name) for name in ("a/x.jpg", "a/x.pgm", "a/x.pgm.png", "-", "b/c/x.jpg", "drawn/a/x.jpg")]
    drawn = drawn_paths(inputs, folder=Path("drawn"))
    assert len(set(drawn)) == len(inputs)
    assert not set(drawn) & {path.absolute() for path in inputs}
    names = [path.relative_to(Path.cwd()).as_posix() for path in drawn]
    assert names[:2] == ["drawn/a/x-2.jpg", "drawn/a/x.pgm.png"]
    assert names[3:5] == ["drawn/stdin.jpg", "drawn/b/c/x.jpg"]
