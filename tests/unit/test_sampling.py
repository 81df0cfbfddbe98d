"""Balance and splits: what is drawn how often, and that no source is on both sides."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facing.datasets.sample import ANGLES, LabelledHead
from facing.datasets.stats import head_angles
from facing.training.data import HeadLabels
from facing.training.sampling import SamplingSettings, draw_chances, held_out, over_limit, stated


def labels_at(yaw_deg, *, label=None):
    N = len(yaw_deg)
    return HeadLabels(
        # 300W-LP: M = Rx(-p) Ry(-y) Rz(-r).
        rotation=Rotation.from_euler("y", -np.asarray(yaw_deg, float)[:, None], degrees=True)
        .as_matrix()
        .astype(np.float32),
        known=np.ones((N, 3), bool),
        box=np.zeros((N, 4), np.float32),
        landmarks=np.zeros((N, 68, 2), np.float32),
        landmarked=np.zeros(N, bool),
        visible=np.zeros((N, 68), bool),
        identity=np.arange(N),
        label=np.array(label if label is not None else [""] * N),
    )


def test_sets_are_drawn_by_weight_whatever_their_size():
    folders = np.repeat([0, 1], [90, 10])
    chances = draw_chances(labels_at(np.zeros(100)), folders, weights=[1.0, 3.0], sampling=SamplingSettings())
    assert chances.sum() == pytest.approx(1)
    assert chances[folders == 1].sum() == pytest.approx(0.75)
    assert np.ptp(chances[:90]) == 0


def test_yaw_bins_are_evened_out_as_far_as_asked():
    yaw = np.repeat([2.0, 40.0, -70.0], [80, 15, 5])
    full, half = (
        draw_chances(
            labels_at(yaw),
            np.zeros(100, int),
            weights=[1.0],
            sampling=SamplingSettings(balance="yaw", power=power),
        )
        for power in (1.0, 0.5)
    )
    assert [full[yaw == angle].sum() for angle in (2, 40, -70)] == pytest.approx([1 / 3] * 3)
    want = np.sqrt([80, 15, 5])
    assert [half[yaw == angle].sum() for angle in (2, 40, -70)] == pytest.approx(want / want.sum())


def test_classes_are_evened_out():
    names = ["front"] * 8 + ["back"] * 2
    chances = draw_chances(
        labels_at(np.zeros(10), label=names),
        np.zeros(10, int),
        weights=[1.0],
        sampling=SamplingSettings(balance="class"),
    )
    assert chances[:8].sum() == pytest.approx(0.5)


def test_rows_of_no_set_are_never_drawn():
    chances = draw_chances(
        labels_at(np.zeros(4)), np.array([0, -1, 0, -1]), weights=[1.0], sampling=SamplingSettings()
    )
    np.testing.assert_allclose(chances, [0.5, 0, 0.5, 0])


def test_a_source_is_never_parted():
    identity = np.repeat(np.arange(1000), 7)
    out = held_out(identity, share=0.2)
    by_source = out.reshape(1000, 7)
    assert (by_source.all(1) | ~by_source.any(1)).all()
    assert 0.16 < out.mean() < 0.24
    # The side of a source does not depend on what else is there.
    np.testing.assert_array_equal(held_out(identity[700:2100], share=0.2), out[700:2100])


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_both_sides_hold_something(share):
    out = held_out(np.array([3, 3, 8, 9, 9]), share=share)
    assert out.any()
    assert not out.all()
    assert not held_out(np.array([4, 4]), share=share).any()


def test_limits_are_those_of_each_set():
    labels = labels_at([10.0, 89.0, 10.0, 89.0])
    labels.known[2] = (True, False, False)
    over = over_limit(labels, np.array([0, 0, 1, 1]), max_angles=[45, 99])
    np.testing.assert_array_equal(over, [False, True, False, False])


def test_limits_are_those_of_a_conversion_beyond_a_profile_too():
    yaw = [85.0, 89.9, 90.5, 95.0, 98.9, 99.1, 150.0]
    labels = labels_at([*yaw, *(-angle for angle in yaw)])
    over = over_limit(labels, np.zeros(len(labels.rotation), int), max_angles=[99])
    np.testing.assert_array_equal(over, [False, False, False, False, False, True, True] * 2)
    for rotation, left_out in zip(labels.rotation, over, strict=True):
        head = LabelledHead(box=(0, 0, 9, 9), rotation=rotation.astype(float), known=ANGLES)
        read = head_angles(head)
        assert (max(abs(angle) for angle in read.values()) > 99) == left_out


def test_only_the_angles_that_are_needed_must_be_stated():
    labels = labels_at([10.0, 20.0, 30.0])
    labels.known[1] = (True, True, False)
    labels.known[2] = (True, False, False)
    np.testing.assert_array_equal(stated(labels, ("yaw", "pitch", "roll")), [True, False, False])
    np.testing.assert_array_equal(stated(labels, ("yaw", "pitch")), [True, True, False])
