import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facing.cli import main
from facing.cli.datasets import COMMAND, GROUP
from facing.datasets.sample import reader_names
from facing.registry import names
from facing.shards import read_shard

SHARED = Path(__file__).parents[2].parent / "shared"
DATA = SHARED / "data"


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A table of twelve pictures of four people, one of which is broken, in the current folder."""
    monkeypatch.chdir(tmp_path)
    lines = ["picture,x0,y0,x1,y1,yaw,pitch,roll,source"]
    for k in range(12):
        Image.new("RGB", (64, 64), (90, 10 * k, 30)).save(tmp_path / f"{k}.png")
        lines.append(f"{k}.png,10,10,50,54,{15 * k - 80},5,0,p{k // 3}")
    (tmp_path / "3.png").write_bytes(b"\x89PNG nothing more")
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    return "csv:t.csv"


def run(*arguments):
    """Run in this process; give the exit code."""
    try:
        main(["datasets", *(str(argument) for argument in arguments)])
    except SystemExit as end:
        return end.code or 0
    return 0


def test_every_file_is_a_verb():
    verbs = {command.name for command in COMMAND.registered_commands}
    assert verbs == {name.replace("_", "-") for name in names(GROUP)}
    assert {"list", "describe", "convert", "split", "draw", "stats", "crop", "balance"} <= verbs


def test_list_names_every_set_with_its_licence(capsys):
    assert run("list") == 0
    text = capsys.readouterr().out
    assert all(name in text for name in reader_names())
    assert run("list", "--format", "json") == 0
    facts = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert set(facts) == set(reader_names())
    assert facts["aflw2000"]["expected_count"] == 1969
    assert facts["aflw2000"]["may_train_shipped_weights"] is False
    assert facts["shards"]["may_train_shipped_weights"] is True


@pytest.fixture
def latin(tmp_path, monkeypatch):
    """A class folder whose pictures have names that are no UTF-8, in the current folder."""
    monkeypatch.chdir(tmp_path)
    try:
        for name in (b"caf\xe9", b"na\xefve", b"plain"):
            folder = Path("classes", "front" if name == b"plain" else "back")
            folder.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (64, 64), "grey").save(folder / os.fsdecode(name + b".jpg"))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    return "class-folder:classes"


def test_file_names_that_are_no_utf8_are_split_converted_and_augmented(latin):
    assert run("split", latin, "--parts", "a=1,b=1", "--out", "parts.json") == 0
    parts = json.loads(Path("parts.json").read_text())["parts"]
    keys = sorted([*parts["a"], *parts["b"]])
    assert [os.fsencode(key) for key in keys] == [
        b"back/caf\xe9.jpg",
        b"back/na\xefve.jpg",
        b"front/plain.jpg",
    ]
    Path("keys.txt").write_bytes(b"back/caf\xe9.jpg\n")
    assert run("convert", latin, "--keys", "keys.txt", "--out", "shards") == 0
    (entry,) = read_shard(Path("shards/heads-00000.tar"))
    assert entry.label["tags"]["picture"] == os.fsdecode(b"back/caf\xe9.jpg")
    assert run("augment", latin, "--out", "more", "--variants", 1) == 0
    assert len(list(Path("more").glob("*/*.png"))) == 3


def test_a_table_of_names_that_are_no_utf8_is_read(latin):
    row = b"classes/back/caf\xe9.jpg,30\n"
    Path("t.csv").write_bytes(b"\xef\xbb\xbfpicture,yaw\n" + row)
    assert run("split", "csv:t.csv", "--parts", "all=1", "--out", "all.json") == 0
    (key,) = json.loads(Path("all.json").read_text())["parts"]["all"]
    assert Path(key).is_file()


def test_describe_does_not_deny_the_labels_of_tables(capsys):
    assert run("describe", "csv") == 0
    assert "what its columns state" in capsys.readouterr().out


def test_describe_counts_what_lies_there(table, capsys):
    assert run("describe", "csv") == 0
    assert "licence" in capsys.readouterr().out
    assert run("describe", "csv", "t.csv", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["found"]["pictures"] == 12
    assert facts["found"]["sources"] == 4
    assert facts["found"]["angles"]["yaw"]["p100"] == 85


def test_stats_draw_bars(table, capsys):
    assert run("stats", table, "--by", "yaw", "--bin", "90") == 0
    out, err = capsys.readouterr()
    assert out.count(" 6 ████") == 2
    assert "-90 to 0 " in out
    assert err == ""
    assert run("stats", table, "--json", "--by", "yaw", "--bin", "90") == 0
    bins = json.loads(capsys.readouterr().out)["bins"]
    assert [(one["from"], one["heads"]) for one in bins["yaw"]] == [(-90, 6), (0, 6)]


def test_split_convert_and_train_on_one_side_only(table, tmp_path, capsys):
    assert run("split", table, "--out", "parts", "--parts", "train=3,val=1", "--seed", 5) == 0
    assert capsys.readouterr().out == "train 9\nval 3\n"
    code = run("convert", table, "--out", "val", "--keys", "parts/val.txt", "--side", 48)
    wanted = set((tmp_path / "parts" / "val.txt").read_text().split())
    assert code == (3 if "3.png" in wanted else 0)
    got = {sample.label["tags"]["picture"] for sample in read_shard(tmp_path / "val" / "heads-00000.tar")}
    assert got == wanted - {"3.png"}
    assert run("split", table, "--out", "s.json", "--parts", "a=1,b=1,c=2") == 0
    split = json.loads((tmp_path / "s.json").read_text())
    assert sorted(key for keys in split["parts"].values() for key in keys) == sorted(
        f"{k}.png" for k in range(12)
    )


def test_one_corrupt_picture_is_counted_and_stops_nothing(table, tmp_path, capsys):
    for arguments in (["--out", "heads"], ["--out", "folders", "--format", "quat-folder"]):
        assert run("convert", table, *arguments) == 3
        out, err = capsys.readouterr()
        assert "11 written" in out
        assert "3.png failed" in err
        assert err.count("failed") == 1
    assert len(list((tmp_path / "folders" / "info").iterdir())) == 11
    assert run("convert", table, "--out", "heads") == 3
    assert "0 written, 1 files kept" in capsys.readouterr().out
    assert run("draw", table, "--out", "sheet.png") == 3
    assert run("crop", table, "--out", "crops", "--crop", 64) == 3
    assert len(list((tmp_path / "crops").glob("*.png"))) == 11
    assert run("convert", table, "--out", "again", "--format", "csv") == 0


def test_converted_heads_go_round_every_verb(table, tmp_path, capsys):
    assert run("convert", table, "--out", "heads", "--side", 96) == 3
    assert run("stats", "shards:heads", "--json") == 0
    facts = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert facts["heads"] == 11
    assert facts["angles"]["yaw"]["p100"] == 85
    assert run("describe", "shards", "heads") == 0
    assert "converted from a table of pictures: that of the pictures it names" in capsys.readouterr().out
    assert run("draw", "shards:heads", "--out", "sheet.png", "--side", 96, "--styles", "box,axes") == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (8 * 96, 2 * 112)
        assert np.asarray(sheet).std() > 10


def test_balance_writes_a_list_that_convert_takes(table, tmp_path, capsys):
    assert run("balance", table, "--by", "yaw", "--bin", 90, "--per-bin", 2, "--out", "even.txt") == 0
    assert "4 pictures" in capsys.readouterr().out
    assert run("convert", table, "--out", "even", "--format", "list", "--keys", "even.txt") == 0
    assert (tmp_path / "even" / "list.txt").read_text().split() == sorted(
        (tmp_path / "even.txt").read_text().split(), key=lambda name: int(name.split(".")[0])
    )


def test_select_writes_a_list(table, tmp_path, capsys):
    assert run("select", table, "--yaw", "-30:30", "--per-source", 1, "--out", "some.txt") == 0
    assert "2 pictures" in capsys.readouterr().out
    places = [int(name.split(".")[0]) for name in (tmp_path / "some.txt").read_text().split()]
    assert {place // 3 for place in places} == {1, 2}
    assert all(abs(15 * place - 80) <= 30 for place in places)


def test_draw_writes_single_pictures(table, tmp_path):
    (tmp_path / "k.txt").write_text("0.png\n5.png\n")
    assert run("draw", table, "--out", "drawn", "--keys", "k.txt") == 0
    assert sorted(file.name for file in (tmp_path / "drawn").iterdir()) == ["0.png.jpg", "5.png.jpg"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["stats", "csv"], 2, "NAME:PATH"),
        (["stats", "cvs:t.csv"], 2, "Did you mean 'csv'?"),
        (["stats", "csv:gone.csv"], 3, "gone.csv"),
        (["stats", "aflw2000:."], 3, "AFLW2000-3D"),
        (["stats", "csv:t.csv", "--by", "jaw"], 2, "Did you mean 'yaw'?"),
        (["describe", "aflw2001"], 2, "Did you mean 'aflw2000'?"),
        (["list", "--format", "xml"], 2, "--format xml"),
        (["convert", "csv:t.csv", "--out", "o", "--format", "shard"], 2, "Did you mean 'shards'?"),
        (["convert", "csv:t.csv", "--out", "o", "--shard", "3/3"], 2, "--shard 3/3"),
        (["convert", "csv:t.csv", "--out", "o", "--format", "csv", "--shard", "0/2"], 3, "--shard"),
        (["convert", "csv:t.csv", "--out", "o", "--keys", "gone.txt"], 3, "gone.txt"),
        (["convert", "csv:t.csv", "--out", "t.csv"], 3, "t.csv"),
        (["split", "csv:t.csv", "--out", "o", "--parts", "train:1"], 2, "--parts"),
        (["split", "csv:t.csv", "--out", "o", "--by", "person"], 2, "--by person"),
        (["draw", "csv:t.csv", "--out", "o.png", "--styles", "axis"], 2, "Did you mean 'axes'?"),
        (["crop", "csv:t.csv", "--out", "o", "--crop", "hopnet"], 2, "Did you mean 'hopenet'?"),
        (["select", "csv:t.csv", "--out", "o", "--yaw", "30:-30"], 2, "--yaw 30:-30"),
        (["select", "csv:t.csv", "--out", "o", "--yaw", "170:180"], 3, "wider limits"),
        (["balance", "csv:t.csv", "--out", "o", "--per-bin", "1", "--by", "yaw,roll"], 2, "give one"),
    ],
)
def test_wrong_use_gets_one_sentence(table, capsys, arguments, code, words):
    assert run(*arguments) == code
    out, err = capsys.readouterr()
    assert words in err
    assert out == ""
    assert "Traceback" not in err


def test_help_of_the_verbs_needs_no_heavy_library():
    code = (
        "import sys\n"
        "from facing.cli import main\n"
        "try:\n"
        "    main(['datasets', 'convert', '--help'])\n"
        "except SystemExit as end:\n"
        "    assert not end.code\n"
        "print(*sorted(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stdout.splitlines()[-1].split())
    assert not modules & {"torch", "scipy", "onnxruntime", "moderngl"}


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the labelled pictures beside the repository")
def test_genuine_persons_are_split_apart(tmp_path, capsys):
    assert (
        run("split", f"pointing04:{DATA / 'Pointing04'}", "--out", tmp_path, "--parts", "train=2,val=1") == 0
    )
    people = [
        {key[:8] for key in (tmp_path / f"{name}.txt").read_text().split()} for name in ("train", "val")
    ]
    assert [len(found) for found in people] == [4, 2]
    assert not people[0] & people[1]
