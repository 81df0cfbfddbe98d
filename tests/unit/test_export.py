"""Exported pose networks: the graph contract, equality with torch, and no trace of the machine."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from facing.cli import main
from facing.errors import ModelError
from facing.export.card_file import embed_card
from facing.export.onnx import export_pose, pose_card
from facing.models.describe import describe_network
from facing.models.describe_graph import describe_graph
from facing.models.mirror import MirrorAverage
from facing.models.windows import WINDOWS, WindowAverage, windowed_crop
from facing.runtime.session import Session
from facing.training.checkpoint import Checkpoint, save_checkpoint
from facing.training.recipe import recipe_from_dict
from facing.training.task import load_task
from plain_pose import SETTINGS, SIDE, smooth


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    recipe = recipe_from_dict(SETTINGS, where="test")
    torch.manual_seed(0)
    network = load_task("pose").network(recipe)
    # Statistics and a tail as after training, so that folding and decoding are really tested.
    with torch.no_grad():
        for _ in range(5):
            network(torch.from_numpy(smooth(8)))
        network.head.rotation.weight.normal_(std=0.5)
        network.head.spread.weight.normal_(std=0.1)
    path = tmp_path_factory.mktemp("run") / "best.safetensors"
    story = Checkpoint(
        network.state_dict(), recipe.to_dict(), recipe.digest(), step=5, figures={"front_deg": 9.0}
    )
    save_checkpoint(path, story)
    return path, network.eval()


@pytest.fixture(scope="module", params=[True, False], ids=["half", "full"])
def exported(request, checkpoint, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "pose.onnx"
    card = pose_card(
        checkpoint[0], measured={"set": {"mae": 4.0}}, data=[{"name": "renders", "licence": "CC0-1.0"}]
    )
    return (
        out,
        export_pose(checkpoint[0], out, card=card, pictures=smooth(6), half=request.param),
        request.param,
    )


@pytest.mark.parametrize("count", [1, 7])
def test_file_equals_network_for_any_batch_size(exported, checkpoint, count):
    out, _, half = exported
    crops = smooth(count)
    got = Session(out, kind="pose").run(crops)
    with torch.no_grad():
        expected = checkpoint[1](torch.from_numpy(crops))
    # Weights of 11 bits against 24.
    limit = 5e-3 if half else 1e-5
    np.testing.assert_allclose(got["rotation"], expected["rotation"], atol=limit)
    np.testing.assert_allclose(got["spread"], expected["spread"], atol=limit)


def test_a_file_that_mirrors_equals_its_network_and_says_so(checkpoint, tmp_path):
    out = tmp_path / "pose.onnx"
    card = export_pose(checkpoint[0], out, card=pose_card(checkpoint[0]), pictures=smooth(6), mirror=True)
    assert card.measured["mirror_average"] is True
    crops = smooth(5)
    got = Session(out, kind="pose").run(np.concatenate([crops, crops[:, :, ::-1]]))
    signs = np.array([[1, -1, -1], [-1, 1, 1], [-1, 1, 1]])
    np.testing.assert_allclose(got["rotation"][:5], got["rotation"][5:] * signs, atol=1e-5)
    with torch.no_grad():
        expected = MirrorAverage(checkpoint[1])(torch.from_numpy(crops))
    np.testing.assert_allclose(got["rotation"][:5], expected["rotation"], atol=5e-3)


@pytest.mark.parametrize("windows", WINDOWS)
def test_a_file_with_windows_equals_its_network_and_its_card_says_so(checkpoint, tmp_path, windows):
    out = tmp_path / "pose.onnx"
    trained = pose_card(checkpoint[0])
    card = export_pose(checkpoint[0], out, card=trained, windows=windows, half=False)
    assert card.measured["windows"] == windows
    assert card.crop == windowed_crop(trained.crop)
    crops = np.pad(smooth(5), [(0, 0), (6, 6), (6, 6), (0, 0)], mode="edge")
    session = Session(out, kind="pose")
    assert session.card == card
    with torch.no_grad():
        expected = WindowAverage(checkpoint[1], count=windows)(torch.from_numpy(crops))
    np.testing.assert_allclose(session.run(crops)["rotation"], expected["rotation"], atol=1e-4)


@pytest.mark.parametrize("windows", WINDOWS)
def test_a_file_with_windows_is_counted_in_all_of_them(checkpoint, tmp_path, windows):
    out = tmp_path / "pose.onnx"
    card = export_pose(checkpoint[0], out, card=pose_card(checkpoint[0]), windows=windows)
    graph = describe_graph(out, card)
    assert f"{windows} windows" in graph.note
    stem, *others = (layer.multiply_adds for layer in graph.layers)
    whole, window = (describe_network(checkpoint[1], size=(side, side)) for side in (SIDE + 10, SIDE))
    # The first convolution reads two pairs of pixels where three pixels count.
    assert 3 * stem == 4 * whole.layers[0].multiply_adds
    assert sum(others) == windows * (window.multiply_adds - window.layers[0].multiply_adds)


@pytest.mark.parametrize("also", [[], ["--check", "face.png"], ["--mirror"]])
def test_windows_on_the_command_line(checkpoint, tmp_path, monkeypatch, capsys, also):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(smooth(1)[0]).save("face.png")
    words = [
        "export",
        str(checkpoint[0]),
        "--out",
        "pose.onnx",
        "--windows",
        "2",
        "--trained-on",
        "renders=CC0-1.0",
    ]
    with pytest.raises(SystemExit) as ended:
        main([*words, *also])
    refused = "--mirror" in also
    assert ended.value.code == (2 if refused else 0)
    assert ("leave one out" in capsys.readouterr().err) == refused
    if not refused:
        assert Session("pose.onnx", kind="pose").card.crop.side == SIDE + 12


def test_card_tells_where_the_file_comes_from(exported, checkpoint):
    out, returned, half = exported
    card = Session(out, kind="pose").card
    assert card == returned
    assert card.name == SETTINGS["name"]
    assert card.outputs == ("rotation", "spread")
    assert card.crop.side == SIDE
    assert card.recipe["model"]["variant"] == "nano"
    assert len(card.recipe_hash) == 64
    assert card.measured["set"] == {"mae": 4.0}
    assert card.measured["validation"] == {"front_deg": 9.0}
    assert card.measured["export"]["crops"] == 6
    assert card.measured["export"]["rotation_deg"] < (0.5 if half else 0.01)


def test_graph_has_the_contract_and_no_trace_of_the_machine(exported):
    out, _, half = exported
    model = onnx.load_model(out)
    (picture,) = model.graph.input
    assert picture.name == "picture"
    assert picture.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [output.name for output in model.graph.output] == ["rotation", "spread"]
    data = out.read_bytes()
    for trace in (
        str(Path(__file__).parents[2]),
        str(Path(torch.__file__).parent),
        "stack_trace",
        "landmarks.weight",
    ):
        assert trace.encode() not in data
    weights = sum(np.prod(array.dims) for array in model.graph.initializer)
    assert len(data) < weights * (2 if half else 4) + 60_000
    kinds = {array.data_type for array in model.graph.initializer if array.name.startswith("head.")}
    assert kinds == {onnx.TensorProto.FLOAT}


def test_cards_can_be_replaced(exported, tmp_path):
    out, card, _ = exported
    embed_card(out, dataclasses.replace(card, name="other"), tmp_path / "other.onnx")
    assert Session(tmp_path / "other.onnx", kind="pose").card.name == "other"
    assert len(onnx.load_model(tmp_path / "other.onnx").metadata_props) == len(
        onnx.load_model(out).metadata_props
    )
    (tmp_path / "junk.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match="cannot be read"):
        embed_card(tmp_path / "junk.onnx", card, tmp_path / "never.onnx")
    assert not (tmp_path / "never.onnx").exists()


def test_missing_and_foreign_checkpoints_are_named(tmp_path):
    with pytest.raises(ModelError, match="does not exist"):
        pose_card(tmp_path / "none")
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(ModelError, match="not written by facing train"):
        pose_card(tmp_path / "foreign.safetensors")


def test_command_writes_the_file(checkpoint, tmp_path, capsys):
    Image.fromarray(smooth(1)[0]).save(tmp_path / "head.png")
    (tmp_path / "figures.json").write_text(json.dumps({"mae": 5.0, "folder": "/home/me/set"}))
    out = tmp_path / "pose.onnx"
    words = ["export", str(checkpoint[0]), "--out", str(out), "--name", "small-1"]
    words += ["--check", str(tmp_path / "head.png"), "--measured", str(tmp_path / "figures.json")]
    with pytest.raises(SystemExit) as left:
        main([*words, "--trained-on", "renders=CC0-1.0"])
    assert not left.value.code
    printed, said = capsys.readouterr()
    assert printed.strip() == str(out)
    assert "own estimate until facing calibrate" in said
    card = Session(out, kind="pose").card
    assert (card.name, card.measured["figures"]) == ("small-1", {"mae": 5.0})  # and no folder of ours
    assert card.data == ({"name": "renders", "licence": "CC0-1.0"},)
