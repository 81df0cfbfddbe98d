import json
from pathlib import Path

import numpy as np
import pytest

from facing.errors import BoxError, ModelError, UnknownNameError
from facing.geometry.boxes import overlap
from facing.output.record import PictureRecord
from facing.picture import load_picture
from facing.pose import HeadPose
from facing.registry import load
from facing.runtime.detections import fit_picture
from facing.runtime.detector import HeadDetector, WholeImage, YuNetDetector, load_detector, read_boxes
from facing.runtime.estimator import PoseEstimator
from facing.runtime.yunet import head_from_face
from tiny_models import write_heads, write_pose

SHARED = Path(__file__).parents[2].parent / "shared"
YUNET = SHARED / "peers" / "yunet-n-dynamic.onnx"
PHOTOS = SHARED / "assets" / "photos_cc0"
needs_yunet = pytest.mark.skipif(
    not (YUNET.is_file() and PHOTOS.is_dir()),
    reason="YuNet weights or photographs are not beside the checkout",
)


def red_square(height, width, box):
    picture = np.zeros((height, width, 3), np.uint8)
    x0, y0, x1, y1 = box
    picture[y0:y1, x0:x1, 0] = 255
    return picture


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((64, 64), (8, 16, 40, 48)),  # as it is
        ((48, 64), (8, 16, 40, 40)),  # padded
        ((400, 640), (100, 200, 300, 380)),  # shrunk and padded
        ((16, 32), (4, 2, 20, 12)),  # enlarged
        ((1000, 120), (0, 300, 120, 600)),  # narrow
    ],
)
def test_boxes_come_back_in_picture_pixels(tmp_path, size, box):
    detector = HeadDetector(write_heads(tmp_path / "m.onnx", long_side=64), threads=1)
    boxes, scores = detector.detect(red_square(*size, box))
    assert boxes.dtype == scores.dtype == np.float32
    # Of the three the second is the same head and the third has no area.
    assert boxes.shape == (1, 4)
    np.testing.assert_allclose(scores, [0.9])
    # Half a pixel of the network's input: the tiny network thresholds.
    np.testing.assert_allclose(boxes[0], box, atol=0.6 * max(1.0, max(size) / 64))


def test_threshold_and_size_replace_those_of_the_card(tmp_path):
    path = write_heads(tmp_path / "m.onnx")
    picture = red_square(64, 64, (8, 16, 40, 48))
    assert len(HeadDetector(path, threshold=0.95).detect(picture).boxes) == 0
    assert HeadDetector(path, long_side=128).long_side == 128
    with pytest.raises(ModelError, match="threshold is 2"):
        HeadDetector(path, threshold=2)
    with pytest.raises(ModelError, match="long_side is 8;"):
        HeadDetector(path, long_side=8)


@pytest.mark.parametrize("box", [(10, 12, 30, 36), (20, 10, 100, 110), (30, 30, 78, 78)])
def test_two_looks_find_one_head_once_whatever_its_size(tmp_path, box):
    detector = HeadDetector(write_heads(tmp_path / "heads.onnx", long_side=128, near_long_side=64))
    found = detector.detect(red_square(128, 128, box))
    assert np.abs(found.boxes[0] - box).max() <= 2.5
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    assert np.isclose(centres, centres[0], atol=2).all(1).sum() == 1


def test_the_second_look_has_a_threshold_of_its_own_unless_the_user_gives_one(tmp_path):
    # The tiny network scores 0.9 whatever it sees.
    path = write_heads(tmp_path / "h.onnx", long_side=128, near_long_side=64, score_threshold=0.95, near=0.5)
    small, large = red_square(128, 128, (10, 12, 30, 36)), red_square(128, 128, (20, 10, 100, 110))
    assert len(HeadDetector(path).detect(small).boxes) == 0
    assert len(HeadDetector(path).detect(large).boxes) == 1
    assert len(HeadDetector(path, threshold=0.95).detect(large).boxes) == 0


def test_small_heads_get_a_closer_look(tmp_path):
    box = (101, 150, 131, 177)  # on the first look's input a quarter of this: pixels of 4
    picture = red_square(256, 256, box)
    far = HeadDetector(write_heads(tmp_path / "far.onnx", long_side=64)).detect(picture).boxes
    close = HeadDetector(write_heads(tmp_path / "h.onnx", long_side=64, close_long_side=512))
    found = close.detect(picture).boxes
    assert far.shape == found.shape == (1, 4)
    assert np.abs(far[0] - box).max() >= 1
    np.testing.assert_array_equal(found[0], box)


