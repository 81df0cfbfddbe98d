"""Disturbances against independent code, and the figures of networks whose every answer is known."""

import json
import zlib

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from constant_models import write_pose_model
from facing.cli import main
from facing.crop import CropSpec
from facing.datasets.sample import LabelledHead, Sample, load_reader
from facing.errors import DataError
from facing.evaluation.disturbances import COVER, DISTURBANCES, EYES, MOUTH, Cut, Head
from facing.evaluation.robustness import (
    SMALL_MOVES,
    age_group,
    crop_reader,
    robustness,
    robustness_of_set,
    robustness_table,
)
from facing.evaluation.run import evaluate_set
from facing.geometry.rotation import euler_from_rotation, rotation_from_euler
from facing.runtime.estimator import PoseEstimator
from facing.shards import ShardSample, encode, write_shard
from tiny_models import pose_card, write_pose

BY_NAME = {one.name: one for one in DISTURBANCES}
MOVES = [one for one in DISTURBANCES if one.move is not None]
CHANGES = [one for one in DISTURBANCES if one.change is not None]
YAWS = (-50, 0, 10, 40)
TAGS = (
    {"origin": "african", "years": 12, "sex": "male"},
    {"origin": "asian", "years": 13, "sex": "female"},
    {"origin": "asian", "years": 61, "sex": "female"},
    {},
)


def rng():
    return np.random.default_rng(5)


def textured(side=64, *, seed=0):
    small = np.random.default_rng(seed).integers(30, 200, size=(8, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC))


def cut(*, points=None):
    return Cut(textured(112), np.array([16.0, 8.0, 96.0, 104.0]), points)


def head(picture, box, rotation=None):
    return Head(picture, np.array(box, float), np.eye(3) if rotation is None else rotation, reach_px=60.0)


def write_set(folder, *, yaws=YAWS, box=(8, 8, 56, 56), tags=TAGS):
    samples = [
        ShardSample(
            f"{number:03d}",
            encode(textured(seed=number)),
            {
                "schema": 1,
                "rotation": rotation_from_euler(yaw=yaw, pitch=5, roll=3).tolist(),
                "box": list(box),
                "landmarks": None,
                "identity": number,
                "tags": own,
            },
        )
        for number, (yaw, own) in enumerate(zip(yaws, tags, strict=False))
    ]
    write_shard(folder / "heads-000.tar", samples)
    return folder


def test_every_entry_of_the_table_is_whole():
    names = [one.name for one in DISTURBANCES]
    assert len(set(names)) == len(names)
    for one in DISTURBANCES:
        assert (one.move is None) != (one.change is None)
        assert len(set(one.levels)) == len(one.levels) >= 2
        assert one.unit
        in_panel = [other for other in DISTURBANCES if other.panel == one.panel]
        assert all((other.levels, other.unit) == (one.levels, one.unit) for other in in_panel)
    assert all(level in BY_NAME[name].levels for name, level in SMALL_MOVES)


@pytest.mark.parametrize("one", CHANGES, ids=lambda one: one.name)
def test_changes_keep_the_shape_and_repeat(one):
    given = cut()
    before = given.pixels.copy()
    for level in one.levels:
        changed = one.change(given, level, rng())
        assert changed.shape == before.shape
        assert changed.dtype == np.uint8
        np.testing.assert_array_equal(changed, one.change(given, level, rng()))
    np.testing.assert_array_equal(given.pixels, before)
    off = [np.abs(one.change(given, level, rng()) - before.astype(float)).mean() for level in one.levels]
    assert max(off) > 1
    assert off[-1] > off[0] or one.name in {
        "brightness",
        "infrared",
    }  # both ends are hard, or no end is plain


@pytest.mark.parametrize("one", MOVES, ids=lambda one: one.name)
def test_moves_leave_what_they_were_given(one):
    given = head(textured(), (10, 10, 40, 50))
    picture, box = given.picture.copy(), given.box.copy()
    for level in one.levels:
        moved = one.move(given, level)
        assert (moved.rotation is given.rotation) == (one.name != "turn")
        assert not np.array_equal(moved.box, box)
    np.testing.assert_array_equal(given.picture, picture)
    np.testing.assert_array_equal(given.box, box)


