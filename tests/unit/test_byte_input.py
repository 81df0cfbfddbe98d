"""Bytes that enter an 8-bit graph as they are: what is prepared computes what it computed before."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from facing.export.byte_input import find_byte_input

SHAPE = (1, 8, 4, 6)


def graph(*, mean=127.5, step=1 / 64, last="Mul", between="Transpose"):
    """Picture -> channels first -> float -> normalised -> a convolution without padding."""
    rng = np.random.default_rng(0)
    scale = np.full(1, step if last == "Mul" else 1 / step, np.float32)
    arrays = {
        "mean": np.broadcast_to(np.float32(mean), (6, 1, 1)).copy()
        if np.ndim(mean) == 0
        else np.float32(mean),
        "scale": scale,
        "weights": rng.normal(size=(2, 6, 3, 3)).astype(np.float32),
        "bias": rng.normal(size=2).astype(np.float32),
    }
    first = (
        helper.make_node("Transpose", ["picture"], ["pixels"], perm=[0, 3, 1, 2])
        if between == "Transpose"
        else helper.make_node("BitwiseNot", ["picture"], ["pixels"])
    )
    nodes = [
        first,
        helper.make_node("Cast", ["pixels"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["wide", "mean"], ["moved"]),
        helper.make_node(last, ["moved", "scale"], ["normal"]),
        helper.make_node("Conv", ["normal", "weights", "bias"], ["answer"], name="first"),
    ]
    shape = SHAPE if between == "Transpose" else (1, 6, 8, 4)
    made = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("picture", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def answers(model):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    picture = np.random.default_rng(1).integers(0, 256, size=SHAPE, dtype=np.uint8)
    return session.run(None, {"picture": picture})[0]


@pytest.mark.parametrize("last", ["Mul", "Div"])
@pytest.mark.parametrize("mean", [127.5, 127.25, 100.0])
def test_a_whole_zero_point_computes_the_same(last, mean):
    model = graph(mean=mean, last=last)
    before = answers(model)
    entry = find_byte_input(model)
    assert (entry.convolution, entry.pixels, entry.floats) == ("first", "pixels", "normal")
    assert entry.zero == np.ceil(mean)
    assert entry.step == pytest.approx(1 / 64)
    np.testing.assert_allclose(answers(model), before, atol=2e-5)
    kept = {array.name: numpy_helper.to_array(array) for array in model.graph.initializer}
    assert (kept["mean"] == entry.zero).all()


@pytest.mark.parametrize(
    "changes", [{"mean": np.arange(6.0).reshape(6, 1, 1)}, {"between": "BitwiseNot"}], ids=str
)
def test_other_graphs_are_left_alone(changes):
    model = graph(**changes)
    before = model.SerializeToString(deterministic=True)
    assert find_byte_input(model) is None
    assert model.SerializeToString(deterministic=True) == before


def test_a_graph_without_convolutions_is_left_alone():
    node = helper.make_node("Cast", ["picture"], ["answer"], to=TensorProto.FLOAT)
    made = helper.make_graph(
        [node],
        "test",
        [helper.make_tensor_value_info("picture", TensorProto.UINT8, SHAPE)],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, SHAPE)],
    )
    assert find_byte_input(onnx.helper.make_model(made)) is None
