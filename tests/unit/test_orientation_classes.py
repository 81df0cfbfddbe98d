"""Azimuth and classes against the rule of the record, which is other code."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facing.datasets.orientation_classes import BETWEEN, ORIENTATIONS, ClassRule
from facing.errors import DataError
from facing.geometry.azimuth import azimuth_deg
from facing.geometry.rotation import rotation_from_euler
from facing.pose import HeadPose

ROTATIONS = Rotation.random(500, random_state=3).as_matrix()


def test_azimuth_of_upright_heads_is_their_yaw():
    yaw = np.array([-170.0, -90.0, -30.0, 0.0, 44.0, 135.0])
    rotations = np.stack([rotation_from_euler(yaw=angle, pitch=0.0, roll=0.0) for angle in yaw])
    np.testing.assert_allclose(azimuth_deg(rotations), yaw, atol=1e-9)


def test_classes_are_those_of_the_record_on_all_of_so3():
    numbers = ClassRule().classes(azimuth_deg(ROTATIONS))
    for rotation, number in zip(ROTATIONS, numbers, strict=True):
        facing = HeadPose(box=(0, 0, 1, 1), score=1, rotation=rotation).facing
        assert ORIENTATIONS[number] == {"left": "side", "right": "side"}.get(facing, facing)


def test_a_head_that_looks_straight_up_follows_its_crown():
    # Nodding back from facing away: the face points up, the crown towards the camera.
    away = rotation_from_euler(yaw=180.0, pitch=0.0, roll=0.0)
    nod = Rotation.from_euler("x", -85, degrees=True).as_matrix()
    assert abs(azimuth_deg(away @ nod)) > 135
    assert abs(azimuth_deg(nod)) < 45


@pytest.mark.parametrize(
    ("azimuth", "number"),
    [(0, 0), (34.9, 0), (35.1, BETWEEN), (54.9, BETWEEN), (-55.1, 1), (124, 1), (-130, BETWEEN), (146, 2)],
)
def test_margin_leaves_out_what_is_near_a_border(azimuth, number):
    assert ClassRule(margin=10).classes(azimuth) == number


@pytest.mark.parametrize(
    "wrong", [{"front_max": 140.0}, {"back_min": 181.0}, {"margin": 45.0}, {"margin": -1.0}]
)
def test_empty_classes_are_refused(wrong):
    with pytest.raises(DataError, match="give"):
        ClassRule(**wrong)
