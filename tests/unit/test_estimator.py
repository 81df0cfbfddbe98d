import numpy as np
import pytest
from PIL import Image

from facing.errors import BoxError, ModelError, PictureError, UnknownNameError
from facing.geometry.rotation import rotation_from_euler
from facing.pose import ANGLES
from facing.runtime.calibration import Calibration
from facing.runtime.detections import Detections
from facing.runtime.estimator import PoseEstimator
from tiny_models import pose_card, write_heads, write_pose

# The tiny network reads sin(yaw) off red and the spread off green.
YAW = np.degrees(np.arcsin(153 / 255))


class FixedDetector:
    """Finds what it was told to find."""

    def __init__(self, boxes):
        self.boxes = np.array(boxes, np.float32).reshape(-1, 4)

    def detect(self, picture):
        assert picture.dtype == np.uint8
        return Detections(self.boxes, np.linspace(0.9, 0.5, len(self.boxes)).astype(np.float32))


@pytest.fixture
def make(tmp_path):
    def make(*outputs, detector=None, calibration=None, **options):
        card = pose_card(*outputs, calibration=calibration)
        return PoseEstimator(write_pose(tmp_path / "p.onnx", card=card), detector, threads=1, **options)

    return make


def scene():
    """Black, with two heads: red 153 green 51 at the left, green 204 at the right and larger."""
    picture = np.zeros((120, 200, 3), np.uint8)
    picture[20:80, 10:70] = (153, 51, 0)
    picture[10:110, 90:190] = (0, 204, 0)
    return picture


LEFT, RIGHT = [10.0, 20.0, 70.0, 80.0], [90.0, 10.0, 190.0, 110.0]


def test_a_found_head_is_read(make):
    (head,) = make(detector=FixedDetector([LEFT]))(scene())
    assert head.box == tuple(LEFT)
    assert head.score == pytest.approx(0.9)
    assert head.yaw == pytest.approx(YAW, abs=0.7)  # the crop's border pixels mix with what lies around
    assert head.pitch == pytest.approx(0, abs=1e-4)
    assert head.roll == pytest.approx(0, abs=1e-4)
    assert head.spread == pytest.approx(0.2, abs=0.01)
    assert head.error_deg == pytest.approx(np.degrees(0.2), abs=0.5)
    assert head.known == ANGLES
    np.testing.assert_allclose(head.rotation @ head.rotation.T, np.eye(3), atol=1e-12)


def test_found_heads_come_largest_first_then_left_to_right(make):
    same = [130.0, 20.0, 190.0, 80.0]
    heads = make(detector=FixedDetector([same, LEFT, RIGHT]))(scene())
    assert [head.box for head in heads] == [tuple(RIGHT), tuple(LEFT), tuple(same)]
    assert [round(head.score, 2) for head in heads] == [0.5, 0.7, 0.9]


def test_given_boxes_keep_their_order_and_need_no_detector(make):
    heads = make()(scene(), boxes=[LEFT, RIGHT])
    assert [head.box for head in heads] == [tuple(LEFT), tuple(RIGHT)]
    assert [head.score for head in heads] == [1, 1]
    assert heads[0].yaw == pytest.approx(YAW, abs=0.7)
    assert heads[1].yaw == pytest.approx(0, abs=0.7)
    assert make()(scene(), boxes=[]) == []
    assert make()(scene(), boxes=np.zeros((0, 4))) == []


def test_no_head_gives_an_empty_list(make):
    assert make(detector=FixedDetector([]))(scene()) == []


def test_the_whole_chain_from_a_file(make, tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(scene()).save(path)
    detector = write_heads(tmp_path / "h.onnx", long_side=200)
    for source in (path, str(path), path.read_bytes(), scene()):
        (head,) = make(detector=detector)(source)
        np.testing.assert_allclose(head.box, LEFT, atol=1)  # only the left head is red
        assert head.yaw == pytest.approx(YAW, abs=0.7)


def test_a_batch_equals_single_calls(make):
    pictures = [scene(), scene()[:, ::-1], scene()[:90]]
    boxes = [[LEFT, RIGHT], [], [LEFT]]
    single = [make()(picture, boxes=own) for picture, own in zip(pictures, boxes, strict=True)]
    for size in (1, 2, 64):
        assert make(batch_size=size).batch(iter(pictures), boxes=boxes) == single
    assert make().batch([]) == []
    detector = FixedDetector([LEFT])
    assert make(detector=detector).batch(pictures) == [
        make(detector=detector)(picture) for picture in pictures
    ]
    with pytest.raises(BoxError, match="boxes end at picture 1; give one entry per picture"):
        make().batch(pictures, boxes=[[LEFT]])


def test_calibration_and_abstention(make):
    table = Calibration(spread_rad=(0.0, 1.0), error_deg=(0.0, 50.0))
    heads = make(calibration=table)(scene(), boxes=[LEFT, RIGHT])
    np.testing.assert_allclose([head.error_deg for head in heads], [10, 40], atol=1)
    sure = make(calibration=table, max_error_deg=20)(scene(), boxes=[LEFT, RIGHT])
    assert [head.box for head in sure] == [tuple(LEFT)]
    with pytest.raises(ModelError, match="states no error; leave max_error_deg out"):
        make("rotation", max_error_deg=20)
    with pytest.raises(ModelError, match="max_error_deg is 0"):
        make(max_error_deg=0)


def test_a_model_of_directions_knows_no_roll(make):
    (head,) = make("front")(scene(), boxes=[LEFT])
    assert head.known == {"yaw", "pitch"}
    assert head.roll is None
    assert head.error_deg is None
    assert head.yaw == pytest.approx(YAW, abs=0.7)
    assert np.linalg.det(head.rotation) == pytest.approx(1)


def test_orientation_is_passed_on(make):
    (head,) = make("rotation", "orientation")(scene(), boxes=[LEFT])
    np.testing.assert_allclose(head.orientation, [0.8, 0.6, 0], atol=0.01)
    with pytest.raises(ModelError, match="tells no direction"):
        make("orientation")


def test_focal_length_turns_the_pose_into_the_camera(make):
    # The head's middle lies 50 px right of the picture's: seen at 45 degrees with a focal length of 50 px.
    picture, box = scene(), [[140.0, 50.0, 160.0, 70.0]]
    picture[:] = 0
    (plain,) = make()(picture, boxes=box)
    (turned,) = make()(picture, boxes=box, focal_px=50.0)
    assert plain.yaw == pytest.approx(0, abs=1e-4)
    # It looks back along the ray to the camera, so towards the left edge: yaw 45.
    np.testing.assert_allclose(turned.rotation, rotation_from_euler(yaw=45, pitch=0, roll=0), atol=1e-6)


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([1, 2, 3, 4], r"give \(K, 4\)"),
        ([[300, 0, 310, 9]], "misses the 200 x 120 picture"),
        ("box", "are no numbers"),
    ],
)
def test_wrong_boxes_are_named(make, boxes, message):
    with pytest.raises(BoxError, match=message):
        make()(scene(), boxes=boxes)


def test_wrong_use_is_named(make, tmp_path):
    with pytest.raises(ModelError, match="has no detector; give boxes"):
        make()(scene())
    with pytest.raises(PictureError, match=r"absent.jpg does not exist"):
        make()(tmp_path / "absent.jpg", boxes=[LEFT])
    with pytest.raises(ModelError, match="batch_size is 0"):
        make(batch_size=0)
    with pytest.raises(UnknownNameError, match="no model is called 'tinny'"):
        PoseEstimator("tinny")
    with pytest.raises(UnknownNameError, match="no detector is called 'eyes'"):
        make(detector="eyes")
