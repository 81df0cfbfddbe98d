"""Real model files that answer the same for every picture: small, exact, and free of any training."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from facing.crop import CropSpec
from facing.geometry.rotation import rotation_from_euler
from facing.runtime.calibration import Calibration
from facing.runtime.card import METADATA_KEY, Card, Detection

SIDE = 32


# Says what the spread itself says, as a measured table does of an honest network.
HONEST = Calibration(spread_rad=(0.0, float(np.pi)), error_deg=(0.0, 180.0))


def write_pose_model(path: Path, *, yaw=0.0, pitch=0.0, roll=0.0, spread_rad=None, calibration=None) -> Path:
    outputs = {"rotation": rotation_from_euler(yaw=yaw, pitch=pitch, roll=roll).astype(np.float32)}
    if spread_rad is not None:
        outputs["spread"] = np.float32(spread_rad)
    card = Card(
        name="constant-1",
        kind="pose",
        outputs=tuple(outputs),
        licence="CC0-1.0",
        crop=CropSpec(side=SIDE),
        calibration=calibration,
        data=({"name": "nothing", "licence": "CC0-1.0"},),
        measured={"aflw2000": {"mae": 17.26}},
    )
    return _write(path, outputs, card=card, shape=["N", SIDE, SIDE, 3])


def write_head_model(path: Path, *, boxes, scores) -> Path:
    """Boxes in pixels of what the network sees: the picture scaled to 64 on its longer side."""
    outputs = {"boxes": np.array(boxes, np.float32).reshape(-1, 4), "scores": np.array(scores, np.float32)}
    card = Card(
        name="constant-heads-1",
        kind="heads",
        outputs=tuple(outputs),
        licence="CC0-1.0",
        detection=Detection(stride=32, long_side=64, score_threshold=0.5, overlap_limit=0.5),
    )
    return _write(path, outputs, card=card, shape=["N", "H", "W", 3])


def _write(path, outputs, *, card, shape):
    weights = [numpy_helper.from_array(np.array([0], np.int64), "zero")]
    nodes = [
        helper.make_node("Shape", ["picture"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["count"], axis=0),
    ]
    described = []
    for name, value in outputs.items():
        weights.append(numpy_helper.from_array(value[None], f"{name}_one"))
        weights.append(numpy_helper.from_array(np.array(value.shape, np.int64), f"{name}_tail"))
        nodes.append(helper.make_node("Concat", ["count", f"{name}_tail"], [f"{name}_shape"], axis=0))
        nodes.append(helper.make_node("Expand", [f"{name}_one", f"{name}_shape"], [name]))
        described.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *value.shape]))
    given = helper.make_tensor_value_info("picture", TensorProto.UINT8, shape)
    graph = helper.make_graph(nodes, "constant", [given], described, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    onnx.save(model, path)
    return path
