"""Training figures of several runs in one picture, and curves of the compact system's old files."""

import json

import numpy as np
import pytest
from PIL import Image

from facing.cli import main
from facing.errors import DataError
from facing.evaluation.curves import read_curves
from facing.evaluation.history import figure_names, history_table, history_to_dict, read_history


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "first": "step,epoch,crops,lr,train_loss,front_deg,crops_per_s\n"
        "1,1,100,0.1,3.5,40,7\n2,2,200,0.1,2.5,,7\n3,3,300,0.1,2.75,30,7\n",
        "second": "step,crops,lr,train_loss,wrong\n1,50,0.1,9,0.5\n",
        "empty": "step,crops,lr,train_loss\n",
        "foreign": "a,b\n1,2\n",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.csv").write_text(text)
    return tmp_path


def test_figures_are_read_without_the_bookkeeping(runs):
    first, second = read_history([runs / "first", runs / "second" / "metrics.csv"])
    assert (first.name, second.name) == ("first", "second")
    assert list(first.figures) == ["front_deg", "train_loss"]
    np.testing.assert_array_equal(first.crops, [100, 200, 300])
    np.testing.assert_array_equal(first.figures["front_deg"], [40, np.nan, 30])
    assert figure_names([first, second]) == ["front_deg", "wrong", "train_loss"]
    assert history_table([first]).splitlines()[2].split() == ["first", "train_loss", "2.75", "2.5", "200"]
    assert history_to_dict([first])["runs"][0]["figures"]["front_deg"] == [40, None, 30]


def test_equal_names_are_told_apart_and_what_is_no_run_is_named(runs):
    (runs / "other" / "first").mkdir(parents=True)
    (runs / "other" / "first" / "metrics.csv").write_bytes((runs / "first" / "metrics.csv").read_bytes())
    names = [one.name for one in read_history([runs / "first", runs / "other" / "first"])]
    assert names == [str(runs / "first"), str(runs / "other" / "first")]
    with pytest.raises(DataError, match="no epoch yet"):
        read_history([runs / "empty"])
    for name in ("foreign", "nowhere"):
        with pytest.raises(DataError, match="holds no training figures"):
            read_history([runs / name])


def test_the_command_draws_and_tells(runs, capsys):
    pytest.importorskip("matplotlib", reason="needs the extra report")
    with pytest.raises(SystemExit) as left:
        main(["evaluate", "--history", "first", "--history", "second", "--out", "h.png", "--json", "h.json"])
    assert not left.value.code
    assert "front_deg" in capsys.readouterr().out
    assert [run["name"] for run in json.loads((runs / "h.json").read_text())["runs"]] == ["first", "second"]
    with Image.open("h.png") as picture:
        assert min(picture.size) > 300


def test_old_files_of_the_compact_system_are_curves_of_the_facing_direction(tmp_path):
    old = tmp_path / "mobilenet.json"
    old.write_text(json.dumps({"img_name": ["a.jpg", "b.jpg", "c.jpg"], "degree_error": [3.2, 14.0, 40.1]}))
    (curve,) = read_curves([old])
    assert (curve.name, curve.rule, curve.count) == ("mobilenet", "front_angle", 3)
    assert curve.shares([3, 14, 15, 180]) == pytest.approx([0, 2 / 3, 2 / 3, 1])
    new = tmp_path / "new.json"
    angles = {"yaw": 10.0, "pitch": 0.0, "roll": 0.0}
    row = {"true": {**angles, "yaw": 0.0}, "estimated": angles, "geodesic": 10.0}
    new.write_text(json.dumps({"schema": 1, "heads": [row]}))
    assert [curve.rule for curve in read_curves([new])] == ["geodesic"]
    both = read_curves([old, new])
    assert {curve.rule for curve in both} == {"front_angle"}
    assert both[1].errors == pytest.approx([10])
    old.write_text(json.dumps({"img_name": ["a.jpg"], "degree_error": ["far"]}))
    with pytest.raises(DataError, match="holds no errors"):
        read_curves([old])
