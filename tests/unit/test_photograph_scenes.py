"""Views that are cut out of boxed photographs."""

import csv
import sys

import numpy as np
import pytest
from PIL import Image

from facing.bench.photographs import Photograph, read_photographs
from facing.errors import DataError
from facing.shards import find_shards, read_shard
from facing.terms import shard_terms
from script_files import load_script

SIZE = 64


@pytest.fixture(scope="module")
def script():
    return load_script("scripts/photograph_scenes.py")


def photograph(width, height, box):
    """Grey, with a red head in its box."""
    pixels = np.full((height, width, 3), 90, np.uint8)
    left, top, right, bottom = (max(round(edge), 0) for edge in box)
    pixels[top:bottom, left:right] = (250, 10, 10)
    return pixels


@pytest.fixture
def written(script, tmp_path, monkeypatch):
    """Shards of one photograph to learn from and one to measure with."""
    heads = {"p001.jpg": ("learn", (40, 20, 70, 60)), "p002.jpg": ("measure", (10, 10, 50, 60))}
    (tmp_path / "pictures").mkdir()
    with (tmp_path / "heads.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["picture", "part", "x0", "y0", "x1", "y1", "facing", "ignore", "note"])
        for name, (part, box) in heads.items():
            Image.fromarray(photograph(160, 100, box)).save(tmp_path / "pictures" / name, quality=95)
            table.writerow([name, part, *box, "front", 0, ""])
        table.writerow(["p001.jpg", "learn", 100, 20, 150, 90, "", 1, "region of a crowd"])
    monkeypatch.setattr(script, "ANNOTATION", tmp_path / "heads.csv")
    words = ["--pictures", str(tmp_path / "pictures"), "--out", str(tmp_path / "out"), "--size", str(SIZE)]
    monkeypatch.setattr(sys, "argv", ["photograph_scenes.py", *words, "--views", "40"])
    script.main()
    return [sample for path in find_shards(tmp_path / "out", kind="scenes") for sample in read_shard(path)]


def test_only_the_part_to_learn_from_is_cut(written):
    assert len(written) == 40
    assert all(sample.key.startswith("p001-") for sample in written)


def test_views_say_that_they_are_photographs(written, tmp_path):
    terms = shard_terms(tmp_path / "out")
    assert (terms["name"][:15], terms["licence"]) == ("CC0 photographs", "CC0-1.0")


def test_the_first_view_is_the_whole_photograph(written):
    first = written[0]
    assert first.pixels(coverage=False).shape == (SIZE, SIZE, 3)
    scale = SIZE / 160
    wanted = scale * np.array([40, 20 + 30, 70, 60 + 30])  # 30 rows of black above
    np.testing.assert_allclose(first.label["boxes"], [wanted], atol=0.01)
    assert len(first.label["ignore"]) == 1


def test_boxes_lie_on_the_heads_of_every_view(written):
    seen = 0
    for sample in written:
        red = sample.pixels(coverage=False).astype(int)
        rows, columns = np.nonzero((red[..., 0] > 180) & (red[..., 1] < 80))
        for left, top, right, bottom in sample.label["boxes"]:
            inside = np.clip([left, top, right, bottom], 0, SIZE)
            found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            np.testing.assert_allclose(found, inside, atol=1.6)  # half a pixel of either, and its blur
            seen += 1
    assert seen > 20


def test_heads_that_are_cut_or_small_are_ignored(script):
    box = np.array([[10.0, 10.0, 50.0, 50.0], [60.0, 60.0, 64.0, 64.0]])
    photo = Photograph("p001.jpg", photograph(200, 200, box[0]), box, ("front", "front"), np.zeros((0, 4)))
    _, label = script._view(photo, start=np.array([40.0, 0.0]), side=100.0, size=SIZE)
    assert label["boxes"] == []
    assert len(label["ignore"]) == 2


def test_a_photograph_that_is_not_there_is_named(tmp_path):
    annotation = tmp_path / "heads.csv"
    annotation.write_text("picture,part,x0,y0,x1,y1,facing,ignore,note\np009.jpg,learn,1,2,3,4,front,0,\n")
    with pytest.raises(DataError, match=r"holds no p009.jpg, which heads.csv lists"):
        list(read_photographs(annotation, tmp_path, part="learn"))