def test_boxes_move_by_shares_of_their_sides():
    given = head(textured(), (10, 20, 30, 60))
    for name, expected in (
        ("shift_left", (8, 20, 28, 60)),
        ("shift_right", (12, 20, 32, 60)),
        ("shift_up", (10, 16, 30, 56)),
        ("shift_down", (10, 24, 30, 64)),
        ("scale", (9, 18, 31, 62)),
    ):
        np.testing.assert_allclose(BY_NAME[name].move(given, 10).box, expected)


def test_a_quarter_turn_is_that_of_numpy():
    picture = textured(80)
    moved = BY_NAME["turn"].move(head(picture, (20, 25, 60, 55)), 90)
    np.testing.assert_allclose(moved.box, (45, 40, 75, 80))  # of a patch of 120, on its side
    off = moved.picture[20:100, 20:100].astype(int) - np.rot90(picture, k=-1)
    assert np.abs(off).max() <= 1  # Pillow cuts fractions off


@pytest.mark.parametrize("degrees", [20, 45, 150])
def test_turned_pictures_and_labels_are_those_of_pillow_and_scipy(degrees):
    picture = textured(120)
    rotation = rotation_from_euler(yaw=30, pitch=-10, roll=0)
    moved = BY_NAME["turn"].move(head(picture, (40, 40, 80, 80), rotation), degrees)
    turned = Image.fromarray(picture).rotate(-degrees, Image.Resampling.BICUBIC)
    inner = slice(24, 96)  # within the circle that never leaves the picture
    off = np.abs(moved.picture[inner, inner].astype(int) - np.asarray(turned)[inner, inner])
    assert off.max() <= 1  # the two round their matrices differently
    expected = Rotation.from_euler("z", -degrees, degrees=True).as_matrix() @ rotation
    np.testing.assert_allclose(moved.rotation, expected, atol=1e-12)
    frontal = BY_NAME["turn"].move(head(picture, (40, 40, 80, 80)), degrees)
    assert float(euler_from_rotation(frontal.rotation).roll) == pytest.approx(degrees)


def test_bars_lie_on_the_landmarks_or_on_fixed_places():
    points = np.full((68, 2), 5.0)
    points[list(EYES)] = (40, 30), (70, 36)
    points[list(MOUTH)] = (45, 80), (65, 84)
    for name, inside, outside in (("cover_eyes", (33, 55), (82, 55)), ("cover_mouth", (82, 55), (33, 55))):
        barred = BY_NAME[name].change(cut(points=points), 10, rng())
        assert tuple(barred[inside]) == COVER
        np.testing.assert_array_equal(barred[outside], cut().pixels[outside])
    blind = BY_NAME["cover_eyes"].change(cut(), 10, rng())
    assert tuple(blind[56, 56]) == COVER  # half of the box's height, 8 to 104
    in_profile = np.full((68, 2), 50.0)
    assert tuple(BY_NAME["cover_eyes"].change(cut(points=in_profile), 10, rng())[50, 50]) == COVER


def test_half_of_a_head_is_covered_to_the_edge_of_the_crop():
    left, right = (BY_NAME[f"cover_{side}"].change(cut(), 50, rng()) for side in ("left", "right"))
    assert (left[:, :56] == COVER).all()
    assert (right[:, 56:] == COVER).all()
    np.testing.assert_array_equal(left[:, 56:], cut().pixels[:, 56:])
    np.testing.assert_array_equal(right[:, :56], cut().pixels[:, :56])


def test_a_crop_is_never_made_finer():
    assert BY_NAME["resolution"].change(cut(), 256, rng()) is not None
    np.testing.assert_array_equal(BY_NAME["resolution"].change(cut(), 128, rng()), cut().pixels)


