"""Test-time augmentation: four boxes of each head, one answer."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from facing.cli import main
from facing.errors import BoxError
from facing.geometry.boxes import moved_boxes, quarter_turned
from facing.geometry.rotation import geodesic_deg, nearest_rotation, rotation_from_euler
from facing.picture import load_picture
from facing.runtime.estimator import PoseEstimator
from facing.runtime.tta import MOVES, boxes_to_read, mean_answer
from facing.runtime.weights import FOLDER


@pytest.fixture(scope="module")
def demo():
    pixels = load_picture(FOLDER / "demo.jpg")
    plain, tta = (PoseEstimator(threads=1, tta=tta) for tta in (False, True))
    return pixels, plain, tta


def test_the_answer_is_the_mean_over_four_boxes(demo):
    pixels, plain, tta = demo
    heads = plain(pixels)
    boxes = np.array([head.box for head in heads])
    single = [plain(pixels, boxes=moved_boxes(boxes, move)) for move in MOVES]
    found = tta(pixels, boxes=boxes)
    assert len(found) == len(heads) > 1
    for index, head in enumerate(found):
        rotations = np.array([view[index].rotation for view in single])
        assert geodesic_deg(head.rotation, nearest_rotation(rotations.mean(0))) < 0.05
        assert head.box == pytest.approx(tuple(boxes[index]))
        # They differ, or the mean would prove nothing.
        assert geodesic_deg(rotations, head.rotation).max() > 0.3
    spreads = np.array([[head.spread for head in view] for view in single]).mean(0)
    np.testing.assert_allclose([head.spread for head in found], spreads, rtol=1e-4)


def test_answers_turn_less_when_the_box_moves(demo):
    pixels, plain, tta = demo
    boxes = np.array([head.box for head in plain(pixels)])

    def turn(estimator):
        own = np.array([head.rotation for head in estimator(pixels, boxes=boxes)])
        others = [
            [head.rotation for head in estimator(pixels, boxes=moved_boxes(boxes, view))]
            for view in (*MOVES, (0.0, 0.0, 0.1), (0.0, 0.0, -0.1))
        ]
        return geodesic_deg(np.array(others), own).mean()

    assert turn(tta) < turn(plain)


def test_pictures_that_lie_are_read_upright_as_well(demo):
    pixels, plain, tta = demo
    boxes = np.array([head.box for head in plain(pixels)])[:1]
    (upright,) = tta(pixels, boxes=boxes)
    for _ in range(2):
        boxes = quarter_turned(boxes, width=pixels.shape[1])
        pixels = np.ascontiguousarray(np.rot90(pixels))
    (lying,) = tta(pixels, boxes=boxes)
    back = rotation_from_euler(yaw=0, pitch=0, roll=180.0)
    assert geodesic_deg(back @ upright.rotation, lying.rotation) < 15


def test_a_batch_gives_what_a_call_gives_and_no_head_is_no_fault(demo):
    pixels, _, tta = demo
    alone = tta(pixels)
    empty, again = tta.batch([np.zeros((80, 90, 3), np.uint8), pixels])
    assert empty == []
    assert [head.box for head in again] == [head.box for head in alone]
    np.testing.assert_allclose(
        [head.rotation for head in again], [head.rotation for head in alone], atol=1e-5
    )


def test_boxes_at_the_edge_stay_in_the_picture_and_wrong_ones_are_named(demo):
    pixels, _, tta = demo
    width = pixels.shape[1]
    edge = np.array([[width - 1.0, 10.0, width + 99.0, 110.0]])
    read = boxes_to_read(edge, picture=pixels)
    assert read.shape == (1, 4, 4)
    np.testing.assert_array_equal(read[0, 0], edge[0])  # to the right there is no picture
    np.testing.assert_array_equal(read[0, 1], edge[0] - [5, 0, 5, 0])
    assert len(tta(pixels, boxes=edge)) == 1
    with pytest.raises(BoxError, match=r"box 1 is \[50\.0, 50\.0, 40\.0, 60\.0\] and has no area"):
        tta(pixels, boxes=[[0, 0, 50, 50], [50, 50, 40, 60]])


def test_means_are_over_the_boxes_of_a_head():
    values = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    np.testing.assert_array_equal(mean_answer({"front": values})["front"], values.mean(1))


def run(words, capsys):
    with pytest.raises(SystemExit) as left:
        main(words)
    said = capsys.readouterr()
    return left.value.code or 0, said.out, said.err


def test_estimate_takes_it(capsys):
    words = ["estimate", str(FOLDER / "demo.jpg"), "--format", "csv"]
    (_, plain, _), (code, tta, _) = run(words, capsys), run([*words, "--tta"], capsys)
    assert code == 0
    assert plain.count("\n") == tta.count("\n") == 4
    assert plain != tta


def test_evaluate_takes_it_and_not_where_it_does_nothing(demo, tmp_path, capsys):
    head = demo[1](demo[0])[0]
    shutil.copy(FOLDER / "demo.jpg", tmp_path)
    row = ",".join(str(value) for value in ("demo.jpg", head.yaw, head.pitch, head.roll, *head.box))
    (tmp_path / "heads.csv").write_text(f"picture,yaw,pitch,roll,x0,y0,x1,y1\n{row}\n")
    words = ["evaluate", "--data", f"csv:{tmp_path}", "--json", str(tmp_path / "figures.json")]
    errors = []
    for more in ([], ["--tta"]):
        assert run([*words, *more], capsys)[0] == 0
        errors.append(json.loads((tmp_path / "figures.json").read_text())["geodesic_mean"])
    # The labels are what one box gives, so only the mean over four differs from them.
    assert errors[0] < 0.01 < errors[1] < 5
    code, _, said = run([*words[:3], "--tta", "--robustness", str(tmp_path / "out")], capsys)
    assert code == 2
    assert "--tta does nothing with --robustness" in " ".join(said.replace("│", " ").split())
