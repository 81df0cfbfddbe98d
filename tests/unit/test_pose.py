"""The record: its words, its JSON form and its equality."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from facing.errors import BoxError, DataError
from facing.geometry.rotation import geodesic_deg, rotation_from_euler
from facing.pose import ANGLES, SCHEMA, HeadPose, line_schema, record_schema

BOX = (10.0, 20.0, 110.0, 140.0)


def head(*, yaw=0.0, pitch=0.0, roll=0.0, **fields):
    rotation = rotation_from_euler(yaw=yaw, pitch=pitch, roll=roll)
    return HeadPose(**{"box": BOX, "score": 0.9, "rotation": rotation, **fields})


@st.composite
def heads(draw):
    rotation = Rotation.random(random_state=np.random.default_rng(draw(st.integers(0, 10**6)))).as_matrix()
    left, top = draw(st.floats(-1e4, 1e4)), draw(st.floats(-1e4, 1e4))
    share = st.floats(0, 1)
    return HeadPose(
        box=(left, top, left + draw(st.floats(1, 1e4)), top + draw(st.floats(1, 1e4))),
        score=draw(share),
        rotation=rotation,
        error_deg=draw(st.none() | st.floats(0, 180)),
        spread=draw(st.none() | share),
        orientation=draw(st.none() | st.tuples(share, share, share)),
        track=draw(st.none() | st.integers(0, 10**9)),
        time=draw(st.none() | st.floats(0, 1e6)),
        known=draw(st.sets(st.sampled_from(sorted(ANGLES))).map(frozenset)),
    )


def test_angles_are_read_off_the_rotation_in_degrees():
    pose = head(yaw=30, pitch=-10, roll=5)
    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx((30, -10, 5))
    assert isinstance(pose.yaw, float)
    expected = [-np.sin(np.radians(30)), np.sin(np.radians(-10)) * np.cos(np.radians(30))]
    np.testing.assert_allclose(pose.front[:2], expected)


def test_an_angle_that_is_not_known_is_none_in_record_and_json():
    pose = head(yaw=30, roll=12, known=frozenset({"yaw", "pitch"}))
    assert pose.roll is None
    assert pose.yaw is not None
    assert pose.to_dict()["roll"] is None
    assert pose.to_dict()["known"] == ["pitch", "yaw"]


WORDS = {
    "front": (0, 44.9, -44.9),
    "left": (45.1, 90, 134.9),
    "right": (-45.1, -90, -134.9),
    "back": (135.1, -135.1, 180),
}


@pytest.mark.parametrize(("yaw", "word"), [(yaw, word) for word, yaws in WORDS.items() for yaw in yaws])
@pytest.mark.parametrize("roll", [0, 30, -100])
def test_facing_follows_the_azimuth_whatever_the_roll(yaw, word, roll):
    assert head(yaw=yaw, roll=roll).facing == word


@pytest.mark.parametrize("pan", [0.0, 90.0, -90.0, 180.0])
@pytest.mark.parametrize("tilt", [-89.0, -80.0, -76.0, -74.0, 74.0, 76.0, 80.0, 89.0, 90.0, -90.0])
def test_a_head_that_tilts_up_or_down_keeps_its_side(pan, tilt):
    """Turned about the room's upright axis first, then tilted: the word stays what it was at tilt 0."""
    nod = rotation_from_euler(yaw=0, pitch=tilt, roll=0)
    rotation = rotation_from_euler(yaw=pan, pitch=0, roll=0) @ nod
    expected = {0.0: "front", 90.0: "left", -90.0: "right", 180.0: "back"}[pan]
    assert HeadPose(box=BOX, score=1, rotation=rotation).facing == expected


def test_the_json_form_is_the_published_one():
    pose = head(yaw=90, score=0.98765432, error_deg=4.256)
    record = pose.to_dict()
    assert json.loads(json.dumps(record)) == {
        "box": [10.0, 20.0, 110.0, 140.0],
        "score": 0.9877,
        "yaw": 90.0,
        "pitch": 0.0,
        "roll": 0.0,
        "rotation": [[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]],
        "error_deg": 4.26,
        "facing": "left",
    }
    assert "-0.0" not in json.dumps(record)


def test_optional_fields_appear_when_they_say_something():
    record = head(orientation=(0.7, 0.2, 0.1), track=0, time=0.0).to_dict()
    assert (record["orientation"], record["track"], record["time"]) == ([0.7, 0.2, 0.1], 0, 0.0)
    assert not {"orientation", "track", "time", "known", "spread"} & head(spread=0.1).to_dict().keys()