def test_undisturbed_is_what_evaluate_measures(tmp_path):
    write_set(tmp_path / "set", box=(6.3, 4.9, 50.2, 57.7))
    model = write_pose(tmp_path / "model.onnx", card=pose_card("rotation", "spread", side=32))
    reader = load_reader("shards")
    usual = evaluate_set(reader, tmp_path / "set", estimator=PoseEstimator(model, None, threads=1)).figures
    figures = robustness_of_set(reader, tmp_path / "set", model=model, threads=1)
    for name in ("count", "mae", "geodesic_mean", "geodesic_median", "front_angle", "yaw"):
        assert figures["undisturbed"][name] == pytest.approx(usual[name], abs=1e-9), name
    assert figures["undisturbed"]["stated_error"] == pytest.approx(usual["calibration"]["stated_mean"])
    assert figures["model"] == "tiny-1"
    assert CropSpec.from_dict(figures["crop"]) == pose_card(side=32).crop
    assert figures["covered_by"] == {"landmarks": 0, "fractions_of_the_box": 4}


def test_light_moves_the_answer_of_a_network_that_reads_it(tmp_path):
    model = write_pose(tmp_path / "model.onnx", card=pose_card("rotation", side=32))
    picture = Image.new("RGB", (64, 64), (60, 0, 0))
    picture.save(tmp_path / "a.png")
    label = LabelledHead((8.0, 8.0, 56.0, 56.0), np.eye(3), known=("yaw", "pitch", "roll"))
    figures = robustness(
        [Sample("a", tmp_path / "a.png", (label,))],
        crop_reader(model, threads=1),
        spec=CropSpec(side=32, scale=1.0),
        disturbances=[BY_NAME["brightness"]],
    )
    (one,) = figures["disturbances"]
    for row in one["levels"]:
        red = min(255, round(60 * 2 ** (row["level"] / 2.2)))
        assert row["yaw"] == pytest.approx(np.degrees(np.arcsin(red / 255)), abs=0.01)
        moved = np.degrees(abs(np.arcsin(red / 255) - np.arcsin(60 / 255)))
        assert row["turn"] == pytest.approx(moved, abs=0.01)
        assert row["stated_error"] is None
    assert figures["turn_of_answer"] is None  # no box was moved


def test_a_network_that_never_moves(tmp_path):
    write_set(tmp_path / "set")
    model = write_pose_model(tmp_path / "model.onnx", yaw=10, pitch=5, roll=3, spread_rad=0.1)
    figures = robustness_of_set(load_reader("shards"), tmp_path / "set", model=model, threads=1)
    errors = np.abs(np.array(YAWS) - 10)
    assert figures["undisturbed"]["yaw"] == pytest.approx(errors.mean(), abs=1e-3)
    assert figures["turn_of_answer"] == pytest.approx({"mean": 0, "shift": 0, "scale": 0}, abs=1e-4)
    for one in figures["disturbances"]:
        for row in one["levels"]:
            assert row["count"] == 4
            assert row["stated_error"] == pytest.approx(np.degrees(0.1), abs=1e-4)
            # Its answer should have turned with the picture and did not.
            assert row["turn"] == pytest.approx(row["level"] if one["name"] == "turn" else 0, abs=1e-4)
    turned = next(one for one in figures["disturbances"] if one["name"] == "turn")["levels"][-1]
    said = rotation_from_euler(yaw=10, pitch=5, roll=3)
    half = Rotation.from_euler("z", 180, degrees=True)
    off = [
        (half * Rotation.from_matrix(rotation_from_euler(yaw=yaw, pitch=5, roll=3))).inv()
        * Rotation.from_matrix(said)
        for yaw in YAWS
    ]
    expected = np.degrees([one.magnitude() for one in off]).mean()
    assert turned["geodesic_mean"] == pytest.approx(expected, abs=1e-3)
    groups = {
        name: {key: row["count"] for key, row in rows.items()} for name, rows in figures["groups"].items()
    }
    assert groups == {
        "skin": {"african": 1, "asian": 2},
        "age": {"0-12": 1, "13-19": 1, "60+": 1},
        "sex": {"female": 2, "male": 1},
    }
    assert figures["groups"]["skin"]["asian"]["yaw"] == pytest.approx(errors[1:3].mean(), abs=1e-3)
    text = robustness_table(figures, name="shards")
    assert "shards: 4 heads, mean geodesic error" in text
    assert "turn of the answer    0.00" in text