def test_a_closer_look_counts_only_where_something_is_sure(tmp_path, monkeypatch):
    # The tiny network scores 0.9 whatever it sees.
    path = write_heads(
        tmp_path / "h.onnx", long_side=64, close_long_side=256, score_threshold=0.95, close=0.5
    )
    picture = red_square(256, 256, (100, 100, 140, 140))
    monkeypatch.setattr("facing.runtime.detector.SURE", 0.9)
    assert len(HeadDetector(path).detect(picture).boxes) == 1
    monkeypatch.setattr("facing.runtime.detector.SURE", 0.91)
    assert len(HeadDetector(path).detect(picture).boxes) == 0
    assert len(HeadDetector(path, threshold=0.8).detect(picture).boxes) == 1  # who asks for less gets it


def test_a_scale_that_is_given_is_looked_at_once(tmp_path):
    picture = red_square(256, 256, (101, 150, 131, 177))
    path = write_heads(
        tmp_path / "h.onnx", long_side=64, close_long_side=256, score_threshold=0.95, close=0.5
    )
    assert len(HeadDetector(path).detect(picture).boxes) == 1
    assert len(HeadDetector(path, long_side=64).detect(picture).boxes) == 0
    near = write_heads(tmp_path / "n.onnx", long_side=128, near_long_side=64, score_threshold=0.95, near=0.5)
    large = red_square(128, 128, (20, 10, 100, 110))
    assert len(HeadDetector(near).detect(large).boxes) == 1
    assert len(HeadDetector(near, long_side=128).detect(large).boxes) == 0


def test_a_closer_look_needs_small_heads_and_pixels_to_see(tmp_path):
    # The tiny network scores 0.9 whatever it sees, and only boxes of the closer look pass their threshold.
    path = write_heads(
        tmp_path / "h.onnx", long_side=64, close_long_side=256, score_threshold=0.95, close=0.5
    )
    assert len(HeadDetector(path).detect(red_square(256, 256, (100, 100, 140, 140))).boxes) == 1
    assert len(HeadDetector(path).detect(red_square(64, 64, (25, 25, 35, 35))).boxes) == 1  # enlarged to 128
    assert len(HeadDetector(path).detect(red_square(32, 32, (12, 12, 18, 18))).boxes) == 0  # nothing to gain
    assert len(HeadDetector(path).detect(red_square(256, 256, (40, 40, 240, 240))).boxes) == 0
    assert len(HeadDetector(path, threshold=0.95).detect(red_square(256, 256, (9, 9, 30, 30))).boxes) == 0


def test_the_closer_look_is_no_smaller_than_the_first(tmp_path):
    with pytest.raises(ModelError, match="close_long_side is 32; give 0, or 64 pixels or more"):
        write_heads(tmp_path / "heads.onnx", long_side=64, close_long_side=32)


def test_boxes_rise_by_a_share_of_their_longer_side(tmp_path):
    picture = red_square(64, 64, (8, 16, 40, 48))
    still = HeadDetector(write_heads(tmp_path / "a.onnx")).detect(picture).boxes
    risen = HeadDetector(write_heads(tmp_path / "b.onnx", rise=0.25)).detect(picture).boxes
    np.testing.assert_allclose(still - risen, [[0, 8, 0, 8]], atol=0.3)


def test_a_box_that_rises_out_of_the_picture_is_dropped(tmp_path):
    detector = HeadDetector(write_heads(tmp_path / "m.onnx", rise=0.3))
    picture = red_square(64, 64, (8, 0, 40, 6))  # 6 high, and it rises by 0.3 of 32
    found = detector.detect(picture)
    assert found.boxes.shape == (0, 4)
    assert found.scores.shape == (0,)
    estimator = PoseEstimator(write_pose(tmp_path / "p.onnx"), detector, threads=1)
    assert estimator(picture) == []


def test_the_second_look_is_no_larger_than_the_first(tmp_path):
    with pytest.raises(ModelError, match="near_long_side is 128; give 0 or up to 64"):
        write_heads(tmp_path / "heads.onnx", long_side=64, near_long_side=128)


def test_boxes_outside_the_picture_are_dropped(tmp_path):
    # Nothing is red: the tiny network answers (W, H, 0, 0), and one pixel further.
    assert HeadDetector(write_heads(tmp_path / "m.onnx")).detect(
        np.zeros((40, 64, 3), np.uint8)
    ).boxes.shape == (0, 4)


