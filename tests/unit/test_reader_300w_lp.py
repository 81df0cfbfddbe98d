import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat, savemat
from scipy.spatial.transform import Rotation

from facing.datasets.head_box import head_box_from_flat_points, head_box_from_points, head_box_from_pose_para
from facing.datasets.sample import LeftOut, Sample, load_reader
from facing.errors import DataError
from facing.geometry.boxes import overlap
from facing.geometry.rotation import euler_from_rotation

SHARED = Path(__file__).parents[2].parent / "shared"
DATA = SHARED / "data"
PAIR = "IBUG_image_008_1_0"
READER = load_reader("300w-lp")

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs the labelled pictures beside the repository")


def write_pair(folder, name, *, pitch=0.0, yaw=0.0, roll=0.0):
    folder.mkdir(parents=True, exist_ok=True)
    pose = [*np.radians([pitch, yaw, roll]), 225.0, 200.0, -80.0, 0.0013]
    label = {"Pose_Para": np.array([pose], np.float32), "pt2d": np.full((2, 68), 225.0)}
    savemat(folder / f"{name}.mat", label)
    Image.new("RGB", (450, 450)).save(folder / f"{name}.jpg")


def read(path):
    return list(READER.samples(path))


def test_turns_mirrors_and_faces_of_a_photograph_share_their_source(tmp_path):
    write_pair(tmp_path / "AFW", "AFW_134212_1_0")
    write_pair(tmp_path / "AFW", "AFW_134212_2_15", yaw=-80)
    write_pair(tmp_path / "AFW_Flip", "AFW_134212_2_15", yaw=80)
    write_pair(tmp_path / "LFPW", "LFPW_image_train_0737_13")
    write_pair(tmp_path / "LFPW", "LFPW_image_train_0738_13")
    write_pair(tmp_path / "landmarks", "AFW_134212_1_0_pts")  # stands beside the subsets in the archive
    sources = {sample.key: sample.source for sample in read(tmp_path)}
    assert sources == {
        "AFW/AFW_134212_1_0": "AFW_134212",
        "AFW/AFW_134212_2_15": "AFW_134212",
        "AFW_Flip/AFW_134212_2_15": "AFW_134212",
        "LFPW/LFPW_image_train_0737_13": "LFPW_image_train_0737",
        "LFPW/LFPW_image_train_0738_13": "LFPW_image_train_0738",
    }


def test_angles_are_read_and_those_over_99_left_out(tmp_path):
    write_pair(tmp_path / "HELEN", "HELEN_1_1_0", pitch=10, yaw=-44, roll=3)
    write_pair(tmp_path / "HELEN", "HELEN_1_1_1", pitch=-100)
    first, second = read(tmp_path)
    euler = euler_from_rotation(first.heads[0].rotation)
    np.testing.assert_allclose([euler.pitch, euler.yaw, euler.roll], [10, -44, 3], atol=1e-4)
    assert second == LeftOut("HELEN/HELEN_1_1_1", "an angle over 99 degrees")


def test_mirrored_label_gives_the_mirrored_box(tmp_path):
    write_pair(tmp_path / "IBUG", "IBUG_image_1_1_0", pitch=8, yaw=60, roll=-12)
    write_pair(tmp_path / "IBUG_Flip", "IBUG_image_1_1_0", pitch=8, yaw=-60, roll=12)
    (x0, y0, x1, y1), mirrored = (sample.heads[0].box for sample in read(tmp_path))
    np.testing.assert_allclose(
        mirrored, [450 - x1, y0, 450 - x0, y1], atol=0.2
    )  # the mesh is not quite symmetric


@pytest.mark.parametrize("damage", [b"", b"no matlab file", None, "cut", "scale"])
def test_broken_label_is_left_out_and_the_rest_read(tmp_path, damage):
    write_pair(tmp_path / "AFW", "AFW_1_1_0")
    write_pair(tmp_path / "AFW", "AFW_1_1_1")
    broken = tmp_path / "AFW" / "AFW_1_1_0.mat"
    if damage is None:
        savemat(broken, {"pt2d": np.zeros((2, 68))})
    elif damage == "cut":
        broken.write_bytes(broken.read_bytes()[:700])
    elif damage == "scale":
        savemat(broken, {"Pose_Para": np.zeros((1, 7))})
    else:
        broken.write_bytes(damage)
    first, second = read(tmp_path)
    assert first == LeftOut("AFW/AFW_1_1_0", "label cannot be read")
    assert isinstance(second, Sample)