def test_age_groups_cover_every_age():
    assert [age_group(years) for years in (0, 12, 13, 39, 40, 60, 90)] == [
        *("0-12", "0-12", "13-19", "20-39", "40-59", "60+", "60+")
    ]


def test_labels_that_know_the_yaw_alone_are_never_turned(tmp_path):
    write_pose_model(tmp_path / "model.onnx", yaw=10)
    Image.fromarray(textured()).save(tmp_path / "a.png")
    label = LabelledHead((8.0, 8.0, 56.0, 56.0), rotation_from_euler(yaw=25, pitch=0, roll=0), known=("yaw",))
    out_of_sight = LabelledHead((-40.0, 8.0, 8.0, 56.0), label.rotation, known=("yaw",))
    samples = [
        Sample("a", tmp_path / "a.png", (label, out_of_sight)),
        Sample("gone", tmp_path / "gone.png", (label,)),
        Sample("no pose", tmp_path / "a.png", (LabelledHead(None, None),)),
    ]
    estimator = crop_reader(tmp_path / "model.onnx", threads=1)
    figures = robustness(
        samples,
        estimator,
        spec=CropSpec(side=32),
        disturbances=[BY_NAME["turn"], BY_NAME["shift_left"]],
    )
    assert figures["judged_by"] == "yaw"
    assert figures["undisturbed"]["yaw"] == pytest.approx(15, abs=1e-4)
    assert figures["undisturbed"]["geodesic_mean"] is figures["undisturbed"]["front_angle"] is None
    turn, shift = figures["disturbances"]
    assert {row["count"] for row in turn["levels"]} == {0}
    assert [row["count"] for row in shift["levels"]] == [2, 2, 1, 1]  # a sixth of the second box is in sight
    assert figures["failed_pictures"] == 1
    assert figures["failures"][0]["key"] == "gone"
    assert figures["skipped"] == {"no labelled pose": 1}
    with pytest.raises(DataError, match="no head with a labelled pose"):
        robustness(samples[2:], estimator, spec=CropSpec(side=32))


def run(*arguments):
    try:
        main(["evaluate", *map(str, arguments), "--threads", "1"])
    except SystemExit as end:
        return end.code or 0
    return 0


def test_the_command_writes_figures_and_plots(tmp_path, capsys, monkeypatch):
    pytest.importorskip("matplotlib", reason="needs the extra report")
    monkeypatch.chdir(tmp_path)
    write_set(tmp_path / "set")
    write_pose(tmp_path / "model.onnx", card=pose_card("rotation", "spread", side=32))
    given = ("--data", "shards:set", "--model", "model.onnx", "--limit", 3)
    assert run(*given, "--robustness", "first") == run(*given, "--robustness", "second") == 0
    assert "shards: 3 heads" in capsys.readouterr().out
    files = sorted((tmp_path / "first").iterdir())
    assert [path.name for path in files] == ["robustness.json", "shards.png", "shards.svg"]
    for path in files:
        assert zlib.crc32(path.read_bytes()) == zlib.crc32((tmp_path / "second" / path.name).read_bytes())
    figures = json.loads(files[0].read_text())
    assert (figures["schema"], figures["model"]) == (1, "tiny-1")
    (one,) = figures["sets"]
    assert one["count"] == 3
    assert [row["name"] for row in one["disturbances"]] == list(BY_NAME)
    assert run(*given, "--robustness", "third", "--boxes", "detector") == 2
    assert not (tmp_path / "third").exists()
