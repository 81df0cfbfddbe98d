import numpy as np
import pytest

from facing.datasets.sample import LeftOut, load_reader
from facing.errors import DataError
from facing.geometry.rotation import euler_from_rotation
from written_sets import write_afw

READER = load_reader("afw")


def test_faces_of_one_photograph_are_one_sample(tmp_path):
    first, second = READER.samples(write_afw(tmp_path))
    assert (first.key, second.key) == ("1051618982", "111076519")
    assert first.picture == tmp_path / "1051618982.jpg"
    angles = [tuple(euler_from_rotation(head.rotation)) for head in first.heads]
    np.testing.assert_allclose(angles, [(30, -5, 2.5), (-15, 0, 0)], atol=1e-9)


def test_head_box_surrounds_the_face_box(tmp_path):
    first, _ = READER.samples(write_afw(tmp_path))
    x0, y0, x1, y1 = first.heads[1].box
    assert x0 < 300
    assert x1 > 360
    assert y0 < 130 - 20  # the crown is a third of the face above the brows
    assert y1 == pytest.approx(190, abs=10)


@pytest.mark.parametrize("line", ["", "name 1 2", "name a b c 1 2 3 4", "name 0 0 0 50 50 50 60"])
def test_broken_face_is_left_out_by_name(tmp_path, line):
    write_afw(tmp_path)
    (tmp_path / "1051618982_2.txt").write_text(line)
    left, sample, other = READER.samples(tmp_path)
    assert left == LeftOut("1051618982_2", "label cannot be read")
    assert (len(sample.heads), len(other.heads)) == (1, 1)


def test_list_file(tmp_path):
    write_afw(tmp_path)
    (tmp_path / "list.txt").write_text("111076519_1\n")
    (sample,) = READER.samples(tmp_path / "list.txt")
    assert sample.key == "111076519"


def test_other_folder_is_refused(tmp_path):
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(DataError, match=r"holds photo\.jpg"):
        list(READER.samples(tmp_path))
