"""The readers of the four folders and of tables, on files written by hand."""

from collections import Counter

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from facing.datasets.sample import LeftOut, Sample, load_reader
from facing.errors import DataError
from facing.geometry.rotation import euler_from_rotation

QUARTER = np.sqrt(0.5)


def read(name, path):
    entries = list(load_reader(name).samples(path))
    return [x for x in entries if isinstance(x, Sample)], [x for x in entries if isinstance(x, LeftOut)]


@pytest.fixture
def folders(tmp_path):
    for part in ("bg_imgs", "bbox", "info", "angles"):
        (tmp_path / part).mkdir()
    return tmp_path


def put(folder, name, *, box="10 20 50 70", info=None, angles="0 0 0", picture=True):
    if picture:
        Image.new("RGB", (100, 80)).save(folder / "bg_imgs" / f"{name}.jpg")
    for part, line in (("bbox", box), ("info", info or "0 0 0 1"), ("angles", angles)):
        if line != "none":
            (folder / part / f"{name}.txt").write_text(f"{line}\n")


def test_a_quaternion_of_the_system_by_hand(folders):
    # A quarter turn to the image left: S M S turns the front (0, 0, 1) to (1, 0, 0) in the mirrored frame,
    # which is a turn by +90 degrees about y. The label says yaw +90 in radians.
    put(folders, "left", info=f"0 {QUARTER} 0 {QUARTER}", angles=f"0 {np.pi / 2} 0")
    (sample,), left_out = read("quat-folder", folders)
    assert left_out == []
    assert euler_from_rotation(sample.heads[0].rotation).yaw == pytest.approx(90)
    np.testing.assert_allclose(sample.heads[0].rotation[:, 2], [-1, 0, 0], atol=1e-12)
    assert sample.heads[0].box == (10, 20, 50, 70)


def test_missing_partners_and_broken_labels_are_left_out(folders):
    put(folders, "good")
    put(folders, "nobox", box="none")
    put(folders, "nothing", box="none", info="none", angles="none")
    put(folders, "alone", picture=False)
    put(folders, "words", box="10 20 50")
    put(folders, "flat", box="50 20 10 70")
    put(folders, "long", info="0 0 0 2")
    put(folders, "nan", info="0 0 nan 1")
    put(folders, "degrees", info=f"0 {QUARTER} 0 {QUARTER}", angles="0 90 0")
    samples, left_out = read("quat-folder", folders)
    assert [sample.key for sample in samples] == ["good"]
    assert {entry.key: entry.reason for entry in left_out} == {
        "nobox": "no file in bbox",
        "nothing": "no file in bbox, info, angles",
        "alone": "no file in bg_imgs",
        "words": "label cannot be read",
        "flat": "box has no area",
        "long": "quaternion is not of length 1",
        "nan": "label cannot be read",
        "degrees": "angles and quaternion disagree",
    }


def test_the_folder_of_angles_may_be_missing_but_not_the_others(folders):
    put(folders, "a")
    (folders / "angles" / "a.txt").unlink()
    (folders / "angles").rmdir()
    assert len(read("quat-folder", folders)[0]) == 1
    (folders / "info" / "a.txt").unlink()
    with pytest.raises(DataError, match="info"):
        read("quat-folder", folders)