@settings(deadline=None, max_examples=200)
@given(heads())
def test_the_json_form_comes_back(pose):
    record = json.loads(json.dumps(pose.to_dict(), allow_nan=False))
    check(record, record_schema())
    back = HeadPose.from_dict(record)
    assert back.to_dict() == record
    # Half of the last digit that is written.
    np.testing.assert_allclose(back.box, pose.box, atol=0.0051)
    np.testing.assert_allclose(back.rotation, pose.rotation, atol=5.1e-7)
    assert float(geodesic_deg(back.rotation, pose.rotation)) < 1e-3
    assert (back.track, back.known) == (pose.track, pose.known)
    if back.facing != pose.facing:  # only on the border between two words
        x, _, z = pose.front
        assert min(abs(abs(np.degrees(np.arctan2(x, z))) - edge) for edge in (45, 135)) < 1e-3


def test_the_schemas_refuse_what_is_not_the_form():
    line = {
        "schema": SCHEMA, "file": "a.jpg", "width": 4, "height": 3, "heads": [head().to_dict()], "error": None
    }  # fmt: skip
    check(line, line_schema())
    check({**line, "width": None, "height": None, "heads": [], "error": "no picture"}, line_schema())
    for wrong in (
        {**line, "schema": 2},
        {**line, "heads": [{**head().to_dict(), "facing": "up"}]},
        {**line, "heads": [{**head().to_dict(), "colour": 1}]},
        {**line, "heads": [{**head().to_dict(), "box": [1, 2, 3]}]},
        {**line, "heads": [{**head().to_dict(), "yaw": 181}]},
        {key: value for key, value in line.items() if key != "error"},
    ):
        with pytest.raises(AssertionError):
            check(wrong, line_schema())


def check(value, schema):
    """Validate by the part of JSON schema that the two schemas use, and fail on any other keyword."""
    kinds = {
        "object": dict, "array": list, "string": str, "integer": int, "number": (int, float),
        "null": type(None),
    }  # fmt: skip
    for keyword, rule in schema.items():
        if keyword == "type":
            names = [rule] if isinstance(rule, str) else rule
            assert any(isinstance(value, kinds[name]) for name in names), (value, rule)
        elif keyword == "const":
            assert value == rule
        elif keyword == "enum":
            assert value in rule
        elif keyword in {"minimum", "maximum"}:
            assert value is None or (value >= rule if keyword == "minimum" else value <= rule), (value, rule)
        elif keyword in {"minItems", "maxItems"}:
            assert len(value) >= rule if keyword == "minItems" else len(value) <= rule
        elif keyword == "uniqueItems":
            assert len(set(value)) == len(value)
        elif keyword == "items":
            for item in value:
                check(item, rule)
        elif keyword == "required":
            assert set(rule) <= set(value)
        elif keyword == "properties":
            for name in value.keys() & rule.keys():
                check(value[name], rule[name])
        elif keyword == "additionalProperties":
            assert rule is False
            assert value.keys() <= schema["properties"].keys()
        else:
            assert keyword == "$schema", keyword


def test_the_record_is_frozen_down_to_its_array():
    rotation = np.eye(3)
    pose = HeadPose(box=np.array(BOX), score=np.float32(1), rotation=rotation)
    rotation[0, 0] = 5
    assert pose.rotation[0, 0] == 1
    assert type(pose.box[0]) is float
    with pytest.raises(ValueError, match="read-only"):
        pose.rotation[0, 0] = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        pose.score = 0.5


def test_equality_and_hash_see_every_field():
    assert head(yaw=10) == head(yaw=10)
    assert hash(head(yaw=10)) == hash(head(yaw=10))
    changes = {
        "box": (0, 0, 1, 1), "score": 0.1, "rotation": np.diag([1.0, -1, -1]), "error_deg": 1.0,
        "spread": 0.1, "orientation": (1, 0, 0), "track": 3, "time": 0.5, "known": frozenset({"yaw"}),
    }  # fmt: skip
    assert changes.keys() == {field.name for field in dataclasses.fields(HeadPose)}
    for name, value in changes.items():
        assert dataclasses.replace(head(), **{name: value}) != head(), name
    assert head() != "head"


@pytest.mark.parametrize("box", [(0, 0, 0, 5), (5, 5, 1, 9), (0, 0, 1), (0, 0, np.nan, 1), (0, 0, np.inf, 1)])
def test_a_box_that_is_none_is_refused(box):
    with pytest.raises(BoxError, match="left, top, right, bottom"):
        head(box=box)


@pytest.mark.parametrize(
    "rotation", [np.zeros((3, 3)), 2 * np.eye(3), np.diag([1.0, 1, -1]), np.eye(4), np.full((3, 3), np.nan)]
)
def test_a_matrix_that_is_no_rotation_is_refused(rotation):
    with pytest.raises(DataError, match="nearest_rotation"):
        head(rotation=rotation)


def test_other_wrong_fields_are_refused():
    with pytest.raises(DataError, match="tilt"):
        head(known=frozenset({"tilt"}))
    record = head().to_dict()
    with pytest.raises(DataError, match="rotation"):
        HeadPose.from_dict({key: value for key, value in record.items() if key != "rotation"})
    with pytest.raises(DataError, match="cannot be read"):
        HeadPose.from_dict({**record, "score": "high"})
