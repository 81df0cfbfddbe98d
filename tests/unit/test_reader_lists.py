from dataclasses import replace

import numpy as np
import pytest

from facing.datasets.convert import ConvertJob, convert
from facing.datasets.files import find_files, listed_files, read_list, read_table
from facing.datasets.sample import ANGLES, LabelledHead, LeftOut, Sample, load_reader
from facing.datasets.split import read_keys
from facing.errors import DataError
from facing.geometry.rotation import rotation_from_euler


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "set" / "A").mkdir(parents=True)
    for name in ("A/2", "A/1", "A/1.5"):
        (tmp_path / "set" / f"{name}.mat").touch()
    return tmp_path / "set"


def test_folder_is_sorted_and_list_keeps_its_order(folder):
    def names(path):
        return [file.name for file in listed_files(path, "*/*.mat", ending=".mat", title="a set").files]

    assert names(folder) == ["1.5.mat", "1.mat", "2.mat"]
    (folder / "list.txt").write_text("A/2\r\nA/1.5\r\n\r\n")
    assert names(folder / "list.txt") == ["2.mat", "1.5.mat"]


def test_root_line_is_relative_to_the_list(folder):
    (folder.parent / "lists").mkdir()
    path = folder.parent / "lists" / "some.txt"
    path.write_text("# root: ../set\n# a remark\nA/1\n")
    listing = listed_files(path, "*/*.mat", ending=".mat", title="a set")
    assert listing.files[0].resolve() == (folder / "A" / "1.mat").resolve()
    assert len(listing.files) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [("A/7\nA/8\n", r"none of its 2 files, such as .*7\.mat, exists"), ("\n", "names nothing")],
)
def test_list_without_files_is_refused(folder, text, says):
    (folder / "list.txt").write_text(text)
    with pytest.raises(DataError, match=says):
        listed_files(folder / "list.txt", "*/*.mat", ending=".mat", title="a set")


def test_list_that_is_not_there_or_no_text_is_refused(folder):
    with pytest.raises(DataError, match=r"gone\.txt cannot be read"):
        listed_files(folder / "gone.txt", "*", ending=".mat", title="a set")
    (folder / "list.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"list\.txt cannot be read"):
        listed_files(folder / "list.txt", "*", ending=".mat", title="a set")


def test_the_mark_that_excel_sets_is_no_part_of_a_name(folder):
    mark = b"\xef\xbb\xbf"
    (folder / "list.txt").write_bytes(mark + b"# root: .\nA/1\n")
    (folder / "keys.txt").write_bytes(mark + b"A/1\nA/2\n")
    (folder / "t.csv").write_bytes(mark + b"key,yaw\nA/1,3\n")
    assert read_list(folder / "list.txt", title="a set")[1] == ["A/1"]
    assert read_keys(folder / "keys.txt") == {"A/1", "A/2"}
    assert read_table(folder / "t.csv", columns=("key",), title="a set") == [{"key": "A/1", "yaw": "3"}]


def test_error_names_what_lies_there(folder):
    with pytest.raises(DataError, match=r"holds no \*\.png \(it holds A/\); name the folder of a set"):
        find_files(folder, "*.png", title="a set")
    (folder.parent / "empty").mkdir()
    with pytest.raises(DataError, match="it is empty"):
        find_files(folder.parent / "empty", "*.png", title="a set")
    with pytest.raises(DataError, match=r"holds no pose\.csv \(it holds A/\)"):
        read_table(folder / "pose.csv", columns=("x",), title="a set")


def job_of(entries, path, **settings):
    reader = replace(load_reader("shards"), samples=lambda _: iter(entries))
    return ConvertJob(name="shards", reader=reader, path=path, **settings)


def sample(key, **angles):
    head = LabelledHead((0, 0, 1, 1), rotation_from_euler(**angles), known=ANGLES)
    return Sample(key, None, (head,))


def test_list_names_what_is_left_and_where_it_starts(folder):
    entries = [
        sample("A/1", yaw=50, pitch=0, roll=0),
        LeftOut("A/1.5", "label cannot be read"),
        sample("A/2", yaw=0, pitch=0, roll=-70),
    ]
    tally = convert(job_of(entries, folder, out=folder), form="list")
    assert (tally.written, tally.left_out) == (2, {"label cannot be read": 1})
    assert (folder / "list.txt").read_text() == "# root: .\nA/1\nA/2\n"
    out = folder.parent / "few"
    assert convert(job_of(entries, folder, out=out, max_angle=60), form="list").written == 1
    assert (out / "list.txt").read_text() == "# root: ../set\nA/1\n"


def test_list_that_cannot_be_written_is_an_error_and_leaves_nothing(folder):
    entries = [sample("A/1", **dict.fromkeys(("yaw", "pitch", "roll"), np.float64(1)))]
    (folder / "list.txt").mkdir()
    with pytest.raises(DataError, match="cannot be written"):
        convert(job_of(entries, folder, out=folder), form="list")
    assert sorted(path.name for path in folder.iterdir()) == ["A", "facing-set.json", "list.txt"]
