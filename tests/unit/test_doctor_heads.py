"""Landmarks and boxes: each finding on heads that have the fault, and on genuine labels."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from doctor_sets import BOX, by_name, poses
from facing.datasets.doctor.boxes import box_findings, found_box_findings
from facing.datasets.doctor.landmarks import landmark_findings, rotation_from_landmarks
from facing.datasets.doctor.survey import Seen, survey
from facing.datasets.doctor.witness import Witness
from facing.datasets.head_box import head_box_from_flat_points, head_points
from facing.datasets.sample import ANGLES, LabelledHead, Sample, load_reader
from facing.geometry.rotation import geodesic_deg, rotation_from_euler

DATA = Path(__file__).parents[2].parent / "shared" / "data"
SIZE = (450, 450)


def points_of(rotation, *, scale=8.0):
    """Project the neutral head by hand: x right, y down, pixels about the middle of the picture."""
    turned = (head_points().landmarks - head_points().landmarks.mean(0)) @ rotation.T
    return np.stack([225 + scale * turned[:, 0], 225 - scale * turned[:, 1]], 1)


def heads(rotations, *, points=None, boxes=None, size=SIZE):
    rows = []
    for index, rotation in enumerate(rotations):
        marks = points_of(rotation) if points is None else points[index]
        box = tuple(head_box_from_flat_points(points_of(rotation))) if boxes is None else boxes[index]
        head = LabelledHead(box, rotation, known=ANGLES, landmarks={"pt2d": marks})
        rows.append(Seen(Sample(f"{index:03}", Path("none.png"), (head,)), size, None, None))
    return rows


def test_the_pose_of_projected_points_comes_back():
    for rotation in poses(20):
        assert geodesic_deg(rotation_from_landmarks(points_of(rotation)), rotation) < 0.01


def test_healthy_heads_give_no_finding():
    rows = heads(poses(40))
    assert list(landmark_findings(rows)) == []
    assert list(box_findings(rows)) == []


def test_landmarks_that_are_not_visible():
    points = [points_of(rotation) for rotation in poses(10)]
    points[3][5:9] = -1
    points[6][0] = np.nan
    found = by_name(landmark_findings(heads(poses(10), points=points)))
    assert set(found) == {"invalid-landmark"}
    assert found["invalid-landmark"].keys == ("003", "006")
    assert found["invalid-landmark"].figures["points"] == 5


def test_landmarks_outside_the_picture():
    points = [points_of(rotation) for rotation in poses(10)]
    points[2] = points[2] + (230, 0)
    found = by_name(landmark_findings(heads(poses(10), points=points)))
    assert found["landmark-outside"].keys == ("002",)


def test_stale_landmarks_of_turned_photographs():
    front = rotation_from_euler(yaw=5.0, pitch=-3.0, roll=2.0)
    turns = [
        rotation_from_euler(yaw=yaw, pitch=-3.0, roll=2.0) for yaw in (5.0, 15.0, 30.0, 45.0, 60.0, 80.0)
    ]
    rows = heads([*poses(20), *turns], points=[*map(points_of, poses(20)), *[points_of(front)] * 6])
    found = by_name(landmark_findings(rows))
    assert found["stale-landmarks"].keys == ("023", "024", "025")
    assert found["stale-landmarks"].severity == "fault"
    assert found["repeated-landmarks"].keys == ("020", "021", "022", "023", "024", "025")
    assert by_name(box_findings(rows)) == {}


def test_one_fit_that_went_wrong_is_a_warning():
    rotations = poses(40)
    points = [points_of(rotation) for rotation in rotations]
    points[7] = points_of(Rotation.from_euler("y", 60, degrees=True).as_matrix() @ rotations[7])
    found = by_name(landmark_findings(heads(rotations, points=points)))
    assert found["stale-landmarks"].keys == ("007",)
    assert found["stale-landmarks"].severity == "warning"


def test_boxes_that_do_not_hold_the_head():
    rotations = poses(6)
    boxes = [tuple(head_box_from_flat_points(points_of(rotation))) for rotation in rotations]
    x0, y0, x1, y1 = boxes[1]
    boxes[0] = (x1, y1, x0, y0)
    boxes[1] = (x0 + 400, y0, x1 + 400, y1)
    boxes[2] = (0.0, 0.0, 120.0, 120.0)
    boxes[3] = (0.0, 0.0, 450.0, 450.0)
    found = by_name(box_findings(heads(rotations, boxes=boxes)))
    assert found["box-no-area"].keys == ("000",)
    assert found["box-outside"].keys == ("001",)
    assert found["box-loose"].keys == ("002",)
    assert found["box-size"].keys == ("003",)


def looked_at(boxes, found, *, labelled=None):
    return [
        Witness(
            str(index),
            LabelledHead(box, None),
            box,
            (box, *(labelled or ())),
            None,
            np.array(heads, np.float32).reshape(-1, 4),
            np.full(len(heads), 0.9, np.float32),
        )
        for index, (box, heads) in enumerate(zip(boxes, found, strict=True))
    ]


def test_heads_found_elsewhere():
    elsewhere, near = (300.0, 300.0, 380.0, 400.0), (45.0, 32.0, 104.0, 98.0)
    rows = looked_at([BOX] * 20, [[near]] * 12 + [[elsewhere]] * 8)
    found = by_name(found_box_findings(rows))
    assert found["box-elsewhere"].severity == "fault"
    assert found["box-elsewhere"].count == 8
    # A head that is found where another label lies says nothing about this one, nor does finding none.
    others = looked_at([BOX] * 20, [[near]] * 12 + [[elsewhere]] * 4 + [[]] * 4, labelled=[elsewhere])
    assert list(found_box_findings(others)) == []


def test_boxes_of_another_scale():
    wide = (0.0, 0.0, 200.0, 200.0)
    rows = looked_at([wide] * 12, [[(60.0, 60.0, 120.0, 130.0)]] * 12)
    assert by_name(found_box_findings(rows))["box-scale"].figures["ratio"] == pytest.approx(3.086, abs=0.01)


@pytest.mark.skipif(not (DATA / "AFLW2000").is_dir(), reason="the shared labelled photographs are not here")
def test_genuine_landmarks_agree_with_their_labels_and_minus_ones_are_found():
    seen = survey(load_reader("aflw2000").samples(DATA / "AFLW2000"), limit=80).seen
    found = by_name(landmark_findings(seen))
    assert "stale-landmarks" not in found
    assert found["invalid-landmark"].figures["landmarks"] == "pt2d"
    assert found["invalid-landmark"].count > 40
    assert list(box_findings(seen)) == []


@pytest.mark.skipif(not (DATA / "300W_LP").is_dir(), reason="the shared labelled photographs are not here")
def test_genuine_300w_lp_points_are_stale_in_a_further_turn():
    (one,) = survey(load_reader("300w-lp").samples(DATA / "300W_LP")).seen
    assert list(landmark_findings([one])) == []
    head = one.sample.heads[0]
    turned = replace(head, rotation=rotation_from_euler(yaw=-80.0, pitch=-7.6, roll=3.2))
    further = replace(one, sample=replace(one.sample, key="IBUG/IBUG_image_008_1_8", heads=(turned,)))
    found = by_name(landmark_findings([one, further]))
    assert found["stale-landmarks"].keys == ("IBUG/IBUG_image_008_1_8",)
    assert found["repeated-landmarks"].count == 2
