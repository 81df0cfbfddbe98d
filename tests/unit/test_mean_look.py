"""Two looks at one picture: pairs become their mean, and what one look alone saw counts half."""

import numpy as np
import pytest

from facing.runtime.mean_look import mean_look, mirrored_boxes

LEFT, RIGHT = [10.0, 10.0, 30.0, 30.0], [60.0, 10.0, 80.0, 30.0]


def look(*rows):
    return np.array([row[:4] for row in rows]).reshape(-1, 4), np.array([row[4] for row in rows])


def test_pairs_are_averaged_and_the_rest_counts_half():
    boxes, scores = mean_look(
        look([*RIGHT, 0.4], [*LEFT, 0.9]), look([12.0, 10.0, 32.0, 30.0, 0.3], [0.0, 60.0, 20.0, 90.0, 0.5])
    )
    assert scores == pytest.approx([0.6, 0.25, 0.2])
    assert boxes[0] == pytest.approx([10.5, 10, 30.5, 30])  # three parts of the surer one
    assert boxes[1:].tolist() == [[0, 60, 20, 90], RIGHT]


def test_a_box_pairs_once_and_with_the_surest():
    near = [11.0, 10.0, 31.0, 30.0]
    _, scores = mean_look(look([*LEFT, 0.8], [*near, 0.6]), look([*LEFT, 0.4], [*near, 0.5]))
    assert scores == pytest.approx([0.65, 0.5])
    _, scores = mean_look(look([*LEFT, 0.8], [*near, 0.6]), look([*near, 0.5]))
    assert scores == pytest.approx([0.65, 0.3])


def test_rows_that_hold_nothing_are_not_seen():
    nothing = look([*LEFT, 0.01], [0.0, 0.0, 0.0, 0.0, 0.0])
    assert len(mean_look(nothing, nothing)[0]) == 0
    boxes, scores = mean_look(look([*LEFT, 0.8]), nothing)
    assert boxes.tolist() == [LEFT]
    assert scores == pytest.approx([0.4])


def test_boxes_of_the_mirror_image_come_back():
    boxes = np.array([LEFT, RIGHT])
    assert mirrored_boxes(boxes, width=100).tolist() == [[70, 10, 90, 30], [20, 10, 40, 30]]
    assert mirrored_boxes(mirrored_boxes(boxes, width=100), width=100).tolist() == boxes.tolist()
