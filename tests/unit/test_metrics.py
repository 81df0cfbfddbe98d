import numpy as np
import pytest
from scipy import stats
from scipy.spatial.transform import Rotation

from facing.evaluation import metrics
from facing.geometry.rotation import rotation_from_euler

N = 200


@pytest.fixture
def pairs():
    true = Rotation.random(N, random_state=1)
    return (
        true * Rotation.from_rotvec(0.3 * Rotation.random(N, random_state=2).as_rotvec())
    ).as_matrix(), true.as_matrix()


def six_d_rep_net_maev(estimated, true):
    """The formula of 6DRepNet's test script: mean acos of the dot products of the rows of R = M^T."""
    rows = [
        [np.degrees(np.arccos(np.clip(np.sum(e[:, k] * t[:, k]), -1, 1))) for k in range(3)]
        for e, t in zip(estimated, true, strict=True)
    ]
    return np.mean(rows)


def test_geodesic_equals_the_magnitude_of_scipys_difference(pairs):
    estimated, true = pairs
    expected = np.degrees((Rotation.from_matrix(true).inv() * Rotation.from_matrix(estimated)).magnitude())
    np.testing.assert_allclose(metrics.geodesic_errors(estimated, true), expected, atol=1e-9)


def test_transposing_both_leaves_the_geodesic(pairs):
    estimated, true = pairs
    transposed = metrics.geodesic_errors(estimated.swapaxes(1, 2), true.swapaxes(1, 2))
    np.testing.assert_allclose(transposed, metrics.geodesic_errors(estimated, true), atol=1e-9)


def test_geodesic_gives_the_frobenius_norm_of_dad_3dheads(pairs):
    estimated, true = pairs
    norm = np.linalg.norm(np.eye(3) - estimated @ true.swapaxes(1, 2), axis=(1, 2))
    half = np.radians(metrics.geodesic_errors(estimated, true)) / 2
    np.testing.assert_allclose(2 * np.sqrt(2) * np.sin(half), norm, atol=1e-9)


def test_maev_is_that_of_6drepnet(pairs):
    estimated, true = pairs
    assert metrics.axis_errors(estimated, true).mean() == pytest.approx(
        six_d_rep_net_maev(estimated, true), abs=1e-6
    )


def test_third_axis_error_is_the_facing_error(pairs):
    estimated, true = pairs
    np.testing.assert_allclose(
        metrics.front_errors(estimated, true), metrics.axis_errors(estimated, true)[:, 2], atol=1e-9
    )


def test_roll_alone_leaves_the_facing_direction():
    true = rotation_from_euler(yaw=35.0, pitch=-20.0, roll=0.0)[None]
    rolled = rotation_from_euler(yaw=35.0, pitch=-20.0, roll=25.0)[None]
    assert metrics.front_errors(rolled, true)[0] == pytest.approx(0, abs=1e-6)
    assert metrics.geodesic_errors(rolled, true)[0] == pytest.approx(25)


def test_differences_are_signed_and_wrapped_by_360_alone():
    true = rotation_from_euler(yaw=[10, 0, 0], pitch=[5, 0, 0], roll=[-20, 175, 0])
    estimated = rotation_from_euler(yaw=[4, 0, 0], pitch=[8, 0, 0], roll=[-19, -175, 170])
    expected = [[-6, 3, 1], [0, 0, 10], [0, 0, 170]]  # 170 off stays 170: nothing is forgiven
    np.testing.assert_allclose(metrics.angle_differences(estimated, true), expected, atol=1e-9)


def test_profile_beyond_90_is_no_half_turn_of_pitch():
    true = rotation_from_euler(yaw=[93.0], pitch=[4.0], roll=[2.0])
    estimated = rotation_from_euler(yaw=[88.0], pitch=[4.0], roll=[2.0])
    np.testing.assert_allclose(metrics.angle_differences(estimated, true), [[-5, 0, 0]], atol=1e-9)


def test_share_counts_missed_heads_as_failures():
    assert metrics.share_within([1, 5, 12], 5, count=4) == 0.5
    assert metrics.share_within([], 5, count=0) is None


def test_bootstrap_is_seeded_and_near_the_normal_interval():
    values = np.random.default_rng(3).normal(7, 2, 400)
    low, high = metrics.bootstrap_interval(values)
    assert (low, high) == metrics.bootstrap_interval(values)
    assert (low, high) != metrics.bootstrap_interval(values, seed=1)
    half = 1.96 * values.std() / 20
    # 1,000 resamples: the ends wander by a few hundredths of the interval.
    np.testing.assert_allclose([low, high], [values.mean() - half, values.mean() + half], atol=0.15 * half)
    assert metrics.bootstrap_interval([1.0]) is None


def test_best_constant_is_found_and_removed(pairs):
    _, true = pairs
    constant = rotation_from_euler(yaw=3.0, pitch=-6.0, roll=2.0)
    estimated = true @ constant.T
    np.testing.assert_allclose(metrics.best_constant(estimated, true), constant, atol=1e-12)


def test_best_constant_agrees_with_scipys_mean(pairs):
    estimated, true = pairs
    mean = (Rotation.from_matrix(estimated).inv() * Rotation.from_matrix(true)).mean()
    np.testing.assert_allclose(metrics.best_constant(estimated, true), mean.as_matrix(), atol=1e-9)


def test_rank_correlation_is_spearmans():
    generator = np.random.default_rng(4)
    first = generator.integers(0, 20, 100)  # with ties
    second = first + generator.normal(0, 8, 100)
    assert metrics.rank_correlation(first, second) == pytest.approx(stats.spearmanr(first, second).statistic)
    assert metrics.rank_correlation([1, 1, 1], [1, 2, 3]) is None


def test_calibration_error_by_hand():
    stated, real = [1, 1, 5, 5], [2, 4, 5, 1]  # two groups: |1 - 3| and |5 - 3|
    assert metrics.expected_calibration_error(stated, real, bins=2) == 2
    assert metrics.expected_calibration_error([3, 3], [3, 3]) == 0
    assert metrics.expected_calibration_error([], []) is None


def test_overlap_matching_is_one_to_one_and_takes_the_best_first():
    labelled = [(0, 0, 10, 10), (6, 0, 16, 10)]
    detected = [(5, 0, 15, 10), (100, 0, 110, 10)]  # nearer to the second label
    assert metrics.match_by_overlap(labelled, detected, least=0.2) == ((1,), (0,))
    assert metrics.match_by_overlap(labelled, [], least=0.2) == ((), ())


def test_middle_matching_needs_both_centres():
    face = [(40, 40, 60, 60)]
    assert metrics.match_by_middle(face, [(20, 20, 82, 82)]) == ((0,), (0,))  # overlap 0.1
    assert metrics.match_by_middle(face, [(40, 0, 160, 62)]) == ((), ())  # its centre is outside the face


def test_yaw_ranges_cover_everything_once():
    yaw = np.array([-180, -100, -99, -60, -30, 0, 29.9, 45, 180])
    masks = np.array([mask for _, _, mask in metrics.yaw_ranges(yaw)])
    assert (masks.sum(0) == 1).all()
    assert masks.sum(1).tolist() == [2, 2, 2, 3]
