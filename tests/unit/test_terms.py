"""Whose pictures a folder holds: what is written beside them, and what their labels tell."""

import json

import numpy as np
import pytest

from facing.errors import DataError
from facing.shards import ShardSample, encode, write_shard
from facing.synth.heads import HeadsJob, write_heads
from facing.terms import (
    HOW_TO_STATE,
    RENDERS,
    RENDERS_TERMS,
    composed_terms,
    is_free,
    shard_terms,
    state_terms,
    stated_terms,
)

BOX = [1.0, 1.0, 9.0, 9.0]
TURN = np.eye(3).tolist()
RENDERED = {"box": BOX, "rotation": TURN, "camera": {"focal_px": 9.0, "centre_px": [5.0, 5.0]}}
CONVERTED = {"box": BOX, "rotation": TURN, "camera": None, "known": ["yaw"]}
SCENE = {"boxes": [BOX], "rotations": [TURN], "ignore": []}
VIEW = {"boxes": [BOX], "rotations": [], "ignore": []}
EMPTY = {"boxes": [], "rotations": [], "ignore": []}
MINE = {"name": "mine", "licence": "CC0-1.0", "may_train_shipped_weights": True}
THEIRS = {"name": "theirs", "licence": "research only", "may_train_shipped_weights": False}


def write(folder, *labels, kind="heads"):
    encoded = encode(np.zeros((16, 16, 3), np.uint8))
    rows = [ShardSample(f"{n}", encoded, {"schema": 1} | label) for n, label in enumerate(labels)]
    write_shard(folder / f"{kind}-0.tar", rows)
    return folder


@pytest.mark.parametrize(
    ("kind", "labels", "licence"),
    [
        ("heads", [RENDERED], RENDERS_TERMS),
        ("heads", [CONVERTED], "unknown"),
        ("scenes", [EMPTY, SCENE], RENDERS_TERMS),
        ("scenes", [EMPTY, VIEW], "unknown"),
        ("scenes", [EMPTY], "unknown"),
        ("backgrounds", [{}], "unknown"),
    ],
)
def test_without_a_note_labels_tell_renders_from_photographs(tmp_path, kind, labels, licence):
    terms = shard_terms(write(tmp_path / "set", *labels, kind=kind))
    assert (terms["licence"], terms["may_train_shipped_weights"]) == (licence, licence != "unknown")


def test_a_note_says_more_than_labels(tmp_path):
    write(tmp_path, RENDERED)
    state_terms(tmp_path, THEIRS)
    assert shard_terms(tmp_path)["licence"] == "research only"
    state_terms(tmp_path, THEIRS)  # the next call of the same job
    with pytest.raises(DataError, match=r"holds theirs under research only, not mine under CC0-1\.0"):
        state_terms(tmp_path, MINE)
    # A folder that is not there does not borrow the note of the one around it.
    assert shard_terms(tmp_path / "none")["licence"] == "unknown"


def test_the_note_that_the_sentence_asks_for_is_read(tmp_path):
    name, _, text = HOW_TO_STATE.removeprefix("write ").partition(" into it: ")
    (tmp_path / name).write_text(text)
    assert stated_terms(tmp_path) == {
        "name": "NAME",
        "title": "NAME",
        "licence": "LICENCE",
        "may_train_shipped_weights": False,
    }


@pytest.mark.parametrize(
    ("notes", "licence"),
    [
        ([None, MINE], RENDERS_TERMS),
        ([None, THEIRS], "theirs: research only"),
        ([None, "none"], "unknown for 1"),
        ([THEIRS, "none"], "unknown for 1; theirs: research only"),
    ],
)
def test_what_is_put_together_is_bound_by_each_part(tmp_path, notes, licence):
    for number, note in enumerate(notes):
        (tmp_path / f"{number}").mkdir()
        if note != "none":
            state_terms(tmp_path / f"{number}", note)
    terms = composed_terms([tmp_path / f"{number}" for number in range(len(notes))], name="scenes")
    assert terms["licence"] == licence
    assert terms["may_train_shipped_weights"] == (licence == RENDERS_TERMS)


def test_rendering_states_its_terms(tmp_path):
    assert write_heads(HeadsJob(pack=None, out=tmp_path, count=0, seed=1), processes=1) == 0
    note = json.loads((tmp_path / "facing-set.json").read_text())
    assert (note["set"]["name"], note["set"]["licence"]) == (RENDERS, RENDERS_TERMS)


@pytest.mark.parametrize(
    ("licence", "free"),
    [
        (RENDERS_TERMS, True),
        ("CC0-1.0", True),
        ("CC0-1.0 AND MIT", True),
        ("CC-BY-4.0", False),
        ("MIT AND research only", False),
        ("unknown", False),
    ],
)
def test_free_terms(licence, free):
    assert is_free(licence) == free
