"""Boxes moved for a second look, what several answers agree on, and which way they face."""

import numpy as np
import pytest

from facing.bench.readings import agreed, found_heads, nearly_faces
from facing.geometry.boxes import moved_boxes
from facing.geometry.rotation import rotation_from_euler
from facing.pose import HeadPose


def yawed(yaw):
    return rotation_from_euler(yaw=yaw, pitch=0, roll=0)


def test_boxes_move_by_their_longer_side_and_grow_about_the_middle():
    boxes = np.array([[10.0, 20.0, 50.0, 100.0]])
    np.testing.assert_allclose(moved_boxes(boxes, (0.1, -0.05, 0)), [[18, 16, 58, 96]])
    np.testing.assert_allclose(moved_boxes(boxes, (0, 0, 0.1)), [[8, 16, 52, 104]])


def test_the_mean_lies_between_the_answers_and_the_spread_is_the_way_to_it():
    mean, spread = agreed([[yawed(10), yawed(-40)], [yawed(20), yawed(-40)]])
    np.testing.assert_allclose(mean, [yawed(15), yawed(-40)], atol=1e-6)
    np.testing.assert_allclose(spread, [5, 0], atol=1e-4)


@pytest.mark.parametrize(
    ("yaw", "facings"),
    [
        (0, {"front"}),
        (50, {"front", "left"}),
        (-50, {"front", "right"}),
        (-90, {"right"}),
        (140, {"left", "back"}),
    ],
)
def test_near_a_border_either_side_of_it_will_do(yaw, facings):
    said = {one for one in ("front", "left", "right", "back") if nearly_faces(yawed(yaw), one, near_deg=12)}
    assert said == facings


def test_heads_become_boxes_and_scores():
    heads = [HeadPose(box=(1, 2, 3, 4), score=0.25, rotation=np.eye(3))]
    boxes, scores = found_heads(heads)
    np.testing.assert_array_equal(boxes, [[1, 2, 3, 4]])
    np.testing.assert_array_equal(scores, [0.25])
    assert [part.shape for part in found_heads([])] == [(0, 4), (0,)]
