"""One test for every sentence of docs/conventions.md that carries an id."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from facing.geometry import boxes, camera, conventions, conventions_methods, conventions_systems, rotation
from facing.pose import HeadPose

PAGE = Path(__file__).parents[2] / "docs" / "conventions.md"
ALL = Rotation.random(200, random_state=np.random.default_rng(11)).as_matrix()


def turned(yaw=0.0, pitch=0.0, roll=0.0):
    return rotation.rotation_from_euler(yaw=yaw, pitch=pitch, roll=roll)


def record(M, **fields):
    return HeadPose(**{"box": (0, 0, 10, 10), "score": 1, "rotation": M, **fields})


def triple(M):
    return tuple(float(angle) for angle in rotation.euler_from_rotation(M))


def seen(point, M):
    """Where a point of the head appears in the picture: x right, y down."""
    return (M @ point)[:2] * [1, -1]


NOSE, CROWN, LEFT_EAR = np.array([0, 0, 1.0]), np.array([0, 1.0, 0]), np.array([1.0, 0, 0])


def c1():
    ray = camera.pixel_ray([[60, 50], [50, 40]], focal_px=100, principal_px=(50, 50))
    assert ray[0, 0] > 0  # right of the centre
    assert ray[1, 1] > 0  # above it
    assert np.all(ray[:, 2] < 0)  # z points to the viewer, rays away from him


def c2():
    assert seen(LEFT_EAR, turned())[0] > 0  # the subject's left is at the picture's right
    assert seen(CROWN, turned())[1] < 0
    assert record(turned()).front[2] == 1


def c3():
    np.testing.assert_array_equal(turned(), np.eye(3))
    assert record(np.eye(3)).facing == "front"


def c4():
    for M in ALL[:20]:
        np.testing.assert_allclose(M @ LEFT_EAR, M[:, 0])
        np.testing.assert_allclose(record(M).front, M @ NOSE)


def c5():
    expected = Rotation.from_euler("XYZ", [-20, -30, -10], degrees=True).as_matrix()
    np.testing.assert_allclose(turned(yaw=30, pitch=20, roll=10), expected, atol=1e-15)


def c6():
    assert seen(NOSE, turned(yaw=20))[0] < 0


def c7():
    assert seen(NOSE, turned(pitch=20))[1] < 0


def c8():
    x, y = seen(CROWN, turned(roll=20))
    assert x > 0
    assert y < 0


def c9():
    y, p = np.radians([33.0, -21.0])
    expected = [-np.sin(y), np.sin(p) * np.cos(y), np.cos(p) * np.cos(y)]
    np.testing.assert_allclose(record(turned(yaw=33, pitch=-21, roll=50)).front, expected)


def c10():
    angles = np.stack(rotation.euler_from_rotation(ALL))
    assert angles.min() > -180
    assert angles.max() <= 180
    assert np.abs(angles).max() > 90
    assert rotation.wrap_deg([-180, 180, 540]).tolist() == [180, 180, 180]


def c11():
    yaw, pitch, roll = rotation.euler_from_rotation(ALL)
    np.testing.assert_allclose(turned(180 - yaw, pitch + 180, roll + 180), ALL, atol=1e-13)
    other = np.abs([rotation.wrap_deg(angle) for angle in (180 - yaw, pitch + 180, roll + 180)]).sum(0)
    assert np.all(np.abs([yaw, pitch, roll]).sum(0) <= other)


def c12():
    assert triple(np.diag([-1.0, 1.0, -1.0])) == (180, 0, 0)
    for yaw in (85.0, 95.0):
        np.testing.assert_allclose(triple(turned(yaw=yaw, pitch=3, roll=2)), (yaw, 3, 2), atol=1e-9)


def c13():
    assert record(turned(yaw=180, pitch=20)).front[1] < 0


def c14():
    yaw, pitch, roll = triple(turned(yaw=90, pitch=20, roll=30))
    assert (yaw, roll) == (pytest.approx(90), 0)
    np.testing.assert_allclose(turned(yaw, pitch), turned(yaw=90, pitch=20, roll=30), atol=1e-15)


def c15():
    S = np.diag([-1.0, 1.0, 1.0])
    np.testing.assert_allclose(triple(S @ turned(30, 20, 10) @ S), (-30, 20, -10))


def c16():
    a = np.radians(40)
    clockwise = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])  # with y down
    M = turned(30, 20, 10)
    after = Rotation.from_euler("z", -40, degrees=True).as_matrix() @ M
    np.testing.assert_allclose(seen(CROWN, after), clockwise @ seen(CROWN, M), atol=1e-15)


def c17():
    M = rotation.rotation_from_front([0.3, 0.2, 0.9])
    pose = record(M, known=frozenset({"yaw", "pitch"}))
    assert triple(M)[2] == pytest.approx(0)
    assert pose.roll is None


def c18():
    expected = (Rotation.from_matrix(ALL[:100]).inv() * Rotation.from_matrix(ALL[100:])).magnitude()
    np.testing.assert_allclose(rotation.geodesic_deg(ALL[:100], ALL[100:]), np.degrees(expected), atol=1e-9)


def c19():
    np.testing.assert_allclose(boxes.area([[10, 20, 30, 25]]), [100])
    assert record(np.eye(3), box=(1, 2, 3, 4)).to_dict()["box"] == [1.0, 2.0, 3.0, 4.0]


def c20():
    whole = boxes.clip([[-9, -9, 99, 99]], width=8, height=6)
    np.testing.assert_array_equal(whole, [[0, 0, 8, 6]])
    assert boxes.area(whole) == 8 * 6
    # The optical axis of a 1 x 1 picture goes through the centre of its pixel.
    ray = camera.pixel_ray((0.5, 0.5), focal_px=1, principal_px=(0.5, 0.5))
    np.testing.assert_array_equal(np.abs(ray), [0, 0, 1])


def c21():
    assert record(np.eye(3), box=(-50, -20, 30, 40)).box == (-50, -20, 30, 40)


def c22():
    words = [record(turned(yaw=yaw)).facing for yaw in (0, 44, -44, 46, 134, -46, -134, 136, -136, 180)]
    assert words == ["front"] * 3 + ["left"] * 2 + ["right"] * 2 + ["back"] * 3


def c23():
    pose = record(turned(yaw=90))
    assert pose.facing == "left"
    assert seen(NOSE, pose.rotation)[0] < 0
    assert seen(-LEFT_EAR, turned())[0] < 0  # at rest the subject's right is at the picture's left


def c24():
    for tilt in (-89.0, -80.0, 0.0, 80.0, 89.0):
        assert record(turned(yaw=90) @ turned(pitch=tilt)).facing == "left"
        assert record(turned(pitch=tilt)).facing == "front"


def c25():
    turn = camera.picture_from_ray((10, 70), focal_px=80, principal_px=(50, 50))
    to_lens = -camera.pixel_ray((10, 70), focal_px=80, principal_px=(50, 50))
    np.testing.assert_allclose((turn @ np.eye(3))[:, 2], to_lens, atol=1e-15)


def c26():
    turn = camera.picture_from_ray((0, 50), focal_px=80, principal_px=(50, 50))
    assert triple(np.eye(3))[0] == 0
    assert triple(turn @ np.eye(3))[0] < 0


def c27():
    named = re.findall(r"`(rotation_from_\w+)`", PAGE.read_text())
    there = [
        name
        for module in (conventions, conventions_methods, conventions_systems)
        for name, value in vars(module).items()
        if name.startswith("rotation_from_") and value.__module__ == module.__name__
    ]
    assert sorted(named) == sorted(there)
    for module in (conventions, conventions_methods, conventions_systems):
        for name, value in vars(module).items():
            if name.startswith("rotation_from_") and value.__module__ == module.__name__:
                assert hasattr(module, f"{name.removeprefix('rotation_from_')}_from_rotation"), name
                assert "Sure: " in value.__doc__, name


SENTENCES = {name.upper(): test for name, test in list(globals().items()) if re.fullmatch(r"c\d+", name)}


@pytest.mark.parametrize("sentence", SENTENCES)
def test_the_sentence_is_true(sentence):
    SENTENCES[sentence]()


def test_every_sentence_has_a_test_and_every_test_a_sentence():
    assert set(re.findall(r"\[(C\d+)\]", PAGE.read_text())) == set(SENTENCES)


def test_the_picture_of_the_page_is_there():
    (name,) = re.findall(r"\]\((images/\S+)\)", PAGE.read_text())
    with Image.open(PAGE.parent / name) as picture:
        picture.load()
        assert picture.width > 1000
