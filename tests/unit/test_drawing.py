import numpy as np
import pytest

from facing.errors import UnknownNameError
from facing.geometry.rotation import rotation_from_euler
from facing.output.drawing import AMBER, BLUE, GREEN, RED, STYLES, draw
from facing.output.labels import label_lines
from facing.pose import HeadPose

BOX = (100.0, 80.0, 180.0, 180.0)
CENTRE = np.array([140.0, 130.0])
SIDE = 100.0


def head(*, yaw=0.0, pitch=0.0, roll=0.0, box=BOX, **fields):
    rotation = rotation_from_euler(yaw=yaw, pitch=pitch, roll=roll)
    return HeadPose(box=box, score=0.9, rotation=rotation, **fields)


@pytest.fixture
def picture():
    return np.full((260, 280, 3), 90, np.uint8)


def tip_of(drawn, ink):
    """Where the pixels nearest to a colour lie, relative to the head, in its sides, y up."""
    near = np.abs(drawn.astype(int) - ink).sum(axis=-1) < 90
    y, x = np.nonzero(near)
    offsets = (np.stack([x, y], axis=1) + 0.5 - CENTRE) / SIDE * [1, -1]
    return offsets[np.argmax(np.linalg.norm(offsets, axis=1))]


@pytest.mark.parametrize("angles", [(35, 20, 10), (-60, -15, 30), (10, -40, -25), (130, 10, 5), (-50, 35, 8)])
@pytest.mark.parametrize(("axis", "ink", "length"), [(0, RED, 0.5), (1, GREEN, 0.5), (2, BLUE, 0.62)])
def test_each_axis_points_along_its_column(picture, angles, axis, ink, length):
    yaw, pitch, roll = angles
    pose = head(yaw=yaw, pitch=pitch, roll=roll)
    wanted = length * pose.rotation[:2, axis]
    # 0.05 sides: half the breadth of the arrow's head, which may stick out farther than its point.
    np.testing.assert_allclose(tip_of(draw(picture, [pose]), ink), wanted, atol=0.05)


def test_signs_are_those_of_the_convention(picture):
    left = tip_of(draw(picture, [head(yaw=60)], styles=("arrow",)), AMBER)
    up = tip_of(draw(picture, [head(pitch=60)], styles=("arrow",)), AMBER)
    clockwise = tip_of(draw(picture, [head(roll=40)]), GREEN)
    assert left[0] < -0.5
    assert up[1] > 0.5
    assert clockwise[0] > 0.2


@pytest.mark.parametrize("style", STYLES)
def test_every_style_draws_and_leaves_the_input_alone(picture, style):
    before = picture.copy()
    drawn = draw(picture, [head(yaw=20)], styles=(style,))
    assert drawn.shape == picture.shape
    assert drawn.dtype == np.uint8
    assert np.any(drawn != before)
    assert np.array_equal(picture, before)


def test_no_heads_or_no_styles_change_nothing(picture):
    assert np.array_equal(draw(picture, [], styles=STYLES), picture)
    assert np.array_equal(draw(picture, [head()], styles=()), picture)


def test_drawing_stays_near_its_head(picture):
    drawn = draw(picture, [head(yaw=50)], styles=("axes", "cube", "arrow", "box"))
    y, x = np.nonzero(np.any(drawn != picture, axis=-1))
    assert np.abs(np.stack([x, y], axis=1) - CENTRE).max() < 0.9 * SIDE


def test_unsure_heads_are_grey(picture):
    sure, unsure = head(error_deg=4.0), head(error_deg=40.0)
    styles = ("axes", "cube", "arrow", "box")
    colourful = draw(picture, [sure], styles=styles, max_error_deg=15).astype(int)
    grey = draw(picture, [unsure], styles=styles, max_error_deg=15).astype(int)
    assert np.ptp(colourful, axis=-1).max() > 100
    assert np.ptp(grey, axis=-1).max() <= 8  # the rim is a trace bluish


def test_without_roll_only_the_facing_is_drawn(picture):
    pose = head(yaw=40, known=frozenset({"yaw", "pitch"}))
    assert np.array_equal(draw(picture, [pose], styles=("axes",)), draw(picture, [pose], styles=("arrow",)))
    assert label_lines(pose) == ["front", "yaw +40°", "pitch +0°"]


def test_labels_say_what_is_known():
    lines = label_lines(head(yaw=-70.4, pitch=-0.2, roll=12, error_deg=6.4))
    assert lines == ["right  error 6°", "yaw -70°", "pitch +0°", "roll +12°"]


@pytest.mark.parametrize(
    "box",
    [
        (-60, -60, 20, 20),
        (260, 240, 300, 290),
        (-300, -300, -200, -200),
        (3, 3, 5, 6),
        (-900, -900, 1200, 1200),
    ],
)
def test_heads_at_and_beyond_the_edge(picture, box):
    assert draw(picture, [head(yaw=20, box=box, error_deg=3)], styles=STYLES).shape == picture.shape


def test_labels_keep_apart(picture):
    pair = [head(box=(60, 80, 120, 150)), head(box=(125, 80, 185, 150))]
    both = np.any(draw(picture, pair, styles=("label",)) != picture, axis=-1)
    alone = [np.any(draw(picture, [one], styles=("label",)) != picture, axis=-1) for one in pair]
    assert both.sum() >= 0.95 * (alone[0].sum() + alone[1].sum())


def test_an_unknown_style_names_the_nearest(picture):
    with pytest.raises(UnknownNameError, match="Did you mean 'axes'"):
        draw(picture, [head()], styles=("axis",))


def test_small_heads_have_one_line_and_crowds_keep_their_faces():
    picture = np.full((300, 400, 3), 90, np.uint8)
    crowd = [head(yaw=10, box=(x, y, x + 24, y + 30)) for x in range(20, 380, 28) for y in range(20, 260, 34)]
    assert label_lines(crowd[0]) == ["+10°  +0°  +0°"]
    drawn = draw(picture, crowd, styles=("label",))
    assert np.any(drawn != picture)
    assert np.mean(np.any(drawn != picture, axis=-1)) < 0.75
