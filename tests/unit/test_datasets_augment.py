"""Varied copies of pictures with classes: mirrored sides, sources that stay together, equal bytes."""

import json

import numpy as np
import pytest
from PIL import Image

from facing.cli import main
from facing.datasets.augment import augment_set
from facing.datasets.readers import class_folder
from facing.datasets.sample import Sample
from facing.datasets.split import split_keys

pytest.importorskip("scipy", reason="needs the extra data")


@pytest.fixture
def tree(tmp_path):
    """Four classes of three pictures; the left half of those of `left` is bright."""
    rng = np.random.default_rng(5)
    for name in ("left", "right", "front", "back"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(3):
            pixels = rng.integers(0, 90, size=(60, 48, 3), dtype=np.uint8)
            if name in {"left", "right"}:
                half = slice(0, 24) if name == "left" else slice(24, 48)
                pixels[:, half] += 150
            Image.fromarray(pixels).save(tmp_path / "set" / name / f"{number}.png")
    return tmp_path


def rows_of(folder):
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def test_the_tree_is_a_class_folder_whose_copies_stay_together(tree):
    tally = augment_set(class_folder.READER.samples(tree / "set"), tree / "out", variants=4, side=48)
    assert (tally.written, tally.failed, dict(tally.left_out)) == (48, [], {})
    samples = list(class_folder.READER.samples(tree / "out"))
    assert all(isinstance(sample, Sample) for sample in samples)
    assert len({sample.source for sample in samples}) == 12
    parts = split_keys(samples, parts={"train": 0.7, "val": 0.3})
    source = {sample.key: sample.source for sample in samples}
    train, val = ({source[key] for key in parts[name]} for name in ("train", "val"))
    assert not train & val
    with Image.open(samples[0].picture) as picture:
        assert picture.size == (48, 48)


def test_a_mirrored_left_is_a_right(tree):
    augment_set(class_folder.READER.samples(tree / "set"), tree / "out", variants=6, side=48)
    rows = rows_of(tree / "out")
    moved = 0
    for row in rows:
        before, mirrored = (
            row["picture"].split("/")[0],
            any(step[0] == "mirror" for step in row["augmentations"]),
        )
        assert row["file"].startswith(row["class"] + "/")
        if before in {"front", "back"}:
            assert row["class"] == before
            continue
        assert (row["class"] != before) == mirrored
        moved += mirrored
        with Image.open(tree / "out" / row["file"]) as picture:
            grey = np.asarray(picture.convert("L"), dtype=float)
        # The bright side is the one of the class, whatever happened to the picture.
        assert (grey[:, :20].mean() > grey[:, 28:].mean()) == (row["class"] == "left")
    assert 5 < moved < 31


def test_equal_seeds_give_equal_bytes_and_others_do_not(tree):
    def files(name, **how):
        augment_set(class_folder.READER.samples(tree / "set"), tree / name, variants=2, side=40, **how)
        return {path.name: path.read_bytes() for path in (tree / name).glob("front/*.png")}

    assert files("a") == files("b")
    assert files("c", seed=1) != files("a")


def test_heads_with_a_box_are_cut_and_those_without_a_class_left_out(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (100, 80), (90, 120, 60)).save("a.png")
    (tmp_path / "t.csv").write_text("picture,x0,y0,x1,y1,label\na.png,10,10,50,60,back\na.png,60,10,90,40,\n")
    with pytest.raises(SystemExit) as left:
        main(["datasets", "augment", "csv:t.csv", "--out", "out", "--variants", "2", "--side", "56"])
    assert not left.value.code
    shown = capsys.readouterr()
    assert "2 written" in shown.out
    assert "1 left out (no class)" in shown.err
    rows = rows_of(tmp_path / "out")
    assert [row["file"] for row in rows] == ["back/a.png.head0.v0.png", "back/a.png.head0.v1.png"]
    assert rows[0]["box"] == [3, 3, 53, 53]
