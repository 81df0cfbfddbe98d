"""Every representation on all of SO(3), against scipy and RoMa."""

import numpy as np
import pytest
import roma
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from facing.errors import DataError
from facing.geometry import rotation as ours

BATCH = Rotation.random(500, random_state=np.random.default_rng(3)).as_matrix()
# Entries of a rotation carry a few float64 roundings (2e-16 each) through at most two products.
ROUNDING = 1e-14


def angles(limit):
    special = st.sampled_from([0.0, 45.0, 90.0, -90.0, 180.0, 89.999999, -90.0000001, 1e-9, 135.0])
    return special.filter(lambda a: abs(a) <= limit) | st.floats(-limit, limit)


@st.composite
def rotations(draw):
    """Any rotation, the special angles often: half of the draws lie at or near the gimbal lock."""
    yaw, pitch, roll = draw(angles(180)), draw(angles(180)), draw(angles(180))
    if draw(st.booleans()):
        yaw = draw(st.sampled_from([90.0, -90.0])) + draw(st.sampled_from([0.0, 1e-12, 1e-8, 1e-6, 1e-3]))
    return Rotation.from_euler("XYZ", [-pitch, -yaw, -roll], degrees=True).as_matrix()


@settings(deadline=None, max_examples=300)
@given(rotations())
@example(np.eye(3))
@example(np.diag([1.0, -1.0, -1.0]))
@example(np.diag([-1.0, 1.0, -1.0]))
@example(np.diag([-1.0, -1.0, 1.0]))
@example(np.array([[-1, 0, 5.6655389e-16], [0, 1, 0], [-5.6655389e-16, 0, -1]]))  # half a turn and a rounding
def test_every_representation_returns_to_the_same_rotation(M):
    for there, back in (
        (ours.quaternion_from_rotation, ours.rotation_from_quaternion),
        (ours.rotvec_rad_from_rotation, ours.rotation_from_rotvec_rad),
        (ours.six_d_from_rotation, ours.rotation_from_six_d),
    ):
        np.testing.assert_allclose(back(there(M)), M, atol=ROUNDING, err_msg=there.__name__)
    euler = ours.euler_from_rotation(M)
    # Near the lock the roll is set to 0, which costs at most the cosine below which that is done.
    np.testing.assert_allclose(ours.rotation_from_euler(**euler._asdict()), M, atol=2 * ours.GIMBAL)
    assert all(-180 < angle <= 180 for angle in euler)


@settings(deadline=None, max_examples=200)
@given(rotations())
def test_the_euler_triple_is_the_smaller_of_the_two(M):
    euler = ours.euler_from_rotation(M)
    other = [ours.wrap_deg(angle) for angle in (180 - euler.yaw, euler.pitch + 180, euler.roll + 180)]
    twin = ours.rotation_from_euler(yaw=other[0], pitch=other[1], roll=other[2])
    np.testing.assert_allclose(twin, ours.rotation_from_euler(**euler._asdict()), atol=ROUNDING)
    assert np.sum(np.abs(euler)) <= np.sum(np.abs(other)) + 1e-6
    narrow = ours.euler_from_rotation(M, yaw_within_90=True)
    assert abs(narrow.yaw) <= 90
    np.testing.assert_allclose(
        ours.rotation_from_euler(**narrow._asdict()),
        ours.rotation_from_euler(**euler._asdict()),
        atol=ROUNDING,
    )


@settings(deadline=None, max_examples=200)
@given(yaw=st.floats(-89.9, 89.9), pitch=st.floats(-85, 85), roll=st.floats(-90, 90))
def test_angles_of_faces_come_back_as_given(yaw, pitch, roll):
    euler = ours.euler_from_rotation(ours.rotation_from_euler(yaw=yaw, pitch=pitch, roll=roll))
    # At yaw 89.9 an error of 1e-16 in the matrix is one of 1e-11 degrees in pitch and roll.
    np.testing.assert_allclose(euler, (yaw, pitch, roll), atol=1e-9)


