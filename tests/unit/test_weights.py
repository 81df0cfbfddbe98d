import hashlib
import json

import pytest

from facing.errors import ModelError, UnknownNameError
from facing.runtime.session import Session
from facing.runtime.weights import shipped, weights_path


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "small-1.onnx").write_bytes(b"weights")
    row = {"sha256": hashlib.sha256(b"weights").hexdigest(), "kind": "pose", "licence": "MIT"}
    table = {
        "small": {"file": "small-1.onnx", **row},
        "heads": {"file": "heads-1.onnx", **row, "kind": "heads"},
    }
    (tmp_path / "weights.json").write_text(json.dumps(table))
    return tmp_path


def test_names_lead_to_files(folder):
    assert weights_path("small", folder=folder) == folder / "small-1.onnx"
    assert weights_path("small-1", folder=folder) == folder / "small-1.onnx"
    assert weights_path(folder / "small-1.onnx", folder=folder) == folder / "small-1.onnx"


def test_shipped_lists_and_checks(folder):
    heads, small = shipped(folder)
    assert (heads.name, heads.kind, small.name, small.licence) == ("heads", "heads", "small", "MIT")
    assert small.is_intact()
    assert not heads.is_intact()
    small.path.write_bytes(b"other")
    assert not small.is_intact()


def test_a_folder_without_a_table_ships_nothing(tmp_path):
    assert shipped(tmp_path) == ()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("heads", "heads-1.onnx of model 'heads' is missing; install facing again"),
        ("absent.onnx", "absent.onnx does not exist"),
        ("somewhere/absent", "does not exist"),
        (".", "is a folder; give an .onnx file"),
    ],
)
def test_missing_files_are_named(folder, given, message):
    with pytest.raises(ModelError, match=message):
        weights_path(given, folder=folder)


def test_unknown_names_list_the_known(folder):
    with pytest.raises(UnknownNameError, match=r"Did you mean 'small'. Known: heads, small"):
        weights_path("smal", folder=folder)


@pytest.mark.parametrize("text", ["{", "[1]", '{"small": {"file": "a"}}'])
def test_a_damaged_table_is_named(tmp_path, text):
    (tmp_path / "weights.json").write_text(text)
    with pytest.raises(ModelError, match=r"is damaged .* install facing again"):
        shipped(tmp_path)


def test_every_shipped_file_is_the_released_one():
    models = {model.name: model for model in shipped()}
    assert set(models) >= {"heads", "small"}
    for model in models.values():
        assert model.is_intact(), model.name
        assert Session(weights_path(model.name), kind=model.kind).card.licence == model.licence, model.name
