"""Boxes against pixel counting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facing.errors import BoxError
from facing.geometry import boxes as ours

SIDE = 24


def painted(box):
    picture = np.zeros((SIDE, SIDE), dtype=bool)
    left, top, right, bottom = (int(edge) for edge in box)
    picture[top:bottom, left:right] = True
    return picture


@st.composite
def whole_boxes(draw):
    left, top = draw(st.integers(0, SIDE - 2)), draw(st.integers(0, SIDE - 2))
    return [left, top, draw(st.integers(left + 1, SIDE)), draw(st.integers(top + 1, SIDE))]


@settings(deadline=None)
@given(st.lists(whole_boxes(), min_size=1, max_size=5), st.lists(whole_boxes(), min_size=1, max_size=5))
def test_overlap_counts_pixels(a, b):
    expected = [[(painted(x) & painted(y)).sum() / (painted(x) | painted(y)).sum() for y in b] for x in a]
    np.testing.assert_allclose(ours.overlap(a, b), expected, rtol=1e-12)
    np.testing.assert_array_equal(ours.area(a), [painted(x).sum() for x in a])


def test_no_boxes_overlap_nothing():
    assert ours.overlap(np.zeros((0, 4)), np.ones((3, 4))).shape == (0, 3)
    assert ours.overlap([], [[0, 0, 1, 1]]).shape == (0, 1)
    assert ours.suppress([], [], overlap_limit=0.5).shape == (0,)
    assert ours.square([]).shape == ours.clip([], width=4, height=4).shape == (0, 4)


def test_boxes_without_area_overlap_nothing():
    flat = [[3.0, 3.0, 3.0, 9.0], [5.0, 5.0, 2.0, 2.0]]
    np.testing.assert_array_equal(ours.overlap(flat, flat), np.zeros((2, 2)))


def test_square_keeps_the_centre_and_the_longer_side():
    np.testing.assert_allclose(ours.square([[10, 20, 30, 28]]), [[10, 14, 30, 34]])
    np.testing.assert_allclose(ours.square([[-3, 0, 1, 10]]), [[-6, 0, 4, 10]])


def test_shrink_scales_about_the_centre():
    np.testing.assert_allclose(ours.shrink([[0, 0, 100, 50]], 0.92), [[4, 2, 96, 48]])
    np.testing.assert_allclose(ours.shrink([[4, 2, 96, 48]], 1 / 0.92), [[0, 0, 100, 50]])


def test_clip_keeps_every_box_in_its_place():
    given = [[-5, -5, 5, 5], [90, 10, 120, 20], [200, 200, 300, 300]]
    clipped = ours.clip(given, width=100, height=50)
    np.testing.assert_allclose(clipped, [[0, 0, 5, 5], [90, 10, 100, 20], [100, 50, 100, 50]])
    assert ours.area(clipped)[2] == 0


def test_suppress_keeps_the_best_of_each_pile():
    given = [[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60], [0, 0, 10, 10]]
    kept = ours.suppress(given, [0.5, 0.9, 0.7, 0.5], overlap_limit=0.5)
    assert kept.tolist() == [1, 2]
    # 1 is gone at once, so 0 and 3 tie and the earlier wins.
    assert ours.suppress(given, [0.5, 0.1, 0.7, 0.5], overlap_limit=0.5).tolist() == [2, 0]
    assert ours.suppress(given, [0.5, 0.9, 0.7, 0.5], overlap_limit=1.0).tolist() == [1, 2, 0, 3]


@settings(deadline=None)
@given(st.lists(whole_boxes(), max_size=12), st.floats(0, 1), st.randoms(use_true_random=False))
def test_suppressed_boxes_cover_a_better_one_and_kept_ones_do_not(given, limit, chance):
    scores = np.array([chance.random() for _ in given])
    kept = ours.suppress(given, scores, overlap_limit=limit).tolist()
    shared = ours.overlap(given, given)
    assert np.all(np.diff(scores[kept]) <= 0)
    assert all(shared[i, j] <= limit for i in kept for j in kept if i != j)
    for lost in set(range(len(given))) - set(kept):
        assert any(shared[lost, i] > limit and scores[i] >= scores[lost] for i in kept)


def test_wrong_shapes_are_refused():
    with pytest.raises(BoxError, match=r"\(4,\)"):
        ours.square([1, 2, 3, 4])
    with pytest.raises(BoxError, match="one score per box"):
        ours.suppress([[0, 0, 1, 1]], [0.5, 0.4], overlap_limit=0.5)