@pytest.mark.parametrize(("height", "width"), [(100, 200), (33, 7), (1, 500), (64, 64)])
def test_fitting_scales_to_the_longer_side_and_pads(height, width):
    picture = np.full((height, width, 3), 200, np.uint8)
    pixels, scale = fit_picture(picture, long_side=64, stride=32)
    assert pixels.shape[0] % 32 == pixels.shape[1] % 32 == 0
    inner = np.rint(np.array([width, height]) * scale).astype(int)
    assert inner.max() == 64
    assert np.all(pixels[: inner[1], : inner[0]] == 200)
    assert np.all(pixels[inner[1] :] == 0)
    assert np.all(pixels[:, inner[0] :] == 0)


def test_the_whole_image_is_one_box():
    boxes, scores = WholeImage().detect(np.zeros((40, 60, 3), np.uint8))
    assert boxes.tolist() == [[0, 0, 60, 40]]
    assert scores.tolist() == [1]


def test_detectors_by_name(tmp_path):
    path = write_heads(tmp_path / "m.onnx")
    assert isinstance(load_detector("whole-image"), WholeImage)
    assert isinstance(load_detector(path), HeadDetector)
    assert isinstance(load_detector("heads", model_file=path), HeadDetector)
    with pytest.raises(
        UnknownNameError, match=r"no detector is called 'yunat'. Did you mean 'yunet'.*whole-image"
    ):
        load_detector("yunat")
    with pytest.raises(ModelError, match="weights of yunet do not ship; give model_file"):
        load_detector("yunet")
    for setting in ({"model_file": path}, {"threshold": 0.0}, {"long_side": 320}):
        with pytest.raises(ModelError, match="whole-image looks for no heads; leave"):
            load_detector("whole-image", **setting)
    with pytest.raises(ModelError, match="is no YuNet"):
        load_detector("yunet", model_file=write_pose(tmp_path / "p.onnx"))


def test_faces_are_widened_about_a_higher_centre():
    # 100 high: the head is 116 high, 90.48 wide, its centre 15 higher.
    np.testing.assert_allclose(head_from_face(np.array([[0.0, 0.0, 80.0, 100.0]])), [[-5.24, -23, 85.24, 93]])
    assert head_from_face(np.zeros((0, 4))).shape == (0, 4)


# Bald heads in p019.jpg, read off the picture by eye, to about 15 px.
HEADS_BY_EYE = [[292, 90, 440, 272], [537, 70, 682, 287]]


@needs_yunet
def test_yunet_finds_the_heads_of_a_photograph():
    picture = load_picture(PHOTOS / "p019.jpg")
    detector = load_detector("yunet", model_file=YUNET, threads=1)
    boxes, scores = detector.detect(picture)
    assert len(boxes) == 2
    assert scores[0] >= scores[1] > 0.9
    assert np.all(overlap(HEADS_BY_EYE, boxes).max(axis=1) > 0.6)
    # The mirror image has the mirrored heads: decoding knows left from right.
    mirrored, _ = detector.detect(np.ascontiguousarray(picture[:, ::-1]))
    mirrored[:, [0, 2]] = picture.shape[1] - mirrored[:, [2, 0]]
    assert np.all(overlap(boxes, mirrored).max(axis=1) > 0.8)


@needs_yunet
@pytest.mark.parametrize("shift", [(0, 0), (64, 96)])
def test_yunet_boxes_move_with_the_picture(shift):
    picture = load_picture(PHOTOS / "p019.jpg")
    canvas = np.zeros((960, 1280, 3), np.uint8)
    canvas[shift[1] : shift[1] + picture.shape[0], shift[0] : shift[0] + picture.shape[1]] = picture
    alone = YuNetDetector(YUNET, long_side=960, threads=1).detect(picture).boxes
    moved = YuNetDetector(YUNET, long_side=1280, threads=1).detect(canvas).boxes - np.tile(shift, 2)
    # Whole strides are shifted, so the network sees the same grid.
    np.testing.assert_allclose(np.sort(moved, axis=0), np.sort(alone, axis=0), atol=2)


@needs_yunet
def test_yunet_takes_the_smallest_picture():
    assert YuNetDetector(YUNET, long_side=32, threads=1).detect(
        np.zeros((1, 1, 3), np.uint8)
    ).boxes.shape == (0, 4)


