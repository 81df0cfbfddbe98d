import csv
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest

from facing.errors import DataError
from facing.geometry.rotation import rotation_from_euler
from facing.output.record import PictureRecord
from facing.output.sink import save_picture
from facing.pose import HeadPose, line_schema
from facing.registry import load, names

GOLDEN = Path(__file__).parents[1] / "golden"
FORMATS = names("facing.output.writers")


def head(*, yaw, pitch=0.0, roll=0.0, **fields):
    rotation = rotation_from_euler(yaw=yaw, pitch=pitch, roll=roll)
    return HeadPose(rotation=rotation, **({"box": (10.5, 20, 110, 140.25), "score": 0.875} | fields))


RECORDS = (
    PictureRecord(
        file='photos/two, "heads".jpg',
        width=640,
        height=480,
        heads=(
            head(yaw=30, pitch=-10, roll=5, error_deg=4.25),
            head(yaw=-150, box=(-5, -8, 40, 44), known=frozenset({"yaw", "pitch"}), track=3, time=0.04),
        ),
    ),
    PictureRecord(file="photos/Привет.jpg", width=64, height=64),
    PictureRecord(file="photos/gone.jpg", error="photos/gone.jpg does not exist; check the name"),
)


@pytest.fixture(params=FORMATS)
def writer(request):
    return load("facing.output.writers", request.param, attribute="WRITER", kind="format")


def written(writer, records=RECORDS):
    stream = io.StringIO()
    with writer(stream) as add:
        for record in records:
            add(record)
    assert not stream.closed
    return stream.getvalue()


@pytest.mark.parametrize("name", FORMATS)
def test_output_is_what_it_was(name):
    writer = load("facing.output.writers", name, attribute="WRITER", kind="format")
    assert written(writer) == (GOLDEN / f"records.{name}").read_text(encoding="utf-8")


def test_file_and_stream_hold_the_same(writer, tmp_path):
    path = tmp_path / "new" / "folder" / "out.txt"
    with writer(path) as add:
        for record in RECORDS:
            add(record)
        assert not path.exists()
    assert path.read_bytes() == written(writer).encode()
    assert list(path.parent.iterdir()) == [path]


def test_a_name_that_is_no_unicode_stops_nothing(writer, tmp_path):
    path = tmp_path / "out.txt"
    with writer(path) as add:
        add(PictureRecord(file=os.fsdecode(b"caf\xe9.jpg"), width=1, height=1))
    assert b"caf" in path.read_bytes()


def test_a_failure_leaves_the_old_file(writer, tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("old")
    with pytest.raises(AttributeError), writer(path) as add:
        list(map(add, (RECORDS[0], None)))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(writer, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cannot be written"), writer(tmp_path / "file" / "out.txt") as add:
        add(RECORDS[0])


def test_each_record_is_there_before_the_next(writer):
    stream = io.StringIO()
    with writer(stream) as add:
        for record in RECORDS:
            before = len(stream.getvalue())
            add(record)
            assert record.file.split("/")[1][:4] in stream.getvalue()[before:]


def test_every_input_is_named_and_every_failure_explained(writer):
    text = written(writer)
    assert "Привет" in text
    assert "does not exist" in text


def test_nothing_in_gives_no_record(writer):
    assert written(writer, records=()).count("\n") <= 1


def test_json_lines_give_the_heads_back():
    lines = [json.loads(line) for line in written(load_writer("jsonl")).splitlines()]
    assert all(set(line) == set(line_schema()["required"]) for line in lines)
    heads = [HeadPose.from_dict(record) for record in lines[0]["heads"]]
    for ours, theirs in zip(heads, RECORDS[0].heads, strict=True):
        np.testing.assert_allclose(ours.rotation, theirs.rotation, atol=5e-7)  # six digits are written
        assert (ours.box, ours.known, ours.track) == (theirs.box, theirs.known, theirs.track)
    assert [line["error"] for line in lines][:2] == [None, None]


def test_csv_has_a_row_for_heads_none_and_failures():
    rows = list(csv.DictReader(io.StringIO(written(load_writer("csv")))))
    assert [(row["file"], row["head"], bool(row["error"])) for row in rows] == [
        (RECORDS[0].file, "1", False),
        (RECORDS[0].file, "2", False),
        (RECORDS[1].file, "", False),
        (RECORDS[2].file, "", True),
    ]
    rotation = np.array([[float(rows[0][f"r{i}{j}"]) for j in (1, 2, 3)] for i in (1, 2, 3)])
    np.testing.assert_allclose(rotation, RECORDS[0].heads[0].rotation, atol=5e-7)
    assert rows[1]["roll"] == ""


def test_the_table_is_narrow_and_keeps_control_characters_off_the_terminal():
    odd = PictureRecord(file="a\x1b[31m\n.jpg", width=1, height=1)
    broken = PictureRecord(file=odd.file, error=f"{odd.file} is broken")
    other = PictureRecord(file=odd.file, error="no \x1b[31mreader\n")
    text = written(load_writer("table"), records=(*RECORDS, odd, broken, other))
    assert max(map(len, text.splitlines())) <= 72
    assert "\x1b" not in text
    assert text.splitlines()[-2:] == ["a?[31m?.jpg is broken", "a?[31m?.jpg: no ?[31mreader?"]


def test_pictures_are_saved_whole(tmp_path):
    pixels = np.full((4, 6, 3), 77, np.uint8)
    save_picture(pixels, tmp_path / "deep" / "x.png")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["x.png"]


def load_writer(name):
    return load("facing.output.writers", name, attribute="WRITER", kind="format")
