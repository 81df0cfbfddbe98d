"""What weights have seen, through every way they get there, and the licence that follows."""

import json
import logging
import sys

import numpy as np
import pytest
import torch

from facing.export.onnx import pose_card
from facing.shards import ShardSample, encode, write_shard
from facing.terms import RENDERS_TERMS, state_terms
from facing.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from facing.training.recipe import recipe_from_dict
from facing.training.seen import licence_of, seen_data
from plain_pose import SETTINGS
from script_files import load_script

RENDERS_ROW = {"name": "facing renders: train", "licence": RENDERS_TERMS}
RESEARCH = {"name": "300W-LP", "licence": "research only"}
FREE = {"name": "photographs", "licence": "CC0-1.0"}
NAMELESS = {"name": "shards", "licence": "unknown"}


def recipe(**changes):
    return recipe_from_dict(SETTINGS | changes, where="test")


def write_renders(folder):
    label = {"schema": 1, "camera": {"focal_px": 9.0}}
    sample = ShardSample("0", encode(np.zeros((16, 16, 4), np.uint8)), label)
    write_shard(folder / "heads-0.tar", [sample])
    return folder


def write_run(folder, *, data, value=1.0):
    """A run folder of the plain network; weights are of no interest here."""
    chosen = recipe()
    story = Checkpoint({"w": torch.full((2,), value)}, chosen.to_dict(), chosen.digest(), step=1, data=data)
    save_checkpoint(folder / "best.safetensors", story)
    (folder / "recipe.json").write_text("{}")
    return folder


def test_renders_without_a_note_are_known_by_their_labels(tmp_path, caplog):
    write_renders(tmp_path / "train")
    assert seen_data(recipe(), tmp_path, init=None) == [RENDERS_ROW]
    assert not caplog.records


def test_shards_of_unknown_terms_are_said_with_what_to_do(tmp_path, caplog):
    sample = ShardSample("0", encode(np.zeros((16, 16, 4), np.uint8)), {"schema": 1, "camera": None})
    write_shard(tmp_path / "train" / "heads-0.tar", [sample])
    with caplog.at_level(logging.WARNING):
        assert seen_data(recipe(), tmp_path, init=None) == [{"name": "train", "licence": "unknown"}]
    assert "write facing-set.json into it" in caplog.text
    assert "--trained-on" in caplog.text


def test_backgrounds_count(tmp_path):
    write_renders(tmp_path / "train")
    backgrounds = ShardSample("0", encode(np.zeros((16, 16, 3), np.uint8)), {"schema": 1})
    chosen = recipe(background="behind")
    assert seen_data(chosen, tmp_path, init=None) == [RENDERS_ROW]  # nothing lies there
    write_shard(tmp_path / "behind" / "backgrounds-0.tar", [backgrounds])
    state_terms(tmp_path / "behind", RESEARCH | {"may_train_shipped_weights": False})
    assert seen_data(chosen, tmp_path, init=None) == [RENDERS_ROW, RESEARCH]
    # Those that were rendered beside the heads are no row of their own.
    write_shard(tmp_path / "train" / "backgrounds-0.tar", [backgrounds])
    assert seen_data(recipe(background="train"), tmp_path, init=None) == [RENDERS_ROW]


def test_a_converted_set_of_any_form_keeps_its_terms(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "facing-set.json").write_text(
        json.dumps({"set": RESEARCH | {"may_train_shipped_weights": False}})
    )
    chosen = recipe(data=[{"reader": "quat-folder", "path": "set"}])
    assert seen_data(chosen, tmp_path, init=None) == [RESEARCH]


@pytest.mark.parametrize(
    ("data", "row"),
    [([RESEARCH], RESEARCH), ([], {"name": "what first was trained on", "licence": "unknown"})],
)
def test_what_the_start_saw_binds_the_weights(tmp_path, data, row):
    write_renders(tmp_path / "train")
    init = write_run(tmp_path / "first", data=data)
    rows = seen_data(recipe(), tmp_path, init=init)
    assert rows == [row, RENDERS_ROW]
    assert licence_of(rows, recipe=recipe()) != SETTINGS["licence"]


def test_what_a_teacher_saw_binds_the_weights(tmp_path):
    write_renders(tmp_path / "train")
    write_run(tmp_path / "first", data=[RESEARCH])
    assert seen_data(recipe(teacher={"path": "first"}), tmp_path, init=None) == [RESEARCH, RENDERS_ROW]


@pytest.mark.parametrize(
    ("rows", "licence"),
    [
        ([RENDERS_ROW, FREE], SETTINGS["licence"]),
        ([RENDERS_ROW, RESEARCH], "restricted by what it was trained on: 300W-LP"),
        ([NAMELESS, RESEARCH], "restricted by what it was trained on: 300W-LP"),
        ([RENDERS_ROW, NAMELESS], "unknown, as that of what it was trained on: shards"),
        ([], "unknown, as nothing says what it was trained on"),
    ],
)
def test_what_was_seen_decides_the_licence(tmp_path, rows, licence):
    """Also where no setting of the recipe was changed, as with --init."""
    card = pose_card(write_run(tmp_path / "run", data=rows))
    assert card.licence == licence
    assert card.data == tuple(rows)


def test_stated_rows_decide_instead(tmp_path):
    run = write_run(tmp_path / "run", data=[RESEARCH])
    assert pose_card(run, data=[FREE]).licence == SETTINGS["licence"]
    assert pose_card(run, data=[FREE]).data == (FREE,)


def test_an_average_has_seen_what_each_of_its_parts_saw(tmp_path, monkeypatch, capsys):
    runs = [
        write_run(tmp_path / "a", data=[FREE], value=1.0),
        write_run(tmp_path / "b", data=[FREE, RESEARCH], value=4.0),
        write_run(tmp_path / "c", data=[]),
    ]
    words = [f"{run}={weight}" for run, weight in zip(runs, (2, 1, 0), strict=True)]
    monkeypatch.setattr(sys, "argv", ["average_checkpoints.py", str(tmp_path / "mean"), *words])
    load_script("scripts/average_checkpoints.py").main()
    mean = load_checkpoint(tmp_path / "mean")
    assert mean.data == [FREE, RESEARCH, {"name": "what c was trained on", "licence": "unknown"}]
    assert mean.weights["w"].tolist() == [2.0, 2.0]
    assert capsys.readouterr().out.strip() == str(tmp_path / "mean" / "best.safetensors")