@pytest.mark.parametrize("yaw", [90.0, -90.0])
@pytest.mark.parametrize("pitch", [0.0, 30.0, -120.0])
@pytest.mark.parametrize("roll", [0.0, 25.0, 180.0])
def test_at_the_gimbal_lock_roll_is_zero_and_pitch_takes_all(yaw, pitch, roll):
    M = ours.rotation_from_euler(yaw=yaw, pitch=pitch, roll=roll)
    euler = ours.euler_from_rotation(M)
    assert euler.roll == 0
    assert euler.yaw == pytest.approx(yaw)
    np.testing.assert_allclose(ours.rotation_from_euler(**euler._asdict()), M, atol=1e-15)


def test_an_upright_head_from_behind_has_a_yaw_of_180_and_no_roll():
    behind = np.diag([-1.0, 1.0, -1.0])
    assert tuple(map(float, ours.euler_from_rotation(behind))) == (180, 0, 0)
    assert abs(float(ours.euler_from_rotation(behind, yaw_within_90=True).roll)) == 180


def test_matrices_equal_those_of_scipy():
    yaw, pitch, roll = np.random.default_rng(0).uniform(-180, 180, (3, 200))
    expected = Rotation.from_euler("XYZ", np.stack([-pitch, -yaw, -roll], -1), degrees=True).as_matrix()
    np.testing.assert_allclose(
        ours.rotation_from_euler(yaw=yaw, pitch=pitch, roll=roll), expected, atol=ROUNDING
    )
    scipy = Rotation.from_matrix(BATCH)
    narrow = ours.euler_from_rotation(BATCH, yaw_within_90=True)
    expected = -scipy.as_euler("XYZ", degrees=True)[:, [1, 0, 2]]
    np.testing.assert_allclose(np.stack(narrow, -1), expected, atol=1e-9)
    np.testing.assert_allclose(
        ours.quaternion_from_rotation(BATCH), scipy.as_quat(canonical=True), atol=ROUNDING
    )
    np.testing.assert_allclose(ours.rotvec_rad_from_rotation(BATCH), scipy.as_rotvec(), atol=1e-13)
    np.testing.assert_allclose(ours.rotation_from_quaternion(3 * scipy.as_quat()), BATCH, atol=ROUNDING)
    np.testing.assert_allclose(ours.rotation_from_rotvec_rad(scipy.as_rotvec()), BATCH, atol=ROUNDING)


def test_matrices_equal_those_of_roma():
    M = torch.from_numpy(BATCH)
    other = torch.from_numpy(BATCH[::-1].copy())
    noisy = BATCH + np.random.default_rng(1).normal(0, 0.1, BATCH.shape)
    pairs = (
        (ours.rotation_from_six_d(ours.six_d_from_rotation(noisy)), roma.special_gramschmidt(_two(noisy))),
        (ours.nearest_rotation(noisy), roma.special_procrustes(torch.from_numpy(noisy))),
        (ours.rotvec_rad_from_rotation(BATCH), roma.rotmat_to_rotvec(M)),
        (np.radians(ours.geodesic_deg(BATCH, BATCH[::-1])), roma.rotmat_geodesic_distance(M, other)),
        (
            ours.rotation_from_euler(yaw=10.0, pitch=20.0, roll=30.0),
            roma.euler_to_rotmat("XYZ", torch.tensor([-20.0, -10.0, -30.0]).double(), degrees=True),
        ),
    )
    for mine, theirs in pairs:
        np.testing.assert_allclose(mine, theirs.numpy(), atol=1e-12)


def _two(matrices):
    return torch.from_numpy(np.ascontiguousarray(matrices[..., :2]))


@pytest.mark.parametrize("degrees", [0.0, 1e-10, 1e-6, 0.01, 45.0, 90.0, 179.99, 179.9999999, 180.0])
def test_the_geodesic_distance_keeps_its_digits(degrees):
    axis = np.array([1.0, 2.0, -2.0]) / 3
    turn = Rotation.from_rotvec(np.radians(degrees) * axis).as_matrix()
    # 2e-14 degrees: the rounding of a matrix entry near 1. acos would be wrong by 1e-6 here.
    assert float(ours.geodesic_deg(BATCH[0], BATCH[0] @ turn)) == pytest.approx(degrees, rel=1e-12, abs=6e-14)


