"""Rays and turns against the projection of real points."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from facing.errors import DataError
from facing.geometry import camera
from facing.geometry.rotation import euler_from_rotation, rotation_from_euler

PRINCIPAL = np.array([320.0, 240.0])
FOCAL = 500.0


def projected(points):
    """Pinhole, our axes: z < 0 is in front of the camera, the picture's y points down."""
    return PRINCIPAL + FOCAL * np.stack([points[..., 0], -points[..., 1]], -1) / -points[..., 2:]


def test_a_point_on_the_ray_is_seen_at_the_pixel():
    pixels = np.random.default_rng(0).uniform(-100, 700, (50, 2))
    rays = camera.pixel_ray(pixels, focal_px=FOCAL, principal_px=PRINCIPAL)
    np.testing.assert_allclose(projected(7.5 * rays), pixels, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(rays, axis=-1), 1, atol=1e-15)
    assert np.all(rays[:, 2] < 0)


@settings(deadline=None)
@given(st.floats(-2000, 2000), st.floats(-2000, 2000))
def test_the_turn_is_the_shortest_that_takes_the_axis_to_the_ray(x, y):
    turn = camera.picture_from_ray((x, y), focal_px=FOCAL, principal_px=PRINCIPAL)
    ray = camera.pixel_ray((x, y), focal_px=FOCAL, principal_px=PRINCIPAL)
    axis = np.array([0.0, 0.0, -1.0])
    np.testing.assert_allclose(turn @ axis, ray, atol=1e-14)
    angle = np.arctan2(np.linalg.norm(np.cross(axis, ray)), axis @ ray)
    assert Rotation.from_matrix(turn).magnitude() == pytest.approx(angle, abs=1e-12)


def test_the_turn_is_that_of_the_points_of_a_far_head():
    """A small head at the picture's edge, turned as the ray camera says, projects as that camera sees it."""
    centre = np.array([600.0, 100.0])
    rotation_ray = rotation_from_euler(yaw=20.0, pitch=-10.0, roll=5.0)
    turn = camera.picture_from_ray(centre, focal_px=FOCAL, principal_px=PRINCIPAL)
    place = 1000 * camera.pixel_ray(centre, focal_px=FOCAL, principal_px=PRINCIPAL)
    head = np.random.default_rng(1).uniform(-1, 1, (20, 3))
    in_picture_camera = head @ (turn @ rotation_ray).T + place
    in_ray_camera = head @ rotation_ray.T + np.array([0, 0, -1000.0])
    np.testing.assert_allclose(in_picture_camera @ turn, in_ray_camera, atol=1e-9)
    np.testing.assert_allclose(projected(place), centre, atol=1e-9)


def test_a_head_at_the_right_edge_that_looks_into_the_lens_is_turned_to_the_left():
    turn = camera.picture_from_ray((820.0, 240.0), focal_px=FOCAL, principal_px=PRINCIPAL)
    yaw, pitch, roll = euler_from_rotation(turn)
    assert float(yaw) == pytest.approx(45)
    assert float(pitch) == float(roll) == pytest.approx(0)
    top = camera.picture_from_ray((320.0, -260.0), focal_px=FOCAL, principal_px=PRINCIPAL)
    assert float(euler_from_rotation(top).pitch) == pytest.approx(-45)


def test_batches_and_the_centre():
    turn = camera.picture_from_ray(np.zeros((2, 5, 2)) + PRINCIPAL, focal_px=FOCAL, principal_px=PRINCIPAL)
    np.testing.assert_array_equal(turn, np.broadcast_to(np.eye(3), (2, 5, 3, 3)))


def test_the_focal_length_follows_from_the_field_of_view():
    assert camera.focal_px_from_field_of_view(90, side_px=640) == pytest.approx(320)
    focal = camera.focal_px_from_field_of_view(60, side_px=640)
    edge = camera.pixel_ray((640, 240), focal_px=focal, principal_px=PRINCIPAL)
    assert np.degrees(np.arctan2(edge[0], -edge[2])) == pytest.approx(30)


@pytest.mark.parametrize("focal", [0.0, -5.0, float("nan")])
def test_a_focal_length_that_cannot_be_is_refused(focal):
    with pytest.raises(DataError, match="focal length"):
        camera.pixel_ray((0, 0), focal_px=focal, principal_px=PRINCIPAL)


@pytest.mark.parametrize("angle", [0, 180, -10])
def test_a_field_of_view_that_cannot_be_is_refused(angle):
    with pytest.raises(DataError, match="field of view"):
        camera.focal_px_from_field_of_view(angle, side_px=10)