def test_boxes_from_json_lines(tmp_path):
    path = tmp_path / "boxes.jsonl"
    lines = [
        {"schema": 1, "file": "a.jpg", "heads": [{"box": [1, 2, 3, 4], "yaw": 3}, {"box": [5, 6, 7.5, 8]}]},
        {"file": "b/c.jpg", "heads": []},
    ]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    boxes = read_boxes(path)
    assert {name: rows.tolist() for name, rows in boxes.items()} == {
        "a.jpg": [[1, 2, 3, 4], [5, 6, 7.5, 8]],
        "b/c.jpg": [],
    }
    assert boxes["b/c.jpg"].shape == (0, 4)


def test_boxes_from_csv(tmp_path):
    path = tmp_path / "boxes.csv"
    path.write_text("\ufefffile, x0, y0, x1, y1, who\na.jpg,1,2,3,4,x\nb.jpg,1,2,3,5,\na.jpg,5,6,7,8,y\n")
    boxes = read_boxes(path)
    assert boxes["a.jpg"].tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert boxes["b.jpg"].tolist() == [[1, 2, 3, 5]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "line 1 lacks file, x0, y0, x1, y1"),
        ("file,x0,y0,x1,y1\na,1,2,3,4\nb,1,2,x,4\n", "line 3: .* is no box"),
        ("file,x0,y0,x1,y1\na,1,2\n", "line 2: .* is no box"),
        ("file,x0,y0,x1,y1\na,5,2,3,4\n", "line 2: .* has no area"),
        ("x0,y0,x1,y1,file\n1,2,3,4,a\n1,2,3,4\n", "line 3: None is no name of a file"),
        ("file,x0,y0,x1,y1\n,1,2,3,4\n", "line 2: '' is no name of a file"),
        ("file,x0,y0,x1,y1\na\0.jpg,1,2,3,4\n", "line 2: .* is no name of a file"),
        ("file,x0,y0,x1,y1\n" + "a" * 200_000, "line 2 is no CSV"),
        ('{"file": "a\\u0000", "heads": []}', "line 1: .* is no name of a file"),
        ('{"file": "\\ud800", "heads": []}', "line 1: .* is no name of a file"),
        ('{"file": null, "heads": []}', "line 1: None is no name of a file"),
        ('{"file": "a", "heads": []}\n{"file": "b"}', "line 2 is no picture with heads"),
        ('{"file": "a", "heads": []}\n\n{', "line 3 is no picture with heads"),
        ('{"file": "a", "heads": [{"box": [1, 2, 3]}]}', "line 1: .* give four numbers"),
        ('{"file": "a", "heads": [{"box": [1, 2, 3, NaN]}]}', "line 1: .* has no area"),
    ],
)
def test_wrong_boxes_files_name_the_line(tmp_path, text, message):
    path = tmp_path / "boxes.txt"
    path.write_text(text)
    with pytest.raises(BoxError, match=message):
        read_boxes(path)


@pytest.mark.parametrize("name", ["a\u2028b.jpg", "a\x85b.jpg", "a\nb.jpg", "caf\udce9.jpg", '"a", b.jpg'])
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_names_come_back_as_they_were_written(tmp_path, form, name):
    table = tmp_path / "boxes"
    head = HeadPose(box=(1, 2, 3, 4), score=1, rotation=np.eye(3))
    with load("facing.output.writers", form, attribute="WRITER", kind="format")(table) as add:
        add(PictureRecord(file=name, width=8, height=8, heads=(head,)))
        add(PictureRecord(file="next.jpg", width=8, height=8))
    assert {name: rows.tolist() for name, rows in read_boxes(table).items()} == {
        name: [[1, 2, 3, 4]],
        "next.jpg": [],
    }


def test_line_ends_of_every_system_and_empty_rows_are_taken(tmp_path):
    for end in ("\n", "\r\n", "\r"):
        (tmp_path / "b.csv").write_bytes(end.join(["file,x0,y0,x1,y1", "a.jpg,1,2,3,4", ",,,,", ""]).encode())
        assert {name: rows.tolist() for name, rows in read_boxes(tmp_path / "b.csv").items()} == {
            "a.jpg": [[1, 2, 3, 4]]
        }


def test_a_boxes_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(BoxError, match=r"absent.csv cannot be read"):
        read_boxes(tmp_path / "absent.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BoxError, match="cannot be read"):
        read_boxes(tmp_path / "b.csv")


def test_a_row_without_a_box_is_a_picture_without_heads(tmp_path):
    table = tmp_path / "boxes.csv"
    table.write_text("file,x0,y0,x1,y1\na.jpg,,,,\nb.jpg,1,2,3,4\n")
    boxes = read_boxes(table)
    assert boxes["a.jpg"].shape == (0, 4)
    assert boxes["b.jpg"].tolist() == [[1, 2, 3, 4]]