@settings(deadline=None, max_examples=200)
@given(st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 1e-3))
@example((0.0, 1.0, 0.0))
@example((0.0, 0.0, -1.0))
@example((1.0, 0.0, 0.0))
def test_a_front_vector_completes_to_an_upright_rotation(vector):
    front = np.array(vector) / np.linalg.norm(vector)
    M = ours.rotation_from_front(vector)
    np.testing.assert_allclose(ours.front_from_rotation(M), front, atol=ROUNDING)
    np.testing.assert_allclose(M @ M.T, np.eye(3), atol=ROUNDING)
    assert M[1, 1] >= 0  # the crown is on the upper side
    assert M[0, 1] == pytest.approx(0, abs=1e-15)  # roll 0


def test_the_nearest_rotation_is_never_a_mirror():
    mirrored = BATCH @ np.diag([1.0, 1.0, -1.0])
    found = ours.nearest_rotation(mirrored)
    np.testing.assert_allclose(np.linalg.det(found), 1, atol=ROUNDING)
    np.testing.assert_allclose(ours.nearest_rotation(2.5 * BATCH), BATCH, atol=ROUNDING)


@pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 3), (4, 1, 2)])
def test_any_batch_shape_goes_through(shape):
    M = np.broadcast_to(BATCH[0], (*shape, 3, 3))
    assert ours.rotation_from_euler(**ours.euler_from_rotation(M)._asdict()).shape == (*shape, 3, 3)
    assert ours.quaternion_from_rotation(M).shape == (*shape, 4)
    assert ours.rotation_from_quaternion(ours.quaternion_from_rotation(M)).shape == (*shape, 3, 3)
    assert ours.rotation_from_six_d(ours.six_d_from_rotation(M)).shape == (*shape, 3, 3)
    assert ours.rotation_from_rotvec_rad(ours.rotvec_rad_from_rotation(M)).shape == (*shape, 3, 3)
    assert ours.rotation_from_front(ours.front_from_rotation(M)).shape == (*shape, 3, 3)
    assert ours.nearest_rotation(M).shape == (*shape, 3, 3)
    assert ours.geodesic_deg(M, BATCH[1]).shape == shape


def test_float32_stays_float32_and_everything_else_is_float64():
    single = BATCH[:5].astype(np.float32)
    for call in (
        ours.quaternion_from_rotation,
        ours.rotvec_rad_from_rotation,
        ours.six_d_from_rotation,
        ours.front_from_rotation,
        ours.nearest_rotation,
        lambda M: ours.euler_from_rotation(M).yaw,
        lambda M: ours.geodesic_deg(M, M),
        lambda M: ours.rotation_from_euler(yaw=M[:, 0, 0], pitch=M[:, 0, 1], roll=M[:, 0, 2]),
    ):
        assert call(single).dtype == np.float32
        assert call(single.astype(np.float64)).dtype == np.float64
        # One float32 rounding of entries up to 1, seen as degrees, away from the lock.
        np.testing.assert_allclose(call(single), call(single.astype(np.float64)), atol=1e-4)
    assert ours.rotation_from_euler(yaw=10, pitch=0, roll=0).dtype == np.float64


@pytest.mark.parametrize(
    ("call", "given"),
    [
        (ours.rotation_from_quaternion, np.zeros(4)),
        (ours.rotation_from_quaternion, np.full(4, np.nan)),
        (ours.rotation_from_six_d, np.array([1.0, 0, 0, -2, 0, 0])),
        (ours.rotation_from_front, np.zeros((2, 3))),
        (ours.euler_from_rotation, np.eye(4)[:, :3]),
        (ours.rotation_from_six_d, np.zeros((3, 2))),
    ],
)
def test_input_without_a_direction_or_of_the_wrong_shape_is_refused(call, given):
    with pytest.raises(DataError):
        call(given)


def test_a_front_vector_in_the_picture_plane_keeps_the_crown_up_whatever_the_sign_of_zero():
    for vector in ([1.0, 0.0, -0.0], [-1.0, -0.0, -0.0], [1.0, 0.0, 0.0]):
        assert ours.rotation_from_front(vector)[1, 1] == pytest.approx(1)
