"""Whole pictures in another size: shapes, where pixels go, and boxes that follow them."""

import csv

import numpy as np
import pytest
from PIL import Image

from facing.cli import main
from facing.datasets.readers.csv import READER
from facing.datasets.resize import ResizeRule, resize_picture, resize_set
from facing.datasets.sample import sample_pixels
from facing.errors import DataError


def marked(width, height, box):
    """A grey picture whose box is white."""
    pixels = np.full((height, width, 3), 60, np.uint8)
    x0, y0, x1, y1 = box
    pixels[y0:y1, x0:x1] = 255
    return pixels


@pytest.mark.parametrize(
    ("size", "rule", "expected"),
    [
        ((80, 40), {"side": 160}, (160, 80)),
        ((80, 40), {"aspect": 1.0}, (80, 80)),
        ((40, 80), {"aspect": 0.5625, "side": 320}, (320, 180)),
        ((80, 40), {"aspect": 0.5625, "side": 320}, (320, 180)),
        ((80, 40), {"aspect": 1.5, "stretch": True}, (80, 120)),
        ((80, 40), {"aspect": 2.0, "stretch": True, "side": 40}, (20, 40)),
    ],
)
def test_the_frame_has_the_wanted_shape(size, rule, expected):
    pixels, _ = resize_picture(marked(*size, (0, 0, 1, 1)), ResizeRule(**rule))
    assert pixels.shape == (expected[1], expected[0], 3)


@pytest.mark.parametrize(
    "rule",
    [{"side": 240}, {"aspect": 0.5625}, {"aspect": 2.0, "side": 480}, {"aspect": 1.25, "stretch": True}],
    ids=str,
)
def test_boxes_are_where_their_pixels_went(tmp_path, rule):
    box = (30, 12, 66, 48)
    Image.fromarray(marked(120, 60, box)).save(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text("picture,x0,y0,x1,y1,yaw,pitch,roll\na.png,30,12,66,48,20,5,-3\n")
    tally = resize_set(READER.samples(tmp_path / "t.csv"), tmp_path / "out", rule=ResizeRule(**rule))
    assert (tally.written, tally.failed) == (1, [])
    (sample,) = READER.samples(tmp_path / "out")
    rows, columns = np.nonzero(sample_pixels(sample)[..., 0] > 157)
    found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert sample.heads[0].box == pytest.approx(found, abs=1.01)
    with (tmp_path / "out" / "heads.csv").open() as stream:
        (row,) = csv.DictReader(stream)
    assert (float(row["yaw"]), float(row["pitch"]), float(row["roll"])) == pytest.approx((20, 5, -3))


def test_bars_are_black_and_a_whole_picture_stays_the_head(tmp_path):
    Image.new("RGB", (40, 80), (200, 200, 200)).save(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text("picture,yaw\na.png,20\n")
    resize_set(READER.samples(tmp_path / "t.csv"), tmp_path / "out", rule=ResizeRule(aspect=1.0))
    (sample,) = READER.samples(tmp_path / "out")
    pixels = sample_pixels(sample)
    assert sample.heads[0].box == (20, 0, 60, 80)
    assert pixels[:, :20].max() == pixels[:, 60:].max() == 0
    assert pixels[:, 20:60].min() == 200


def test_a_rule_that_changes_nothing_is_refused():
    with pytest.raises(DataError, match="nothing changes"):
        ResizeRule()
    with pytest.raises(DataError, match="height over width"):
        ResizeRule(aspect=56.25)


def test_the_command_counts_what_it_cannot_read(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (40, 80)).save("a.png")
    (tmp_path / "b.png").write_bytes(b"nothing")
    (tmp_path / "t.csv").write_text("picture\na.png\nb.png\n")
    for arguments, code in ((["--aspect", "0.5625"], 3), ([], 2), (["--side", "32", "--stretch"], 2)):
        with pytest.raises(SystemExit) as left:
            main(["datasets", "resize", "csv:t.csv", "--out", "out", *arguments])
        assert left.value.code == code
    assert "b.png failed" in capsys.readouterr().err
    with Image.open("out/a.png.png") as picture:
        assert picture.size == (142, 80)
