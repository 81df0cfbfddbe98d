from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facing.datasets.sample import LeftOut, Sample, load_reader, reader_names
from facing.errors import DataError, UnknownNameError
from facing.geometry.rotation import euler_from_rotation, rotation_from_euler
from facing.shards import ShardSample, encode, write_shard
from written_sets import WRITTEN

SHARED = Path(__file__).parents[2].parent / "shared"
DATA = SHARED / "data"
# name -> folder, samples, heads, left out by reason: counted in the folders themselves
GENUINE = {
    "aflw2000": ("AFLW2000", 160, 160, {"an angle over 99 degrees": 4}),
    "aflw-crops": ("AFLW_crops", 300, 300, {}),
    "pointing04": ("Pointing04", 546, 546, {"tilt over 60 degrees": 12}),
    "drivface": ("DrivFace", 104, 104, {}),
    "cmu-faces": ("CMU_faces", 102, 102, {}),
    "scut-head": ("SCUT_HEAD", 50, 1137, {}),
    "dlib-faces": ("dlib_faces", 5, 25, {}),
    "300w-lp": ("300W_LP", 1, 1, {}),
    "biwi": ("BIWI", 4, 4, {}),
    "300w": ("300W_pts", 1, 1, {}),
}


@pytest.fixture(params=reader_names())
def name(request):
    return request.param


@pytest.fixture
def folder(name, tmp_path):
    if name == "shards":
        head = {
            "schema": 1,
            "rotation": rotation_from_euler(yaw=30, pitch=5, roll=-4).tolist(),
            "box": [-2, 3, 50, 60],
        }
        pixels = encode(np.full((64, 64, 4), 200, np.uint8))
        write_shard(
            tmp_path / "heads-000.tar", [ShardSample("000", pixels, head), ShardSample("001", pixels, head)]
        )
        return tmp_path
    if name in WRITTEN:
        return WRITTEN[name](tmp_path)
    assert name in GENUINE, f"say in tests/written_sets.py what {name} looks like"
    if not DATA.is_dir():
        pytest.skip("needs the labelled pictures beside the repository")
    return DATA / GENUINE[name][0]


def read(name, folder):
    entries = list(load_reader(name).samples(folder))
    return [x for x in entries if isinstance(x, Sample)], [x for x in entries if isinstance(x, LeftOut)]


def test_terms_and_rules_are_stated(name):
    reader = load_reader(name)
    assert reader.may_train_shipped_weights is (name == "shards")
    for text in (reader.title, reader.licence, reader.box_rule, reader.convention):
        assert len(text) > 5


def test_counts_and_unique_keys(name, folder):
    samples, left_out = read(name, folder)
    if name not in GENUINE:
        assert len(samples) == 2
        assert left_out == []
    else:
        _, pictures, heads, reasons = GENUINE[name]
        assert (len(samples), sum(len(s.heads) for s in samples)) == (pictures, heads)
        assert Counter(item.reason for item in left_out) == reasons
    assert len({sample.key for sample in samples}) == len(samples)


def test_order_is_fixed(name, folder):
    first, second = (read(name, folder)[0] for _ in range(2))
    assert [sample.key for sample in first] == [sample.key for sample in second]


def test_every_picture_is_there_and_every_box_meets_it(name, folder):
    for sample in read(name, folder)[0]:
        if isinstance(sample.picture, Path):
            with Image.open(sample.picture) as picture:
                width, height = picture.size
        else:
            height, width = sample.picture.pixels().shape[:2]
        for head in sample.heads:
            if head.box is None:  # the whole picture
                continue
            x0, y0, x1, y1 = head.box
            assert x1 > x0
            assert y1 > y0
            # The centre of a labelled head is in its picture, and no head is three pictures large.
            assert 0 <= (x0 + x1) / 2 <= width
            assert 0 <= (y0 + y1) / 2 <= height
            assert x1 - x0 < 3 * width
            assert y1 - y0 < 3 * height


def test_rotations_are_proper_and_unstated_angles_are_zero(name, folder):
    reader = load_reader(name)
    for sample in read(name, folder)[0]:
        for head in sample.heads:
            assert tuple(head.known) == tuple(reader.known)
            assert (head.rotation is None) == (not head.known)
            assert (head.label is None) == (not reader.classes)
            if head.rotation is None:
                continue
            np.testing.assert_allclose(head.rotation @ head.rotation.T, np.eye(3), atol=1e-9)
            assert np.linalg.det(head.rotation) > 0
            angles = euler_from_rotation(head.rotation)._asdict()
            for angle in {"yaw", "pitch", "roll"} - set(head.known):
                assert abs(angles[angle]) < 1e-6


