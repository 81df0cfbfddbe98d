"""The classifier on model files whose every answer is known."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from scipy.stats import norm

import facing
from constant_models import write_head_model, write_pose_model
from facing.crop import CropSpec
from facing.errors import BoxError, ModelError
from facing.runtime.calibration import Calibration
from facing.runtime.card import Card
from facing.runtime.weights import shipped
from tiny_models import pose_card, write, write_pose

SIDE = 16
PICTURE = np.zeros((40, 40, 3), np.uint8)


def classes_model(path, *, labels=("front", "side", "back"), outputs=None):
    """Scores are the mean of red, of green and of blue, repeated for further classes; softmax."""
    count = outputs or len(labels) or 3
    card = Card(
        name="colours-1",
        kind="pose",
        outputs=("orientation",),
        licence="CC0-1.0",
        crop=CropSpec(side=SIDE, scale=1.0),
        labels=labels,
    )
    nodes = [
        helper.make_node("Cast", ["picture"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["values"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Concat", ["mean", "mean"], ["twice"], axis=1),
        helper.make_node("Slice", ["twice", "start", "end", "axis"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["orientation"], axis=1),
    ]
    weights = [
        helper.make_tensor(name, TensorProto.INT64, [1], [value])
        for name, value in (("start", 0), ("end", count), ("axis", 1))
    ]
    given = helper.make_tensor_value_info("picture", TensorProto.UINT8, ["N", SIDE, SIDE, 3])
    told = helper.make_tensor_value_info("orientation", TensorProto.FLOAT, ["N", count])
    graph = helper.make_graph(nodes, "colours", [given], [told], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return write(model, path, card=card.to_json())


def painted(channel, *, box=(0, 0, 40, 40)):
    picture = PICTURE.copy()
    left, top, right, bottom = box
    picture[top:bottom, left:right, channel] = 200
    return picture


def test_labels_are_those_of_the_card_in_its_order(tmp_path):
    labels = ("cat", "dog", "ape", "bee", "fly")
    classifier = facing.OrientationClassifier(classes_model(tmp_path / "m.onnx", labels=labels))
    assert classifier.labels == labels
    shares = classifier.probabilities(painted(1))
    assert tuple(shares) == labels
    # Red, green, blue, red, green: the second and the fifth are equal.
    assert [round(share, 4) for share in shares.values()] == [0, 0.5, 0, 0, 0.5]
    assert classifier.predict(painted(2)) == "ape"


def test_a_card_without_labels_means_front_side_back(tmp_path):
    classifier = facing.OrientationClassifier(classes_model(tmp_path / "m.onnx", labels=(), outputs=3))
    assert [classifier.predict(painted(channel)) for channel in range(3)] == ["front", "side", "back"]


def test_box_detector_and_whole_picture(tmp_path):
    model = classes_model(tmp_path / "m.onnx")
    picture = np.maximum(painted(0), painted(2, box=(0, 0, 20, 20)))
    picture[:20, :20, 0] = 0
    box = (0, 0, 20, 20)
    assert facing.OrientationClassifier(model).predict(picture) == "front"
    assert facing.OrientationClassifier(model).predict(picture, box) == "back"
    heads = write_head_model(
        tmp_path / "heads.onnx", boxes=[(0, 0, 32, 32), (32, 32, 64, 64)], scores=[0.9, 0.8]
    )
    assert facing.OrientationClassifier(model, heads).predict(picture) == "back"
    nothing = write_head_model(tmp_path / "none.onnx", boxes=[(0, 0, 32, 32)], scores=[0.1])
    with pytest.raises(BoxError, match="no head"):
        facing.OrientationClassifier(model, nothing).predict(picture)
    with pytest.raises(BoxError, match="one head"):
        facing.OrientationClassifier(model).predict(picture, [box])


def test_wrong_number_of_classes_is_refused_when_it_runs(tmp_path):
    classifier = facing.OrientationClassifier(
        classes_model(tmp_path / "m.onnx", labels=("a", "b", "c"), outputs=4)
    )
    with pytest.raises(ModelError, match="broken orientation"):
        classifier.predict(PICTURE)


@pytest.mark.parametrize(
    ("yaw", "label"),
    [(0, "front"), (44, "front"), (-46, "side"), (134, "side"), (-136, "back"), (180, "back")],
)
def test_pose_models_answer_by_azimuth(tmp_path, yaw, label):
    classifier = facing.OrientationClassifier(write_pose_model(tmp_path / "m.onnx", yaw=yaw))
    assert classifier.predict(PICTURE) == label
    assert classifier.probabilities(PICTURE)[label] == 1


def test_stated_error_makes_the_azimuth_a_normal_distribution(tmp_path):
    calibration = Calibration(spread_rad=(0.01, 2.0), error_deg=(30.0, 30.0))
    path = write_pose(tmp_path / "m.onnx", card=pose_card("rotation", "spread", calibration=calibration))
    picture = np.full((40, 40, 3), 128, np.uint8)
    shares = facing.OrientationClassifier(path).probabilities(picture)
    sd = 30 / np.sqrt(8 / np.pi)
    head = facing.PoseEstimator(path, None)(picture, boxes=[(0, 0, 40, 40)])[0]
    assert head.yaw == pytest.approx(30, abs=0.5)  # its sine is the red over 255
    turns = head.yaw + 360 * np.arange(-3, 4)
    front = norm.cdf(45, turns, sd) - norm.cdf(-45, turns, sd)
    back = norm.cdf(225, turns, sd) - norm.cdf(135, turns, sd)
    assert shares["front"] == pytest.approx(front.sum(), abs=1e-4)
    assert shares["back"] == pytest.approx(back.sum(), abs=1e-4)
    assert sum(shares.values()) == pytest.approx(1)


def test_borders_can_be_set_for_pose_models(tmp_path):
    path = write_pose_model(tmp_path / "m.onnx", yaw=30)
    assert facing.OrientationClassifier(path, front_max_deg=25).predict(PICTURE) == "side"
    with pytest.raises(ModelError, match="0 < front < back < 180"):
        facing.OrientationClassifier(path, front_max_deg=140)


@pytest.mark.skipif(not shipped(), reason="needs the shipped weights")
def test_shipped_default_answers_on_a_photograph():
    from facing.runtime.weights import FOLDER

    classifier = facing.OrientationClassifier("small", "heads")
    shares = classifier.probabilities(FOLDER / "demo.jpg")
    assert tuple(shares) == ("front", "side", "back")
    assert sum(shares.values()) == pytest.approx(1)
    # Known to anyone who looks at it: the largest head of the demo faces the camera.
    assert classifier.predict(FOLDER / "demo.jpg") == "front"