def table(folder, text, *, name="t.csv"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_any_columns_of_a_table(tmp_path):
    path = table(
        tmp_path,
        "picture, yaw ,pitch,roll,x0,y0,x1,y1,label,source\n"
        "a.jpg,30,,,1,2,3,4,,p1\n"
        "sub/b.jpg,,,,,,,,back,\n"
        "a.jpg,-10,5,2,5,6,7,9,side,p1\n"
        "\n",
    )
    samples, left_out = read("csv", path)
    assert left_out == []
    first, second = samples
    assert [sample.key for sample in samples] == ["a.jpg", "sub/b.jpg"]
    assert second.picture == tmp_path / "sub" / "b.jpg"
    assert (first.source, second.source) == ("p1", None)
    assert [head.known for head in first.heads] == [("yaw",), ("yaw", "pitch", "roll")]
    assert [head.box for head in first.heads] == [(1, 2, 3, 4), (5, 6, 7, 9)]
    assert [head.label for head in (*first.heads, *second.heads)] == [None, "side", "back"]
    assert (second.heads[0].box, second.heads[0].rotation) == (None, None)
    angles = euler_from_rotation(first.heads[1].rotation)
    assert (angles.yaw, angles.pitch, angles.roll) == pytest.approx((-10, 5, 2))


@pytest.mark.parametrize("first", [0, 1])
def test_quaternions_and_matrices(tmp_path, first):
    turn = Rotation.from_rotvec([0.3, -0.5, 0.2])
    names = ",".join(f"r{first + i}{first + j}" for i in range(3) for j in range(3))
    cells = ",".join(f"{value:.6f}" for value in turn.as_matrix().ravel())
    path = table(tmp_path, f"file,{names}\na.jpg,{cells}\n")
    ((sample,), _) = read("csv", path)
    np.testing.assert_allclose(sample.heads[0].rotation, turn.as_matrix(), atol=2e-6)
    cells = ",".join(f"{value:.8f}" for value in turn.as_quat())
    path = table(tmp_path, f"picture,qx,qy,qz,qw\na.jpg,{cells}\n")
    ((sample,), _) = read("csv", path)
    np.testing.assert_allclose(sample.heads[0].rotation, turn.as_matrix(), atol=1e-7)


def test_what_estimate_prints_can_be_read(tmp_path):
    """Labels of a model: the table that `facing estimate --format csv` writes."""
    from facing.output.record import PictureRecord
    from facing.output.writers.csv import WRITER
    from facing.pose import HeadPose

    rotation = Rotation.from_euler("XYZ", [10, -40, 5], degrees=True).as_matrix()
    pose = HeadPose(box=(1, 2, 30, 40), score=0.5, rotation=rotation)
    with WRITER(tmp_path / "t.csv") as add:
        add(PictureRecord(file="a.jpg", width=50, height=50, heads=(pose,)))
        add(PictureRecord(file="empty.jpg", width=50, height=50, heads=()))
    samples, _ = read("csv", tmp_path)
    assert [len(sample.heads) for sample in samples] == [1, 0]
    np.testing.assert_allclose(samples[0].heads[0].rotation, rotation, atol=2e-6)
    assert samples[0].heads[0].box == (1, 2, 30, 40)


def test_broken_rows_are_left_out(tmp_path):
    lines = ["ok.jpg,1,2,3,4,5", "word.jpg,1,2,3,4,five", "inf.jpg,1,2,3,4,inf", "part.jpg,1,2,3,,5"]
    path = table(tmp_path, "picture,x0,y0,x1,y1,yaw\n" + "\n".join([*lines, "flat.jpg,3,2,1,4,5"]) + "\n")
    samples, left_out = read("csv", path)
    assert [sample.key for sample in samples] == ["ok.jpg"]
    assert Counter(entry.reason for entry in left_out) == Counter(
        {"yaw is no number": 2, "x0, y0, x1, y1 are not all numbers": 1, "box has no area": 1}
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image,yaw\na.jpg,3\n", "no column picture; found: image, yaw"),
        ("picture,x0,y0\na.jpg,3,4\n", "no column x1, y1; found: picture, x0, y0"),
        ("picture,qx,qw\na.jpg,3,4\n", "no column qy, qz"),
        ("picture,r00,r01\na.jpg,3,4\n", "no column r02, r10"),
        ("", "is empty"),
    ],
)
def test_missing_columns_are_named_with_what_was_found(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        read("csv", table(tmp_path, text))


def test_what_a_killed_run_left_is_no_data(folders):
    put(folders, "good")
    for part, ending in (("bg_imgs", "jpg"), ("bbox", "txt"), ("info", "txt")):
        (folders / part / f".4711.part.{ending}").touch()
    samples, left_out = read("quat-folder", folders)
    assert [sample.key for sample in samples] == ["good"]
    assert left_out == []
    (folders / "heads.csv").write_text("picture,yaw\na.png,3\n")
    (folders / ".4711.part.csv").write_text("picture,ya")
    (sample,), _ = read("csv", folders)
    assert sample.key == "a.png"


def test_a_folder_with_two_tables_or_none_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"holds 0 \.csv"):
        read("csv", tmp_path)
    table(tmp_path, "picture\na.jpg\n")
    assert len(read("csv", tmp_path)[0]) == 1
    table(tmp_path, "picture\na.jpg\n", name="u.csv")
    with pytest.raises(DataError, match=r"holds 2 \.csv"):
        read("csv", tmp_path)
    with pytest.raises(DataError, match=r"gone\.csv"):
        read("csv", tmp_path / "gone.csv")
