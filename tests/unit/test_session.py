import dataclasses
import subprocess
import sys

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import pytest

from facing.crop import CropSpec
from facing.errors import ModelError
from facing.runtime.session import Session
from tiny_models import pose_card, write, write_heads, write_pose


def test_a_model_runs_and_its_card_is_read(tmp_path):
    session = Session(write_pose(tmp_path / "m.onnx"), kind="pose", threads=1)
    assert session.card == pose_card()
    assert session.providers == ("CPUExecutionProvider",)
    pixels = np.zeros((2, 32, 32, 3), np.uint8)
    pixels[1] = (153, 51, 0)  # 0.6, 0.2
    outputs = session.run(pixels)
    assert set(outputs) == {"rotation", "spread"}
    np.testing.assert_allclose(outputs["rotation"][0], np.eye(3), atol=1e-6)
    np.testing.assert_allclose(outputs["rotation"][1], [[0.8, 0, -0.6], [0, 1, 0], [0.6, 0, 0.8]], atol=1e-6)
    np.testing.assert_allclose(outputs["spread"], [0, 0.2], atol=1e-6)


def test_nothing_is_printed(tmp_path):
    path = write_pose(tmp_path / "m.onnx")
    code = f"from facing.runtime.session import Session; Session({str(path)!r}, kind='pose')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_a_view_that_is_not_contiguous_runs(tmp_path):
    session = Session(write_pose(tmp_path / "m.onnx"), kind="pose", threads=1)
    bgr = np.zeros((1, 32, 32, 3), np.uint8)
    bgr[..., 2] = 153
    assert session.run(bgr[..., ::-1])["rotation"][0, 2, 0] == pytest.approx(0.6)


def test_short_provider_names_and_unknown_ones(tmp_path):
    path = write_pose(tmp_path / "m.onnx")
    for providers in (["cpu"], "CPU", ["CPUExecutionProvider"]):
        assert Session(path, kind="pose", providers=providers).providers == ("CPUExecutionProvider",)
    with pytest.raises(ModelError, match=r"'abacus' is not there; available: .*CPUExecutionProvider"):
        Session(path, kind="pose", providers=["abacus"])


@pytest.mark.skipif(
    "CUDAExecutionProvider" not in onnxruntime.get_available_providers(), reason="onnxruntime without CUDA"
)
def test_cuda_agrees_with_the_processor(tmp_path):
    path = write_pose(tmp_path / "m.onnx")
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    cpu = Session(path, kind="pose").run(pixels)
    gpu = Session(path, kind="pose", providers=["cuda"]).run(pixels)
    np.testing.assert_allclose(gpu["rotation"], cpu["rotation"], atol=1e-3)


def test_files_that_are_no_model_are_named(tmp_path):
    with pytest.raises(ModelError, match=r"absent.onnx does not exist"):
        Session(tmp_path / "absent.onnx", kind="pose")
    (tmp_path / "words.onnx").write_text("words")
    with pytest.raises(ModelError, match=r"words.onnx is no model that onnxruntime can open"):
        Session(tmp_path / "words.onnx", kind="pose")
    path = write_pose(tmp_path / "bare.onnx", text="")
    with pytest.raises(
        ModelError, match=r"bare.onnx carries no facing card; export it again with: facing export"
    ):
        Session(path, kind="pose")
    with pytest.raises(ModelError, match=r"h.onnx is a 'heads' model where a 'pose' model is needed"):
        Session(write_heads(tmp_path / "h.onnx"), kind="pose")
    with pytest.raises(ModelError, match="threads is 0"):
        Session(path, kind="pose", threads=0)


def test_a_newer_card_asks_for_an_upgrade(tmp_path):
    text = pose_card().to_json().replace('"schema": 1', '"schema": 9')
    with pytest.raises(ModelError, match=r"m.onnx: its card has schema 9, .* pip install --upgrade facing"):
        Session(write_pose(tmp_path / "m.onnx", text=text), kind="pose")


def test_a_graph_that_differs_from_its_card_is_refused(tmp_path):
    other = dataclasses.replace(pose_card(), crop=CropSpec(side=48)).to_json()
    with pytest.raises(ModelError, match="but its card says side 48"):
        Session(write_pose(tmp_path / "a.onnx", text=other), kind="pose")
    fewer = pose_card("rotation").to_json()
    with pytest.raises(ModelError, match="gives rotation, spread, but its card says rotation"):
        Session(write_pose(tmp_path / "b.onnx", text=fewer), kind="pose")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("float[N, 32, 32, 3] picture", "has inputs picture tensor.float., not one 'picture' of uint8"),
        ("uint8[N, 32, 32, 3] image", "has inputs image"),
        ("uint8[N, 3, 32, 32] picture", "reads .* not .N, H, W, 3."),
    ],
)
def test_foreign_inputs_are_refused(tmp_path, given, message):
    name = given.split()[-1]
    model = onnx.parser.parse_model(
        f'<ir_version: 9, opset_import: ["" : 18]> m ({given}) => (float[N, D, E, F] front) '
        f"{{ front = Cast <to = 1> ({name}) }}"
    )
    path = write(model, tmp_path / "m.onnx", card=pose_card("front").to_json())
    with pytest.raises(ModelError, match=message):
        Session(path, kind="pose")


def test_a_broken_answer_is_refused(tmp_path):
    model = onnx.parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 18]> m (uint8[N, 32, 32, 3] picture) '
        "=> (float[N, D, E, F] front) { front = Cast <to = 1> (picture) }"
    )
    session = Session(write(model, tmp_path / "m.onnx", card=pose_card("front").to_json()), kind="pose")
    with pytest.raises(ModelError, match=r"gave a broken front of shape \(1, 32, 32, 3\)"):
        session.run(np.zeros((1, 32, 32, 3), np.uint8))


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((1, 32, 32, 3), np.float32), "not .* float32"),
        (np.zeros((32, 32, 3), np.uint8), r"not \(32, 32, 3\) uint8"),
        (np.zeros((1, 48, 48, 3), np.uint8), r"reads crops of side 32, not \(48, 48\)"),
    ],
)
def test_wrong_pixels_are_refused(tmp_path, pixels, message):
    session = Session(write_pose(tmp_path / "m.onnx"), kind="pose", threads=1)
    with pytest.raises(ModelError, match=message):
        session.run(pixels)


def test_a_detector_wants_multiples_of_its_stride(tmp_path):
    session = Session(write_heads(tmp_path / "m.onnx"), kind="heads", threads=1)
    with pytest.raises(ModelError, match=r"reads multiples of 16, not \(30, 32\)"):
        session.run(np.zeros((1, 30, 32, 3), np.uint8))
