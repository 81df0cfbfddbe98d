"""Losses against scipy, RoMa and closed forms."""

import numpy as np
import pytest
import roma
import torch
from scipy.spatial.transform import Rotation

from facing.losses.geodesic import geodesic_angle
from facing.losses.landmarks import landmark_loss
from facing.losses.maps import map_loss
from facing.losses.spread import spread_loss


def turns(count, *, seed):
    return Rotation.random(count, random_state=seed)


def test_geodesic_angle_equals_scipy():
    first, second = turns(500, seed=0), turns(500, seed=1)
    expected = (first.inv() * second).magnitude()
    got = geodesic_angle(torch.tensor(first.as_matrix()), torch.tensor(second.as_matrix()))
    np.testing.assert_allclose(got, expected, atol=1e-9)


# At half a turn the trace is -1 and its rounding error goes under a root.
@pytest.mark.parametrize(("angle", "limit"), [(1e-5, 3e-6), (1e-3, 3e-6), (1.0, 3e-6), (np.pi - 1e-3, 2e-4)])
def test_geodesic_angle_is_exact_in_float32(angle, limit):
    base = turns(50, seed=2)
    turned = Rotation.from_rotvec(np.tile([0, angle, 0], (50, 1))) * base
    got = geodesic_angle(*(torch.tensor(one.as_matrix(), dtype=torch.float32) for one in (base, turned)))
    np.testing.assert_allclose(got, angle, atol=limit)


def test_geodesic_gradient_is_safe_at_zero_and_equals_roma_elsewhere():
    same = torch.tensor(turns(4, seed=3).as_matrix(), requires_grad=True)
    geodesic_angle(same, same.detach()).sum().backward()
    assert same.grad.abs().max() == 0

    other = torch.tensor(turns(100, seed=4).as_matrix())
    gradients = []
    for function in (geodesic_angle, roma.rotmat_geodesic_distance):
        six = torch.tensor(turns(100, seed=5).as_matrix()[:, :, :2], requires_grad=True)
        function(roma.special_gramschmidt(six), other).sum().backward()
        gradients.append(six.grad)
    torch.testing.assert_close(*gradients, atol=1e-6, rtol=1e-6)


def test_spread_loss_is_least_at_the_expected_angle_and_leaves_the_angle_alone():
    angle = torch.tensor(np.random.default_rng(0).exponential(0.2, size=1000), requires_grad=True)
    spreads = torch.linspace(0.05, 0.6, 200, dtype=torch.float64)
    losses = torch.stack([spread_loss(spread.expand(1000), angle).mean() for spread in spreads])
    assert abs(float(spreads[losses.argmin()]) - float(angle.detach().mean())) < 0.005  # the grid's step
    spread = torch.full((1000,), 0.2, dtype=torch.float64, requires_grad=True)
    spread_loss(spread, angle).sum().backward()
    assert angle.grad is None
    assert spread.grad.abs().sum() > 0


def test_landmark_loss_leaves_out_what_weighs_nothing():
    target = torch.rand(3, 68, 2)
    predicted = target.clone()
    predicted[0, :34] += 10
    predicted[1] += 1
    weight = torch.ones(3, 68)
    weight[0, :34] = 0
    weight[2] = 0
    got = landmark_loss(predicted, target, weight=weight, beta=0.05)
    # Both coordinates are 1 off, on the linear part: 2 x (1 - beta / 2).
    torch.testing.assert_close(got, torch.tensor([0.0, 1.95, 0.0]))


def test_map_loss_counts_the_share_of_each_map_that_is_missed():
    theirs = [torch.randn(2, 3, 8, 8), 100 * torch.randn(2, 5, 4, 4)]
    assert map_loss(theirs, theirs) == 0
    torch.testing.assert_close(map_loss([torch.zeros_like(one) for one in theirs], theirs), torch.tensor(2.0))
    torch.testing.assert_close(map_loss([theirs[0], 0.5 * theirs[1]], theirs), torch.tensor(0.25))


def test_map_loss_is_a_number_beside_a_teacher_that_says_nothing():
    assert map_loss([torch.zeros(1, 2, 4, 4)], [torch.zeros(1, 2, 4, 4)]) == 0