def test_folder_without_the_set_is_refused(name, tmp_path):
    with pytest.raises(DataError, match=str(tmp_path)):
        list(load_reader(name).samples(tmp_path / "nothing"))


def test_folder_of_something_else_is_refused(name, tmp_path):
    (tmp_path / "holiday.gif").write_bytes(b"GIF89a")
    with pytest.raises(DataError, match=str(tmp_path)):
        list(load_reader(name).samples(tmp_path))


def test_dash_and_underscore_are_one():
    assert load_reader("aflw-crops") is load_reader("aflw_crops")
    assert "aflw-crops" in reader_names()
    with pytest.raises(UnknownNameError, match="aflw2000"):
        load_reader("aflw2001")


def test_broken_label_is_left_out_and_named(tmp_path):
    (tmp_path / "image00001.mat").write_bytes(b"no matlab file at all")
    samples, left_out = read("aflw2000", tmp_path)
    assert samples == []
    assert left_out == [LeftOut("image00001", "label cannot be read")]


needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs the labelled pictures beside the repository")


@needs_data
@pytest.mark.parametrize(
    ("name", "sources"),
    [
        ("pointing04", {f"person{number:02d}" for number in (1, 3, 6, 8, 11, 14)}),
        ("drivface", {"driver 1", "driver 3"}),
        ("biwi", {"01"}),
        ("300w-lp", {"IBUG_image_008"}),
        ("300w", {"image_0010"}),
    ],
)
def test_source_is_what_pictures_share(name, sources):
    assert {sample.source for sample in read(name, DATA / GENUINE[name][0])[0]} == sources


@needs_data
def test_cmu_faces_have_twelve_persons_and_aflw_pictures_stand_alone():
    persons = {sample.source for sample in read("cmu-faces", DATA / "CMU_faces")[0]}
    assert persons == {path.name for path in (DATA / "CMU_faces").iterdir()}
    crops = {sample.source for sample in read("aflw-crops", DATA / "AFLW_crops")[0]}
    photographs = {sample.source for sample in read("aflw2000", DATA / "AFLW2000")[0]}
    assert (len(crops), len(photographs)) == (300, 160)
    assert not crops & photographs


@needs_data
@pytest.mark.parametrize(
    ("name", "marks", "shape"),
    [
        ("drivface", "5", (5, 2)),
        ("dlib-faces", "68", (68, 2)),
        ("300w-lp", "pt2d", (68, 2)),
        ("300w", "68", (68, 2)),
    ],
)
def test_stored_landmarks_lie_in_the_head_box(name, marks, shape):
    for sample in read(name, DATA / GENUINE[name][0])[0]:
        for head in sample.heads:
            points = head.landmarks[marks]
            assert points.shape == shape
            x0, y0, x1, y1 = head.box
            width, height = x1 - x0, y1 - y0
            # A quarter of the box beyond it: a jaw that hangs, a nose in profile.
            assert (points > [x0 - width / 4, y0 - height / 4]).all()
            assert (points < [x1 + width / 4, y1 + height / 4]).all()


@needs_data
def test_signs_of_one_known_picture_per_set():
    """Sides as seen in the pictures: yaw > 0 and label left are the left edge of the picture."""
    angles = {}
    for name, key in (
        ("300w-lp", "IBUG/IBUG_image_008_1_0"),
        ("pointing04", "person01152+0+90"),
        ("drivface", "20130530_03_Driv_041_lr"),
        ("aflw-crops", "image04417.jpg"),
    ):
        (sample,) = (s for s in read(name, DATA / GENUINE[name][0])[0] if s.key == key)
        angles[name] = float(euler_from_rotation(sample.heads[0].rotation).yaw)
    assert angles["pointing04"] == pytest.approx(90)
    assert angles["drivface"] > 0
    assert 72 < angles["aflw-crops"] < 74
    assert angles["300w-lp"] == pytest.approx(-44.0, abs=0.01)
    labels = {s.key: s.heads[0].label for s in read("cmu-faces", DATA / "CMU_faces")[0]}
    assert labels["an2i_left_neutral_open"] == "right"
    assert labels["an2i_up_neutral_open"] == "front"
