"""Poses of photographed heads that networks state, and heads that stay without one."""

import csv
import sys

import numpy as np
import pytest
from PIL import Image

from constant_models import write_pose_model
from facing.datasets.sample import LeftOut, load_reader
from facing.geometry.rotation import rotation_from_euler
from facing.terms import shard_terms
from script_files import load_script

BOX = (40, 20, 90, 80)


@pytest.fixture
def label(tmp_path, monkeypatch):
    """Run the script on three photographs with the given yaws, one network each; give the labelled rows."""
    script = load_script("scripts/photograph_poses.py")
    (tmp_path / "pictures").mkdir()
    heads = {
        "p001.jpg": ("learn", BOX, "front"),
        "p002.jpg": ("measure", BOX, "front"),
        "p003.jpg": ("learn", BOX, "back"),
        "p004.jpg": ("learn", (10, 10, 25, 30), "front"),
    }
    with (tmp_path / "heads.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["picture", "part", "x0", "y0", "x1", "y1", "facing", "ignore", "note"])
        for name, (part, box, facing) in heads.items():
            Image.fromarray(np.full((100, 160, 3), 90, np.uint8)).save(tmp_path / "pictures" / name)
            table.writerow([name, part, *box, facing, 0, ""])
    monkeypatch.setattr(script, "ANNOTATION", tmp_path / "heads.csv")

    def run(*yaws):
        words = ["--pictures", str(tmp_path / "pictures"), "--out", str(tmp_path / "out")]
        for number, yaw in enumerate(yaws):
            path = write_pose_model(tmp_path / f"{number}.onnx", yaw=yaw)
            words += ["--model", str(path)]
        monkeypatch.setattr(sys, "argv", ["photograph_poses.py", *words])
        script.main()
        return list(load_reader("csv").samples(tmp_path / "out" / "heads.csv"))

    return run


def test_heads_that_learn_and_face_as_seen_get_the_mean_pose(label, tmp_path):
    (sample,) = label(4, 10)  # not p002, which measures, p003, seen from behind, nor p004, which is small
    assert not isinstance(sample, LeftOut)
    assert sample.picture.name == "p001.jpg"
    np.testing.assert_allclose(sample.heads[0].box, BOX)
    np.testing.assert_allclose(
        sample.heads[0].rotation, rotation_from_euler(yaw=7, pitch=0, roll=0), atol=1e-4
    )
    assert shard_terms(tmp_path / "out")["licence"] == "CC0-1.0"


def test_networks_that_disagree_label_nothing(label):
    assert label(-30, 30) == []


def test_a_head_seen_from_behind_is_labelled_where_networks_say_so(label):
    (sample,) = label(170, 178)
    assert sample.picture.name == "p003.jpg"


def test_near_the_border_between_two_facings_either_will_do(label):
    (sample,) = label(50, 52)
    assert sample.picture.name == "p001.jpg"
