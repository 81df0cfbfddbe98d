"""Model files with 8-bit convolutions: what is quantised, how little the answers move, what the card says."""

import hashlib

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper
from PIL import Image
from scipy.spatial.transform import Rotation

from facing.cli import main
from facing.crop import crop_heads
from facing.datasets.sample import LeftOut, load_reader
from facing.errors import DataError, ModelError
from facing.export.card_file import write_model
from facing.export.detection import detector_graph
from facing.export.int8 import _spread, calibration_inputs, differences, open_model, quantise
from facing.export.onnx import export_pose, pose_card
from facing.models.describe_graph import describe_graph
from facing.models.detection import HeadDetector
from facing.picture import load_picture
from facing.runtime.card import Card, Detection
from facing.runtime.session import Session
from facing.training.checkpoint import Checkpoint, save_checkpoint
from facing.training.recipe import recipe_from_dict
from facing.training.task import load_task
from plain_pose import SETTINGS, smooth
from tiny_models import write_pose


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Twenty pictures of one head each, as the reader csv takes them."""
    folder = tmp_path_factory.mktemp("set")
    rows = ["picture,yaw,pitch,roll,x0,y0,x1,y1"]
    for place, pixels in enumerate(smooth(20, 90, 120)):
        Image.fromarray(pixels).save(folder / f"{place:02}.png")
        rows.append(f"{place:02}.png,{place},0,0,20,10,{90 + place},80")
    (folder / "heads.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    recipe = recipe_from_dict(SETTINGS, where="test")
    torch.manual_seed(0)
    network = load_task("pose").network(recipe)
    with torch.no_grad():
        for _ in range(5):  # statistics as after training, so that ranges mean something
            network(torch.from_numpy(smooth(8)))
        network.head.rotation.weight.normal_(std=0.3)
    path = tmp_path_factory.mktemp("run") / "best.safetensors"
    story = Checkpoint(
        network.state_dict(), recipe.to_dict(), recipe.digest(), step=5, figures={"front_deg": 9.0}
    )
    save_checkpoint(path, story)
    return path


@pytest.fixture(scope="module")
def plain(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("float") / "plain.onnx"
    export_pose(run, out, card=pose_card(run, notes="Made up."), mirror=True)
    return out


@pytest.fixture(scope="module")
def inputs(plain, pictures):
    return calibration_inputs(load_reader("csv"), pictures, card=open_model(plain).card)


@pytest.fixture(scope="module")
def small(plain, inputs, tmp_path_factory):
    out = tmp_path_factory.mktemp("int8") / "small.onnx"
    return out, quantise(plain, out, inputs=inputs, source="csv", measured={"aflw2000": {"mae": 4.0}})


def test_inputs_are_cut_by_the_crop_contract(plain, inputs, pictures):
    spec = open_model(plain).card.crop
    expected = [
        crop_heads(load_picture(pictures / f"{place:02}.png"), [(20, 10, 90 + place, 80)], spec).pixels[0]
        for place in range(20)
    ]
    np.testing.assert_array_equal(np.concatenate(inputs), expected)
    assert max(len(part) for part in inputs) <= 8


def test_answers_stay_close_and_the_figures_say_how_close(plain, small, inputs):
    crops = np.concatenate(inputs)
    before = Session(plain, kind="pose").run(crops)
    after = Session(small[0], kind="pose").run(crops)
    apart = Rotation.from_matrix(before["rotation"]) * Rotation.from_matrix(after["rotation"]).inv()
    turns = np.degrees(apart.magnitude())
    assert 0 < turns.mean() < 3  # of a random network, whose answers lie all over the sphere
    told = small[1].measured["int8"]
    assert told["turn_mean_deg"] == pytest.approx(turns.mean(), abs=2e-3)
    assert told["turn_max_deg"] == pytest.approx(turns.max(), abs=2e-3)


def test_any_number_of_crops_at_once(small):
    session = Session(small[0], kind="pose")
    crops = smooth(5)
    alone = np.concatenate([session.run(crop[None])["rotation"] for crop in crops])
    np.testing.assert_allclose(session.run(crops)["rotation"], alone, atol=1e-4)


def in_bytes(graph):
    """Check every convolution in bytes of a graph, and name the modules of those that stay float."""
    arrays = {array.name: array for array in graph.initializer}
    makers = {output: node for node in graph.node for output in node.output}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    stays = [node.input[1] for node in convolutions if node.input[1] in arrays]
    others = [node for node in convolutions if node.input[1] not in arrays]
    assert others
    for node in others:
        weights = makers[node.input[1]]
        assert weights.op_type == "DequantizeLinear"
        stored = arrays[weights.input[0]]
        assert stored.data_type == TensorProto.INT8
        assert arrays[weights.input[1]].dims == [stored.dims[0]]  # a scale per channel
        # 7 bits: a pair of products with 255 must fit into 16.
        assert np.abs(numpy_helper.to_array(stored).astype(int)).max() <= 64
    zeros = {arrays[node.input[2]].data_type for node in graph.node if node.op_type == "QuantizeLinear"}
    assert zeros == {TensorProto.UINT8}
    return stays


def test_body_is_in_bytes_while_the_head_stays_float(small):
    graph = onnx.load_model(small[0]).graph
    assert in_bytes(graph) == []
    arrays = {array.name: array for array in graph.initializer}
    gemms = [node for node in graph.node if node.op_type == "Gemm"]
    assert len(gemms) == 2
    for node in gemms:
        assert arrays[node.input[1]].data_type == TensorProto.FLOAT
    used = {name for node in graph.node for name in node.input}
    assert set(arrays) <= used


def test_the_first_convolution_reads_the_bytes_of_the_picture(small):
    graph = onnx.load_model(small[0]).graph
    arrays = {array.name: numpy_helper.to_array(array) for array in graph.initializer}
    ways = [node for node in graph.node if "picture" in node.input]
    assert [node.op_type for node in ways] == ["Reshape"]
    (turned,) = [node for node in graph.node if ways[0].output[0] in node.input]
    (entry,) = [node for node in graph.node if turned.output[0] in node.input]
    assert (turned.op_type, entry.op_type) == ("Transpose", "DequantizeLinear")
    assert arrays[entry.input[1]] == np.float32(1 / 64)
    assert arrays[entry.input[2]] == 128
    (first,) = [node for node in graph.node if entry.output[0] in node.input]
    assert first.op_type == "Conv"


def test_a_first_convolution_over_colours_stays_float(run, inputs, tmp_path):
    export_pose(run, tmp_path / "once.onnx", card=pose_card(run))
    quantise(tmp_path / "once.onnx", tmp_path / "small.onnx", inputs=inputs, source="csv")
    (stays,) = in_bytes(onnx.load_model(tmp_path / "small.onnx").graph)
    assert stays.startswith("backbone.stem")


def test_the_layers_cost_what_those_of_the_float_file_cost(plain, small):
    before, after = (describe_graph(path, open_model(path).card) for path in (plain, small[0]))
    assert after.multiply_adds == before.multiply_adds > 0
    assert after.parameters == before.parameters > 0
    assert [layer.path for layer in after.layers] == [layer.path for layer in before.layers]


def test_the_card_stays_whole(plain, small):
    before, after = open_model(plain).card, open_model(small[0]).card
    assert after == small[1]
    assert after.name == "plain-int8"
    for same in ("kind", "outputs", "licence", "crop", "recipe", "recipe_hash", "data", "seed", "commit"):
        assert getattr(after, same) == getattr(before, same)
    assert after.notes.startswith("Made up. Convolutions in int8")
    assert "20 pictures of csv" in after.notes
    assert after.measured["float"] == before.measured
    assert after.measured["mirror_average"] is before.measured["mirror_average"]
    assert after.measured["aflw2000"] == {"mae": 4.0}
    told = after.measured["int8"]
    assert told["pictures"] == 20
    assert told["float_mb"] == pytest.approx(plain.stat().st_size / 1e6, abs=1e-3)
    assert told["mb"] == pytest.approx(small[0].stat().st_size / 1e6, abs=2e-3)
    names = [entry.key for entry in onnx.load_model(small[0]).metadata_props]
    assert names == ["facing_card"]


def test_the_same_pictures_give_the_same_bytes(plain, small, inputs, tmp_path):
    again = tmp_path / "again.onnx"
    quantise(plain, again, inputs=inputs, source="csv", measured={"aflw2000": {"mae": 4.0}})
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (small[0], again)]
    assert digests[0] == digests[1]


def test_a_detector_is_quantised_too(pictures, tmp_path):
    torch.manual_seed(0)
    network = HeadDetector().eval()
    card = Card(
        name="finder-1",
        kind="heads",
        outputs=("boxes", "scores"),
        licence="MIT",
        detection=Detection(stride=32, long_side=128, score_threshold=0.005, overlap_limit=0.4),
    )
    write_model(detector_graph(network), card, tmp_path / "float.onnx")
    inputs = calibration_inputs(load_reader("csv"), pictures, card=card, count=12)
    assert {part.shape for part in inputs} == {(1, 96, 128, 3)}
    out = tmp_path / "int8.onnx"
    told = quantise(tmp_path / "float.onnx", out, inputs=inputs, source="csv").measured["int8"]
    assert told["boxes_float"] > 0
    assert told["found_again"] > 0.9
    assert out.stat().st_size < 0.65 * (tmp_path / "float.onnx").stat().st_size
    graph = onnx.load_model(out).graph
    arrays = {array.name: array.data_type for array in graph.initializer}
    assert arrays["edges.weight"] == arrays["centre.weight"] == TensorProto.FLOAT
    same = differences(open_model(out), open_model(out), inputs=inputs)
    assert (same["found_again"], same["overlap"]) == (1.0, 1.0)


def test_pictures_are_spread_over_the_set():
    entries = [*range(100), LeftOut("x", "y")]
    assert _spread(entries, count=30) == list(range(0, 100, 4))
    assert _spread(entries, count=100) == list(range(100))


def test_what_cannot_be_quantised_is_named(pictures, inputs, tmp_path):
    tiny = write_pose(tmp_path / "tiny.onnx")
    with pytest.raises(ModelError, match="no convolution"):
        quantise(tiny, tmp_path / "out.onnx", inputs=inputs, source="csv")
    assert not (tmp_path / "out.onnx").exists()
    with pytest.raises(DataError, match="gives 3 pictures to calibrate on"):
        calibration_inputs(load_reader("csv"), pictures, card=open_model(tiny).card, count=4)
    bare = write_pose(tmp_path / "bare.onnx", text="")
    with pytest.raises(ModelError, match="carries no facing card"):
        open_model(bare)


@pytest.fixture(params=["checkpoint", "file"])
def start(request, run, plain):
    return run if request.param == "checkpoint" else plain


def test_the_command_starts_from_a_checkpoint_or_a_file(start, pictures, tmp_path, capsys):
    out = tmp_path / "small.onnx"
    with pytest.raises(SystemExit) as left:
        main(["export", str(start), "--out", str(out), "--name", "mine", "--int8", f"csv:{pictures}"])
    assert not left.value.code
    said = capsys.readouterr()
    assert said.out.strip() == str(out)
    assert "mine-int8: " in said.err
    assert "degrees apart" in said.err
    assert open_model(out).card.name == "mine-int8"
    assert [path.name for path in tmp_path.iterdir()] == ["small.onnx"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "is exported already; --int8 READER:DIR"),
        (["--int8", "csv"], "is not READER:DIR"),
        (["--int8", "csv:x", "--mirror"], "--mirror does nothing here"),
        (["--int8", "csv:x", "--threshold", "0"], "--threshold does nothing here"),
        (["--int8", "csv:x", "--long-side", "320"], "is exported already"),
    ],
)
def test_wrong_use_is_named(plain, tmp_path, capsys, words, message):
    with pytest.raises(SystemExit) as left:
        main(["export", str(plain), "--out", str(tmp_path / "x.onnx"), *words])
    assert left.value.code == 2
    assert message in " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert list(tmp_path.iterdir()) == []