def test_list_file_names_the_samples(tmp_path):
    for turn in range(3):
        write_pair(tmp_path / "AFW", f"AFW_1_1_{turn}")
    (tmp_path / "list.txt").write_text("AFW/AFW_1_1_2\nAFW/AFW_1_1_0\n\nAFW/AFW_9_1_0\n")
    entries = read(tmp_path / "list.txt")
    assert [entry.key for entry in entries] == ["AFW/AFW_1_1_2", "AFW/AFW_1_1_0", "AFW/AFW_9_1_0"]
    assert entries[2] == LeftOut("AFW/AFW_9_1_0", "label cannot be read")


def test_folder_of_another_set_says_what_was_expected_and_found(tmp_path):
    (tmp_path / "image00006.mat").touch()
    with pytest.raises(DataError, match=r"AFW/\*\.mat.*it holds image00006\.mat.*300W-LP"):
        read(tmp_path)


def test_box_is_that_of_the_placed_outline():
    """The projection of 3DDFA by scipy: scale times rotation plus translation, rows from the foot."""
    from facing.datasets.head_box import BASEL_MIDDLE_CM, BASEL_PITCH_DEG, BASEL_UNITS_PER_CM, head_points

    pitch, yaw, roll, scale = 0.2, -0.9, 0.3, 0.0012
    head = head_points()
    basel = Rotation.from_euler("x", -BASEL_PITCH_DEG, degrees=True).apply(
        head.outline - head.landmarks.mean(0)
    )
    basel = BASEL_UNITS_PER_CM * (basel + BASEL_MIDDLE_CM)
    seen = scale * Rotation.from_euler("XYZ", [-pitch, -yaw, -roll]).apply(basel) + [220, 180, -70]
    pixels = seen[:, :2] * [1, -1] + [0, 451]
    expected = [*pixels.min(0), *pixels.max(0)]
    found = head_box_from_pose_para(
        [pitch, yaw, roll, 220, 180, -70, scale], picture_height=450, distance=np.inf
    )
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@needs_data
def test_box_from_pose_para_agrees_with_the_box_from_points():
    found = []
    for path in sorted((DATA / "AFLW2000").glob("*.mat")):
        label = loadmat(path)
        pose_para = label["Pose_Para"][0].astype(float)
        if np.abs(np.degrees(pose_para[:3])).max() <= 99:
            by_points = head_box_from_points(label["pt3d_68"].T)
            by_pose = head_box_from_pose_para(pose_para, picture_height=450)
            found.append(float(overlap([by_points], [by_pose])[0, 0]))
    assert len(found) == 160
    assert np.median(found) == pytest.approx(0.950, abs=0.001)
    assert np.percentile(found, 5) == pytest.approx(0.867, abs=0.005)
    assert min(found) == pytest.approx(0.744, abs=0.005)


@needs_data
def test_genuine_pair(tmp_path):
    (sample,) = read(DATA / "300W_LP")
    euler = euler_from_rotation(sample.heads[0].rotation)
    np.testing.assert_allclose([euler.pitch, euler.yaw, euler.roll], [-7.584, -44.009, 3.208], atol=1e-3)
    # Turn 0 is the photograph itself, so its pt2d is good and another way to the box.
    by_points = head_box_from_flat_points(sample.heads[0].landmarks["pt2d"])
    assert overlap([by_points], [sample.heads[0].box])[0, 0] > 0.75
    shutil.copytree(DATA / "300W_LP" / "IBUG", tmp_path / "IBUG")
    (tmp_path / "IBUG" / "IBUG_image_009_1_0.mat").write_bytes(
        (tmp_path / "IBUG" / f"{PAIR}.mat").read_bytes()[:900]
    )
    assert [type(entry) for entry in read(tmp_path)] == [Sample, LeftOut]
