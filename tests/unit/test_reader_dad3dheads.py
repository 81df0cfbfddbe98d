import json

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facing.datasets.readers.dad3dheads import pyramid_list
from facing.datasets.sample import LeftOut, Sample, load_reader
from facing.errors import DataError
from facing.geometry.rotation import euler_from_rotation, rotation_from_euler
from written_sets import flame_like, head_annotation, write_dad3dheads

READER = load_reader("dad3dheads")


def read(path):
    return list(READER.samples(path))


def rewrite(folder, name, **changes):
    path = folder / "train" / "annotations" / f"{name}.json"
    path.write_text(json.dumps({**head_annotation(turn=np.eye(3)), **changes}))


@pytest.mark.parametrize("scale", [1.0, 3.7])
def test_pose_is_the_model_view_without_its_scale(tmp_path, scale):
    write_dad3dheads(tmp_path)
    turn = rotation_from_euler(yaw=130, pitch=-20, roll=15)
    rewrite(tmp_path, "a1", **head_annotation(turn=turn, scale=scale, place=(0, 0, -6)))
    sample, other = read(tmp_path)
    np.testing.assert_allclose(sample.heads[0].rotation, turn, atol=1e-12)
    # Written as a turn about the upright axis by +20: the face moves right, so our yaw is -20.
    assert euler_from_rotation(other.heads[0].rotation).yaw == pytest.approx(-20)
    assert [sample.key, other.key] == ["train/a1", "train/b2"]


def test_box_holds_the_head_and_not_the_neck(tmp_path):
    write_dad3dheads(tmp_path)
    turn = Rotation.from_euler("yxz", [25, -10, 30], degrees=True)
    rewrite(tmp_path, "a1", **head_annotation(turn=turn.as_matrix(), place=(0.1, 0.05, -2)))
    _, above = flame_like()
    x, y, z = (turn.apply(above) + np.array([0.1, 0.05, -2])).T
    u, v = 768 * x / -z + 256, 512 - (768 * y / -z + 256)  # a pinhole of 768 px, rows from the top
    (sample, _) = read(tmp_path)
    np.testing.assert_allclose(sample.heads[0].box, [u.min(), v.min(), u.max(), v.max()], atol=1e-6)


def test_order_is_that_of_the_list_and_without_one_that_of_the_names(tmp_path):
    write_dad3dheads(tmp_path, names=("z9", "c3"))
    write_dad3dheads(tmp_path, names=("v1",), split="val")
    assert [sample.key for sample in read(tmp_path)] == ["train/z9", "train/c3", "val/v1"]
    assert [sample.key for sample in read(tmp_path / "train" / "train.json")] == ["train/z9", "train/c3"]
    (tmp_path / "train" / "train.json").unlink()
    assert [sample.key for sample in read(tmp_path / "train")] == ["train/c3", "train/z9"]


@pytest.mark.parametrize(
    "changes",
    [
        {"vertices": [[0, 0, 0]]},
        {"model_view_matrix": np.zeros((4, 4)).tolist()},
        {"model_view_matrix": np.diag([-1, 1, 1, 1]).tolist()},
        {"projection_matrix": "none"},
        {"projection_matrix": np.zeros((4, 4)).tolist()},
    ],
)
def test_broken_annotation_is_left_out(tmp_path, changes):
    write_dad3dheads(tmp_path)
    rewrite(tmp_path, "a1", **changes)
    first, second = read(tmp_path)
    assert first == LeftOut("train/a1", "label cannot be read")
    assert isinstance(second, Sample)


def test_missing_picture_and_torn_json_are_left_out(tmp_path):
    write_dad3dheads(tmp_path, names=("a1", "b2", "c3"))
    (tmp_path / "train" / "images" / "a1.png").unlink()
    (tmp_path / "train" / "annotations" / "b2.json").write_text('{"vertices": [[0.1,')
    assert [type(entry) for entry in read(tmp_path)] == [LeftOut, LeftOut, Sample]


def test_list_of_the_pyramid_system_has_its_angles(tmp_path):
    """R of its train.json: the xyz angles of R transposed are pitch + 180, yaw, roll."""
    write_dad3dheads(tmp_path)
    turn = rotation_from_euler(yaw=35, pitch=-20, roll=15)
    rewrite(tmp_path, "a1", **head_annotation(turn=turn))
    first, second = pyramid_list(tmp_path)
    assert first["img_path"] == "train/images/a1.png"
    assert first["bbox"] == [200, 190, 110, 140]
    x, y, z = Rotation.from_matrix(np.transpose(first["R"])).as_euler("xyz", degrees=True)
    pitch = x - 180 if x - 180 >= -180 else x + 180  # its own reading
    np.testing.assert_allclose([pitch, y, z], [-20, 35, 15], atol=1e-9)
    assert second["img_path"] == "train/images/b2.png"


def test_written_list_is_read_with_its_own_boxes_and_filter(tmp_path):
    write_dad3dheads(tmp_path, names=("a1", "b2", "c3"))
    rewrite(tmp_path, "b2", **head_annotation(turn=rotation_from_euler(yaw=0, pitch=120, roll=0)))
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "train.json").write_text(json.dumps(pyramid_list(tmp_path)))
    first, second, third = read(tmp_path / "lists" / "train.json")
    assert first.heads[0].box == (200, 190, 310, 330)
    assert first.picture == tmp_path / "train" / "images" / "a1.png"
    assert second == LeftOut("train/images/b2.png", "an angle over 99 degrees")
    by_annotation = read(tmp_path)
    assert isinstance(by_annotation[1], Sample)
    np.testing.assert_allclose(third.heads[0].rotation, by_annotation[2].heads[0].rotation, atol=1e-12)


def test_broken_lines_of_a_list_are_left_out(tmp_path):
    good = {"img_path": "a.png", "bbox": [1, 2, 30, 40], "R": np.diag([1, -1, -1]).tolist()}
    broken = [
        {**good, "bbox": [1, 2, 0, 40]},
        {**good, "R": np.ones((3, 3)).tolist()},
        {"img_path": "b.png"},
        7,
    ]
    (tmp_path / "train.json").write_text(json.dumps([good, *broken]))
    first, *rest = read(tmp_path / "train.json")
    np.testing.assert_allclose(first.heads[0].rotation, np.eye(3))
    assert rest == [LeftOut(f"line {number}", "label cannot be read") for number in range(1, 5)]


@pytest.mark.parametrize("text", ["{}", "[]", "[1, 2]", '[{"name": 1}]'])
def test_json_of_something_else_is_refused(tmp_path, text):
    (tmp_path / "notes.json").write_text(text)
    with pytest.raises(DataError, match=r"notes\.json lists no item_id"):
        read(tmp_path / "notes.json")


def test_folder_of_something_else_says_what_was_expected_and_found(tmp_path):
    (tmp_path / "test").mkdir()
    with pytest.raises(DataError, match=r"train/annotations or val/annotations \(it holds test/\)"):
        read(tmp_path)
