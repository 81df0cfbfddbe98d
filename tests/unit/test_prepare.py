"""Any set made ready for training: nothing is left out in silence, and a set that changed is read anew."""

import csv
import logging
import re

import numpy as np
import pytest
from PIL import Image

from facing.errors import DataError, RecipeError
from facing.training.data import open_heads
from facing.training.fit import fit
from facing.training.prepare import head_folders
from facing.training.recipe import DataSettings, recipe_from_dict
from facing.training.task import load_task


def write_table(folder, yaws):
    """Flat pictures with a head box and the yaws of their heads; roll is unknown where the yaw is None."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "heads.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["picture", "x0", "y0", "x1", "y1", "yaw", "pitch", "roll", "source"])
        for number, yaw in enumerate(yaws):
            Image.fromarray(np.full((40, 40, 3), 5 * number, np.uint8)).save(folder / f"{number}.png")
            angles = ["10", "0", ""] if yaw is None else [yaw, "0", "0"]
            table.writerow([f"{number}.png", 8, 8, 32, 32, *angles, f"person {number}"])


def settings(**changes):
    return {
        "schema": 1,
        "name": "tiny",
        "task": "pose",
        "licence": "CC0-1.0",
        "precision": "32",
        "data": [{"reader": "csv", "path": "set"}],
        "crop": {"side": 32},
        "model": {"backbone": "compact", "variant": "nano"},
        "head": {"name": "vector"},
        "augment": {"kind": "plain"},
        "optim": {"lr": 1e-3, "batch": 4, "epochs": 1},
    } | changes


def prepared(root):
    entries = [DataSettings(reader="csv", path="set")]
    return head_folders(entries, root, side=32, scale=1.0)


def test_heads_of_any_pose_are_kept(tmp_path):
    write_table(tmp_path / "set", [0, 120, -170])
    _, labels, _ = open_heads(prepared(tmp_path))
    np.testing.assert_allclose(labels.rotation[:, 2, 2], np.cos(np.radians([0, 120, 170])), atol=1e-5)


def test_what_is_left_out_is_told_every_time(tmp_path, caplog):
    write_table(tmp_path / "set", [0, 20, 120, None, 40])
    (tmp_path / "set" / "4.png").write_bytes(b"no picture")
    data = [{"reader": "csv", "path": "set", "max_angle": 99.0}]
    recipe = recipe_from_dict(settings(data=data, head={"name": "rotation_6d"}), where="test")
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.INFO, "facing"):
            source = load_task("pose").source(recipe, tmp_path)
        assert len(source) == 2
        assert re.search(r"set: pictures that cannot be read are left out: 1; 4\.png: ", caplog.text)
        assert "set: 1 of 4 heads left out: yaw, pitch and roll are not all stated" in caplog.text
        assert "set: 1 of 4 heads left out: an angle over the set's max_angle" in caplog.text


@pytest.mark.parametrize(("sources", "share", "warned"), [(4, 0.5, 1), (2, 0.5, 0), (4, 0.0, 0)])
def test_a_share_of_a_set_without_sources_is_warned_of(tmp_path, caplog, sources, share, warned):
    write_table(tmp_path / "set", [0, 10, 20, 30])
    table = tmp_path / "set" / "heads.csv"
    table.write_text(re.sub(r"person (\d)", lambda found: f"p{int(found[1]) % sources}", table.read_text()))
    recipe = recipe_from_dict(settings(validation_share=share), where="test")
    load_task("pose").source(recipe, tmp_path)
    said = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(said) == warned
    assert all(text.startswith("set: no two heads have one source") for text in said)


def test_a_facing_direction_needs_no_roll(tmp_path, caplog):
    write_table(tmp_path / "set", [0, 20, None])
    recipe = recipe_from_dict(settings(head={"name": "vector"}), where="test")
    with caplog.at_level(logging.INFO, "facing"):
        assert len(load_task("pose").source(recipe, tmp_path)) == 3
    assert "left out" not in caplog.text


def test_classes_learn_from_the_backs_of_a_converted_set(tmp_path, caplog):
    write_table(tmp_path / "set", [0, 90, 170, 60])
    recipe = recipe_from_dict(
        settings(
            task="orientation",
            head={"name": "orientation"},
            ranges={"margin": 20.0},
            validation={"reader": "csv", "path": "set"},
        ),
        where="test",
    )
    with caplog.at_level(logging.INFO, "facing"):
        source = load_task("orientation").source(recipe, tmp_path)
    np.testing.assert_array_equal(source.heads.number, [0, 1, 2, -1])
    assert "set: 1 of 4 heads left out: in no class" in caplog.text


def test_a_set_that_changed_is_converted_anew(tmp_path):
    write_table(tmp_path / "set", [0, 10])
    first = prepared(tmp_path)
    assert prepared(tmp_path) == first
    write_table(tmp_path / "set", [0, 10, 20])
    second = prepared(tmp_path)
    assert second != first
    assert len(open_heads(second)[1].identity) == 3


def test_a_set_is_converted_anew_when_the_conversion_changed(tmp_path, monkeypatch):
    write_table(tmp_path / "set", [0, 10])
    first = prepared(tmp_path)
    monkeypatch.setattr("facing.training.prepare.FORMAT", -1)
    assert prepared(tmp_path) != first


@pytest.mark.parametrize(
    ("changes", "start", "words"),
    [
        ({"crop": {"side": 32}, "model": {"backbone": "simple_cnn", "variant": "7"}}, None, "from 222 on"),
        ({"model": {"backbone": "resnet", "variant": "18", "pretrained": "none.pth"}}, None, "no such file"),
        ({}, "nowhere", "nowhere does not exist"),
    ],
)
def test_what_cannot_start_fails_before_data_are_read(tmp_path, changes, start, words):
    with pytest.raises(Exception, match=words) as caught:
        fit(
            recipe_from_dict(settings(**changes), where="test"),
            data=tmp_path / "no data",
            out=tmp_path / "run",
            init=None if start is None else tmp_path / start,
        )
    assert not isinstance(caught.value, DataError)


def test_the_detector_reads_scene_shards_alone():
    scenes = {
        "schema": 1,
        "name": "d",
        "task": "detection",
        "licence": "CC0-1.0",
        "optim": {"lr": 1, "crops": 1},
    }
    for entry in ({"reader": "scut-head", "path": "a"}, {"path": "a", "weight": 2.0}):
        with pytest.raises(
            RecipeError, match=r"data: the detector learns from scene shards .* give a as a path"
        ):
            recipe_from_dict(scenes | {"data": [entry]}, where="test")
    with pytest.raises(RecipeError, match="validation: the detector learns"):
        recipe_from_dict(
            scenes | {"data": [{"path": "a"}], "validation": {"path": "b", "max_angle": 9.0}}, where="test"
        )
