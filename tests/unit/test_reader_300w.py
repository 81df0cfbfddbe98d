import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facing.datasets.head_box import head_box_from_flat_points, head_points
from facing.datasets.sample import LeftOut, load_reader

SHARED = Path(__file__).parents[2].parent / "shared"
GENUINE = SHARED / "data" / "300W_pts"
READER = load_reader("300w")

needs_data = pytest.mark.skipif(not GENUINE.is_dir(), reason="needs the 300-W file beside the repository")


def write_face(folder, name, *, count=68):
    """A frontal face of 10 px per cm about (200, 150), counted from 1 as the set counts."""
    points = (head_points().landmarks[:, :2] * [10, -10] + [200, 150] + 0.5)[:count]
    lines = "\n".join(f"{x:.6f} {y:.6f}" for x, y in points)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.pts").write_text(f"version: 1\nn_points:  {count}\n{{\n{lines}\n}}\n")
    Image.new("RGB", (400, 300)).save(folder / f"{name}.png")
    return points


def test_points_are_kept_and_the_box_counts_from_0(tmp_path):
    points = write_face(tmp_path / "01_Indoor", "indoor_001")
    (sample,) = READER.samples(tmp_path)
    assert sample.key == "01_Indoor/indoor_001"
    assert sample.source == "indoor_001"
    np.testing.assert_allclose(sample.heads[0].landmarks["68"], points, atol=1e-6)
    np.testing.assert_allclose(sample.heads[0].box, head_box_from_flat_points(points - 0.5), atol=1e-4)
    assert sample.heads[0].rotation is None


def test_faces_of_one_photograph_share_their_source(tmp_path):
    for name in ("134212_1", "134212_2", "134212_1_mirror", "image_0010", "outdoor_012"):
        write_face(tmp_path, name)
    sources = {sample.key: sample.source for sample in READER.samples(tmp_path)}
    assert sources == {
        "134212_1": "134212",
        "134212_2": "134212",
        "134212_1_mirror": "134212",
        "image_0010": "image_0010",
        "outdoor_012": "outdoor_012",
    }


@pytest.mark.parametrize(
    "text", ["", "version: 1\nn_points: 68\n{\n1 2\n}\n", "version: 1\nn_points: 1\n{\n1\n}"]
)
def test_broken_file_is_left_out(tmp_path, text):
    write_face(tmp_path, "a")
    write_face(tmp_path, "b")
    (tmp_path / "a.pts").write_text(text)
    left, sample = READER.samples(tmp_path)
    assert left == LeftOut("a", "label cannot be read")
    assert sample.key == "b"


def test_other_counts_and_missing_pictures_are_left_out(tmp_path):
    write_face(tmp_path, "a", count=51)
    write_face(tmp_path, "b")
    (tmp_path / "b.png").unlink()
    assert list(READER.samples(tmp_path)) == [
        LeftOut("a", "label cannot be read"),
        LeftOut("b", "picture is missing"),
    ]


@needs_data
def test_genuine_file(tmp_path):
    shutil.copytree(GENUINE, tmp_path / "set")
    (sample,) = READER.samples(tmp_path / "set")
    points = sample.heads[0].landmarks["68"]
    np.testing.assert_allclose(points[0], [611.284152, 272.773913])
    # The labelled chin is at row 505.
    np.testing.assert_allclose(sample.heads[0].box, [604, 30, 978, 518], atol=2)
