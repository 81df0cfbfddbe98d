"""Every reader on a set whose second label holds a number that is none: it is left out, the first is read."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from facing.datasets.head_box import head_points
from facing.datasets.sample import LeftOut, Sample, load_reader, reader_names
from facing.shards import ShardSample, encode, write_shard
from written_sets import write_afw, write_csv, write_dad3dheads, write_quat_folder

NAN = float("nan")
POINTS = head_points().landmarks * (1, -1, 1) + (50, 50, 0)  # 68 points in pixels, y down
DRIVFACE = "fileName,subject,ang,xF,yF,wF,hF,xRE,yRE,xLE,yLE,xN,yN,xRM,yRM,xLM,yLM"


def write_mats(folder, **label):
    """Write a good .mat and one whose second angle is no number."""
    folder.mkdir(exist_ok=True)
    pose = np.array([[0.1, 0.2, 0.3, 60.0, 60.0, 0.0, 1e-3]])
    for name in ("a_1", "b_1"):
        savemat(folder / f"{name}.mat", {"Pose_Para": pose, **label})
        pose[0, 1] = NAN


def aflw2000(folder):
    write_mats(folder, pt3d_68=POINTS.T)


def lp(folder):
    write_mats(folder / "AFW")


def aflw_crops(folder):
    (folder / "pose.csv").write_text("image,yaw_deg,pitch_deg,roll_deg\na.jpg,1,2,3\nb.jpg,1,nan,3\n")


def afw(folder):
    write_afw(folder)
    (folder / "111076519_1.txt").write_text("111076519_1 0.0 nan -3.0 50.5 60.5 130.0 150.0\n")


def biwi(folder):
    (folder / "01").mkdir()
    for name, first in (("a", 1), ("b", NAN)):
        number = "00003" if name == "a" else "00004"
        (folder / "01" / f"frame_{number}_rgb.png").touch()
        pose = f"{first} 0 0\n0 1 0\n0 0 1\n\n0 0 1000\n"
        (folder / "01" / f"frame_{number}_pose.txt").write_text(pose)


def csv(folder):
    write_csv(folder)
    (folder / "heads.csv").write_text("picture,yaw\na.png,5\nb.png,nan\n")


def dad3dheads(folder):
    write_dad3dheads(folder)
    path = folder / "train" / "annotations" / "b2.json"
    label = json.loads(path.read_text())
    label["model_view_matrix"][0][0] = NAN
    path.write_text(json.dumps(label))


def dlib_faces(folder):
    images = []
    for name, last in (("a", POINTS[-1, 0]), ("b", NAN)):
        marks = POINTS[:, :2].copy()
        marks[-1, 0] = last
        parts = "".join(f'<part name="{i:02d}" x="{x}" y="{y}"/>' for i, (x, y) in enumerate(marks))
        images.append(f'<image file="{name}.jpg"><box>{parts}</box></image>')
    (folder / "testing_with_face_landmarks.xml").write_text(f"<images>{''.join(images)}</images>")


def drivface(folder):
    rows = [f"{name},1,{angle},10,10,20,20{',1' * 10}" for name, angle in (("a", 15), ("b", "nan"))]
    (folder / "drivPoints.txt").write_text("\n".join([DRIVFACE, *rows]) + "\n")


def pointing04(folder):
    for name, x in (("personne01100+0+0", 50), ("personne01101+0+15", "nan")):
        Image.new("RGB", (100, 100)).save(folder / f"{name}.jpg")
        (folder / f"{name}.txt").write_text(f"{name}\nFace\n{x}\n50\n40\n40\n")


def quat_folder(folder):
    write_quat_folder(folder)
    (folder / "info" / "b.txt").write_text("0 nan 0 1\n")


def scut_head(folder):
    (folder / "Annotations").mkdir()
    for name, x in (("a", 1), ("b", "nan")):
        box = f"<xmin>{x}</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax>"
        (folder / "Annotations" / f"{name}.xml").write_text(
            f"<annotation><bndbox>{box}</bndbox></annotation>"
        )


def shards(folder):
    turns = [np.eye(3), np.diag([NAN, 1, 1])]
    labels = [{"schema": 1, "rotation": turn.tolist(), "box": [0, 0, 8, 8]} for turn in turns]
    pixels = encode(np.zeros((8, 8, 3), np.uint8))
    entries = [ShardSample(str(number), pixels, label) for number, label in enumerate(labels)]
    write_shard(folder / "heads-000.tar", entries)


def pts(folder):
    for name, last in (("a", POINTS[-1, 0]), ("b", NAN)):
        marks = POINTS[:, :2].copy()
        marks[-1, 0] = last
        lines = "\n".join(f"{x} {y}" for x, y in marks)
        (folder / f"{name}.pts").write_text(f"version: 1\nn_points: 68\n{{\n{lines}\n}}\n")
        (folder / f"{name}.png").touch()


BROKEN = {
    "300w": pts,
    "300w-lp": lp,
    "aflw-crops": aflw_crops,
    "aflw2000": aflw2000,
    "afw": afw,
    "biwi": biwi,
    "csv": csv,
    "dad3dheads": dad3dheads,
    "dlib-faces": dlib_faces,
    "drivface": drivface,
    "pointing04": pointing04,
    "quat-folder": quat_folder,
    "scut-head": scut_head,
    "shards": shards,
}
NO_NUMBERS = {"class-folder", "cmu-faces"}
"""Their labels are words."""


@pytest.mark.parametrize("name", reader_names())
def test_a_label_that_is_no_number_is_left_out(name, tmp_path):
    if name in NO_NUMBERS:
        return
    assert name in BROKEN, f"say here what a label of {name} with a NaN in it looks like"
    BROKEN[name](tmp_path)
    first, second = load_reader(name).samples(tmp_path)
    assert isinstance(first, Sample)
    assert isinstance(second, LeftOut)
    for head in first.heads:
        for numbers in (head.box, head.rotation):
            assert numbers is None or np.isfinite(numbers).all()
