"""Euler angles in torch against scipy and geometry.rotation."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from facing.geometry.rotation import euler_from_rotation
from facing.losses.euler import angle_square, euler_deg_from_rotation, rotation_from_euler_deg


def test_rotation_equals_scipy():
    yaw, pitch, roll = np.random.default_rng(0).uniform(-180, 180, size=(3, 1000))
    expected = Rotation.from_euler("XYZ", np.stack([-pitch, -yaw, -roll], axis=1), degrees=True).as_matrix()
    got = rotation_from_euler_deg(yaw=torch.tensor(yaw), pitch=torch.tensor(pitch), roll=torch.tensor(roll))
    np.testing.assert_allclose(got, expected, atol=1e-12)


# Float32 keeps seven digits of a matrix; asin near yaw 90 would leave half of them, atan2 does not.
@pytest.mark.parametrize(("dtype", "limit"), [(torch.float64, 1e-6), (torch.float32, 0.05)])
def test_angles_equal_geometry_on_all_rotations(dtype, limit):
    rotation = Rotation.random(5000, random_state=1).as_matrix()
    got = euler_deg_from_rotation(torch.tensor(rotation, dtype=dtype)).double().numpy()
    expected = np.stack(euler_from_rotation(rotation), axis=1)
    # Which of the two triples is smaller is open where they tie.
    clear = np.abs(np.abs(expected).sum(1) - 270) > 0.1
    assert clear.mean() > 0.99
    away = (got - expected + 180) % 360 - 180
    assert np.abs(away[clear]).max() < limit
    assert np.abs(got).max() <= 180 + 1e-4


@pytest.mark.parametrize("yaw", [-90.0, 90.0])
def test_gimbal_lock_keeps_the_rotation_and_the_gradient_finite(yaw):
    M = rotation_from_euler_deg(yaw=torch.tensor(yaw), pitch=torch.tensor(20.0), roll=torch.tensor(30.0))
    M = M.requires_grad_()
    angles = euler_deg_from_rotation(M)
    assert angles[2].detach() == 0
    back = rotation_from_euler_deg(yaw=angles[0], pitch=angles[1], roll=angles[2])
    torch.testing.assert_close(back, M, atol=1e-6, rtol=0)
    angles.sum().backward()
    assert M.grad.isfinite().all()


def test_angles_have_the_right_gradient():
    start = Rotation.from_euler("XYZ", [[-10, -20, -30], [-50, 150, 20]], degrees=True).as_matrix()
    assert torch.autograd.gradcheck(euler_deg_from_rotation, torch.tensor(start, requires_grad=True))


@pytest.mark.parametrize(
    ("wrap", "over", "under"),
    [("none", 198, 198), ("turn", 162, 162), ("one-sided", 162, 198)],
)
def test_squares_of_errors_by_hand(wrap, over, under):
    target = torch.tensor([-99.0, 99.0, 10.0])
    got = angle_square(torch.tensor([99.0, -99.0, 13.0]), target, wrap=wrap)
    torch.testing.assert_close(got, torch.tensor([over**2, under**2, 9.0]))


def test_published_square_pushes_away_from_the_target():
    """At 99 with the truth at -99 the angle has to fall, so its gradient has to be above 0."""
    gradients = {}
    for wrap in ("none", "one-sided"):
        angle = torch.tensor(99.0, requires_grad=True)
        angle_square(angle, torch.tensor(-99.0), wrap=wrap).backward()
        gradients[wrap] = float(angle.grad)
    assert gradients == {"none": 2 * 198, "one-sided": -2 * 162}
