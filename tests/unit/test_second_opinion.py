"""Boxes that the detector doubts stay where the pose is clear; boxes it likes go where none is to be seen."""

from pathlib import Path

import numpy as np
import pytest

from constant_models import HONEST, write_head_model, write_pose_model
from facing.picture import load_picture
from facing.runtime.detector import HeadDetector, WholeImage
from facing.runtime.estimator import PoseEstimator
from facing.runtime.second_opinion import CANDIDATE_SHARE, EVEN_DEG, Proposes, weighed

PICTURE = np.zeros((64, 64, 3), np.uint8)
BOXES = [(0, 0, 20, 20), (30, 30, 60, 60), (0, 34, 12, 46)]
THRESHOLD = 0.5  # of the constant detector
PHOTOS = Path(__file__).parents[2].parent / "shared" / "assets" / "photos_cc0"


def test_an_even_error_leaves_a_score_and_a_larger_one_lowers_it():
    scores = np.array([0.2, 0.5, 0.9])
    np.testing.assert_allclose(weighed(scores, np.full(3, EVEN_DEG)), scores, atol=1e-9)
    assert np.all(weighed(scores, np.full(3, EVEN_DEG / 4)) > scores)
    assert np.all(weighed(scores, np.full(3, EVEN_DEG * 4)) < scores)


def test_scores_stay_in_their_range_at_the_ends():
    got = weighed(np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 0.0, 180.0, 180.0]))
    assert np.all((got >= 0) & (got <= 1))
    assert np.all(np.isfinite(got))


def estimator(tmp_path, *, scores, spread_deg, calibration=HONEST):
    heads = write_head_model(tmp_path / "heads.onnx", boxes=BOXES, scores=scores)
    spread = None if spread_deg is None else np.radians(spread_deg)
    calibration = None if spread_deg is None else calibration
    pose = write_pose_model(tmp_path / "pose.onnx", yaw=20, spread_rad=spread, calibration=calibration)
    return PoseEstimator(pose, HeadDetector(heads, threads=1), threads=1)


def test_a_clear_pose_keeps_boxes_that_the_detector_alone_would_drop(tmp_path):
    heads = estimator(tmp_path, scores=(0.9, 0.4, 0.1), spread_deg=4)(PICTURE)
    assert len(heads) == 2
    assert all(head.score >= THRESHOLD for head in heads)
    alone = HeadDetector(tmp_path / "heads.onnx", threads=1).detect(PICTURE)
    assert len(alone.boxes) == 1


def test_no_pose_to_be_seen_drops_boxes_that_the_detector_alone_would_keep(tmp_path):
    heads = estimator(tmp_path, scores=(0.95, 0.55, 0.1), spread_deg=90)(PICTURE)
    assert [tuple(head.box) for head in heads] == [BOXES[0]]


def test_a_network_without_a_stated_error_has_no_opinion(tmp_path):
    heads = estimator(tmp_path, scores=(0.9, 0.4, 0.6), spread_deg=None)(PICTURE)
    assert sorted(round(head.score, 3) for head in heads) == [0.6, 0.9]


def test_a_network_whose_error_was_never_measured_has_no_opinion(tmp_path):
    heads = estimator(tmp_path, scores=(0.9, 0.4, 0.6), spread_deg=120, calibration=None)(PICTURE)
    assert sorted(round(head.score, 3) for head in heads) == [0.6, 0.9]


def test_given_boxes_are_never_dropped(tmp_path):
    heads = estimator(tmp_path, scores=(0.1, 0.1, 0.1), spread_deg=120)(PICTURE, boxes=BOXES)
    assert [head.score for head in heads] == [1.0, 1.0, 1.0]


def test_a_batch_gives_what_single_calls_give(tmp_path):
    both = estimator(tmp_path, scores=(0.9, 0.4, 0.1), spread_deg=4)
    assert [len(heads) for heads in both.batch([PICTURE, PICTURE])] == [2, 2]


@pytest.mark.parametrize("threshold", [None, 0.7])
def test_candidates_hold_what_is_found_and_say_what_they_need(tmp_path, threshold):
    path = write_head_model(tmp_path / "heads.onnx", boxes=BOXES, scores=(0.9, 0.45, 0.2))
    detector = HeadDetector(path, threshold=threshold, threads=1)
    boxes, scores, least = detector.candidates(PICTURE)
    limit = THRESHOLD if threshold is None else threshold
    np.testing.assert_allclose(least, limit)
    np.testing.assert_allclose(sorted(scores), [0.45, 0.9])
    assert scores.min() >= CANDIDATE_SHARE * limit
    np.testing.assert_array_equal(boxes[scores >= limit], detector.detect(PICTURE).boxes)


def test_only_detectors_that_propose_are_asked(tmp_path):
    assert not isinstance(WholeImage(), Proposes)
    pose = write_pose_model(tmp_path / "pose.onnx", spread_rad=2.0, calibration=HONEST)
    assert len(PoseEstimator(pose, WholeImage(), threads=1)(PICTURE)) == 1


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="photographs are not beside the checkout")
def test_pictures_of_nobody_lose_boxes_by_it():
    both, alone = PoseEstimator(threads=1), HeadDetector(threads=1)
    pictures = [load_picture(path) for path in sorted((PHOTOS / "no_people").glob("*.jpg"))]
    doubted = sum(len(alone.detect(picture).boxes) for picture in pictures)
    assert sum(len(both(picture)) for picture in pictures) < doubted
