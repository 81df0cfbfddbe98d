"""The pyramid system's list from the official annotations, on the command line."""

import json

import pytest

from facing.cli import main
from facing.datasets.readers.dad3dheads import READER, pyramid_list
from facing.datasets.sample import Sample
from written_sets import write_class_folder, write_dad3dheads


def convert(*arguments):
    with pytest.raises(SystemExit) as left:
        main(["datasets", "convert", *map(str, arguments), "--format", "pyramid-list"])
    return left.value.code or 0


def test_the_command_writes_the_same_list_as_the_function(tmp_path):
    folder = write_dad3dheads(tmp_path / "dad", names=("a", "b", "c"))
    assert convert(f"dad3dheads:{folder}", "--max-angle", 180, "--out", folder) == 0
    found = json.loads((folder / "pyramid.json").read_text())
    assert found == pyramid_list(folder)
    assert [record["img_path"] for record in found] == [f"train/images/{name}.png" for name in "abc"]
    assert found[0]["bbox"] == [200, 190, 110, 140]
    # It does not take the place of the official list, and the reader reads both.
    assert len(list(READER.samples(folder))) == 3
    assert all(isinstance(sample, Sample) for sample in READER.samples(folder / "pyramid.json"))


def test_keys_and_angles_choose_and_other_sets_are_refused(tmp_path, capsys):
    folder = write_dad3dheads(tmp_path / "dad", names=("a", "b", "c"))  # yaw 0, 20, 40
    assert convert(f"dad3dheads:{folder}", "--max-angle", 30, "--out", tmp_path / "few") == 0
    assert len(json.loads((tmp_path / "few" / "pyramid.json").read_text())) == 2
    (tmp_path / "keys.txt").write_text("train/c\n")
    assert convert(f"dad3dheads:{folder}", "--keys", tmp_path / "keys.txt", "--out", tmp_path / "one") == 0
    (record,) = json.loads((tmp_path / "one" / "pyramid.json").read_text())
    assert record["img_path"] == "train/images/c.png"
    (tmp_path / "set").mkdir()
    write_class_folder(tmp_path / "set")
    assert convert(f"class-folder:{tmp_path / 'set'}", "--out", tmp_path / "no") == 3
    assert "made from the folder of DAD-3DHeads" in capsys.readouterr().err
