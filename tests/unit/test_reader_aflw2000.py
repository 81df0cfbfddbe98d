from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat

from facing.datasets.convert import ConvertJob, convert
from facing.datasets.sample import load_reader

SHARED = Path(__file__).parents[2].parent / "shared"
AFLW2000 = SHARED / "data" / "AFLW2000"
READER = load_reader("aflw2000")

pytestmark = pytest.mark.skipif(not AFLW2000.is_dir(), reason="needs AFLW2000 pairs beside the repository")


def samples(path):
    return [entry for entry in READER.samples(path) if not hasattr(entry, "reason")]


def write_list(out, *, count, **settings):
    job = ConvertJob(name="aflw2000", reader=READER, path=AFLW2000, out=out, **settings)
    assert convert(job, form="list").written == count
    return out / "list.txt"


def test_landmarks_are_those_of_the_file_with_invisible_ones_kept():
    invisible = 0
    for sample in samples(AFLW2000):
        label = loadmat(AFLW2000 / f"{sample.key}.mat")
        marks = sample.heads[0].landmarks
        np.testing.assert_array_equal(marks["pt3d_68"], label["pt3d_68"].T)
        np.testing.assert_array_equal(marks["pt2d"], label["pt2d"].T)
        assert marks["pt2d"].shape in {(21, 2), (23, 2)}
        invisible += bool((marks["pt2d"] == -1).any())
    assert invisible > 100


def test_written_list_elsewhere_is_read_back(tmp_path):
    out = write_list(tmp_path / "lists", count=160)
    lines = out.read_text().splitlines()
    assert lines[0].startswith("# root: ")
    assert [sample.key for sample in samples(out)] == lines[1:]
    assert samples(out)[0].picture.resolve() == (AFLW2000 / f"{lines[1]}.jpg").resolve()


def test_smaller_limit_writes_fewer_names(tmp_path):
    angles = [np.degrees(loadmat(path)["Pose_Para"][0, :3]) for path in AFLW2000.glob("*.mat")]
    count = sum(np.abs(triple).max() <= 30 for triple in angles)
    assert 50 < count < 107
    write_list(tmp_path / "frontal", count=count, max_angle=30)
