"""Heads that lie on a side or upside down are read in the turn in which the network is surest."""

import numpy as np
import pytest

from facing.geometry.boxes import quarter_turned
from facing.geometry.rotation import geodesic_deg, rotation_from_euler
from facing.picture import load_picture
from facing.runtime.estimator import PoseEstimator
from facing.runtime.lying import DOUBTFUL_DEG, SURER, read_lying
from facing.runtime.weights import FOLDER

UPRIGHT = np.asarray(rotation_from_euler(yaw=30, pitch=10, roll=5), np.float32)
SIDE = 8


def crop(quarters):
    """A picture that is bright above, turned anticlockwise."""
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    picture[: SIDE // 2] = 200
    return np.rot90(picture, quarters)


class Network:
    """Sure of crops that are bright above, and of no others; counts what it reads."""

    def __init__(self, *, sure=4.0, unsure=60.0):
        self.stated, self.count = (sure, unsure), 0

    def __call__(self, crops):
        self.count += len(crops)
        upright = crops[:, : SIDE // 2].mean((1, 2, 3)) > crops[:, SIDE // 2 :].mean((1, 2, 3)) + 50
        other = np.asarray(rotation_from_euler(yaw=0, pitch=0, roll=100), np.float32)
        return {
            "rotation": np.where(upright[:, None, None], UPRIGHT, other),
            "spread": np.where(upright, *self.stated).astype(np.float32),
        }


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_the_pose_is_that_of_the_upright_head_turned_back(quarters):
    network, crops = Network(), crop(quarters)[None]
    found = read_lying(crops, network(crops), read=network, error_deg=lambda spread: spread)
    # Anticlockwise as seen, where roll is clockwise.
    turned = rotation_from_euler(yaw=0, pitch=0, roll=-90 * quarters) @ UPRIGHT
    np.testing.assert_allclose(found["rotation"][0], turned, atol=1e-5)
    np.testing.assert_allclose(found["spread"], [4.0])


def test_only_doubtful_heads_are_read_again_and_others_stay():
    network, crops = Network(), np.stack([crop(0), crop(2), crop(0)])
    first = network(crops)
    found = read_lying(crops, first, read=network, error_deg=lambda spread: spread)
    assert network.count == 3 + 3
    np.testing.assert_array_equal(found["rotation"][[0, 2]], first["rotation"][[0, 2]])
    np.testing.assert_allclose(first["spread"], [4, 60, 4])  # what was given stays


@pytest.mark.parametrize("sure", [SURER * 60 + 1, 60.0])
def test_a_turn_that_is_hardly_surer_is_not_taken(sure):
    network, crops = Network(sure=sure), crop(2)[None]
    first = network(crops)
    found = read_lying(crops, first, read=network, error_deg=lambda spread: spread)
    np.testing.assert_array_equal(found["rotation"], first["rotation"])


def test_nothing_is_read_again_where_all_are_sure():
    network, crops = Network(unsure=DOUBTFUL_DEG), np.stack([crop(1), crop(2)])
    first = network(crops)
    assert read_lying(crops, first, read=network, error_deg=lambda spread: spread) is first
    assert network.count == 2


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_photograph_that_lies_is_read_like_the_upright_one(quarters):
    upright = load_picture(FOLDER / "demo.jpg")
    estimator = PoseEstimator(threads=1)
    heads = estimator(upright)
    boxes, picture = np.array([head.box for head in heads]), upright
    for _ in range(quarters):
        boxes = quarter_turned(boxes, width=picture.shape[1])
        picture = np.ascontiguousarray(np.rot90(picture))
    lying = estimator(picture, boxes=boxes)
    back = rotation_from_euler(yaw=0, pitch=0, roll=90 * quarters)
    faces = [k for k, head in enumerate(heads) if head.facing == "front"]
    assert faces
    for k in faces:
        assert geodesic_deg(back @ lying[k].rotation, heads[k].rotation) < 25
