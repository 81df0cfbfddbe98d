"""Ranges, classes, curves, checkpoints and the faulty formulas of published scripts."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from facing.datasets.sample import LabelledHead, LeftOut, Sample
from facing.errors import DataError, ModelError
from facing.evaluation import metrics
from facing.evaluation.checkpoints import checkpoint_table, choose, find_checkpoints, shared_pictures
from facing.evaluation.classes import MISSED, class_pairs, class_report, class_table, read_class
from facing.evaluation.compat_metrics import analysis_angle_deg, mae_forgiving_180
from facing.evaluation.curves import LIMITS_DEG, curves_to_dict, read_curves
from facing.evaluation.errors import pose_errors
from facing.evaluation.outcomes import Outcome, Run, errors_by_head
from facing.evaluation.ranges import by_range
from facing.evaluation.summary import Wanted, summarise
from facing.evaluation.table import table
from facing.geometry.conventions_methods import compact_vector_from_rotation
from facing.geometry.rotation import front_from_rotation, geodesic_deg, rotation_from_euler
from facing.pose import HeadPose

ALL = ("yaw", "pitch", "roll")
BOX = (0.0, 0.0, 10.0, 10.0)


def outcome(key="a", *, true=None, estimated=None, known=ALL, label=None, guess=None, orientation=None):
    """A head with true and estimated (yaw, pitch, roll); None is no rotation, or not found."""
    rotation = None if true is None else rotation_from_euler(**dict(zip(ALL, true, strict=True)))
    pose = None
    if estimated is not None:
        turn = rotation_from_euler(**dict(zip(ALL, estimated, strict=True)))
        pose = HeadPose(box=BOX, score=1.0, rotation=turn, known=frozenset(known), orientation=orientation)
    head = LabelledHead(BOX, rotation, known=ALL if true is not None else (), label=label)
    return Outcome(key, head, pose, label=guess)


def run_of(*outcomes):
    return Run("labels", tuple(outcomes), (), (), ())


# ---- faulty formulas beside the right ones


def test_a_half_turn_is_forgiven_under_its_own_name_only():
    run = run_of(outcome(true=(-80, 0, 0), estimated=(90, 0, 0)))
    figures = summarise(run, wanted=Wanted(compat=True))
    assert figures["yaw"] == pytest.approx(170)
    assert figures["compat"]["mae_forgiving_180"] == pytest.approx(10 / 3)
    assert "compat" not in summarise(run)


@given(st.lists(st.floats(-180, 180), min_size=3, max_size=3))
def test_the_forgiving_error_is_the_published_minimum(triple):
    expected = np.mean([min(abs(d + turn) for turn in (0, 360, -360, 180, -180)) for d in triple])
    assert mae_forgiving_180([triple]) == pytest.approx(expected, abs=1e-9)
    assert mae_forgiving_180(np.zeros((0, 3))) is None


def test_analysis_angles_are_the_compact_systems_and_no_euler_angles():
    rotation = rotation_from_euler(yaw=40, pitch=30, roll=0)
    front = front_from_rotation(rotation)
    vx, vy, vz = compact_vector_from_rotation(rotation)  # its own frame: x to the left of the picture
    yaw = np.sign(vx) * np.degrees(np.arccos(vz / np.sqrt(vx**2 + vz**2)))
    pitch = np.sign(vy) * np.degrees(np.arccos(vz / np.sqrt(vy**2 + vz**2)))
    assert analysis_angle_deg(front, "yaw") == pytest.approx(yaw)
    assert analysis_angle_deg(front, "pitch") == pytest.approx(pitch)
    assert yaw - 40 > 4  # 44.1: not the yaw of the label
    assert pitch == pytest.approx(30)
    with pytest.raises(DataError, match="no roll"):
        analysis_angle_deg(front, "roll")


def test_analysis_angle_from_behind_is_lost_where_the_original_loses_it():
    assert analysis_angle_deg([0.0, 0.0, -1.0], "yaw") == 0
    assert analysis_angle_deg([-1.0, 0.0, 0.0], "yaw") == pytest.approx(90)


def test_frobenius_is_that_of_the_benchmark():
    first, second = (Rotation.random(50, random_state=seed).as_matrix() for seed in (1, 2))
    expected = 2 * np.sqrt(2) * np.sin(np.radians(geodesic_deg(first, second)) / 2)
    np.testing.assert_allclose(metrics.frobenius_errors(first, second), expected, atol=1e-9)
    tenth = rotation_from_euler(yaw=5.6, pitch=0, roll=0)
    assert metrics.frobenius_errors(tenth, np.eye(3)) == pytest.approx(0.138, abs=5e-4)


# ---- limits, ranges, hard


def test_limits_are_added_and_count_missed_heads():
    heads = [outcome(true=(0, 0, 0), estimated=(yaw, 0, 0)) for yaw in (4, 19, 31)]
    figures = summarise(run_of(*heads, outcome(true=(0, 0, 0))), wanted=Wanted(limits_deg=(20, 2.5)))
    assert figures["accuracy"] == {"2.5": 0, "5": 0.25, "10": 0.25, "15": 0.25, "20": 0.5}
    assert figures["front_accuracy"] == figures["accuracy"]
    assert figures["front_angle"] == pytest.approx(18)
    assert "50.0 % in 20" in table(figures, name="x")


def test_direction_ignores_roll_and_geodesic_does_not():
    figures = summarise(run_of(outcome(true=(10, 0, 0), estimated=(10, 0, 60))))
    assert figures["front_accuracy"]["5"] == 1
    assert figures["accuracy"]["15"] == 0


def test_ranges_keep_signs_and_hold_every_head_once():
    yaws = (-31, -30, -16, 0, 14.9, 15, 44)
    run = run_of(*(outcome(true=(yaw, 0, 0), estimated=(yaw + 2, 0, 0)) for yaw in yaws))
    rows = by_range(pose_errors(run.outcomes), angle="yaw", bin_deg=15)
    assert [(row["from"], row["count"]) for row in rows] == [
        (-45, 1),
        (-30, 2),
        (-15, 0),
        (0, 2),
        (15, 1),
        (30, 1),
    ]
    assert rows[2]["yaw"] is None
    assert all(row["yaw"] == pytest.approx(2) for row in rows if row["count"])
    with pytest.raises(DataError, match="above 0"):
        by_range(pose_errors(run.outcomes), bin_deg=0)


def test_ranges_of_an_unknown_angle_are_empty():
    run = run_of(outcome(true=(10, 0, 20), estimated=(10, 0, 0), known=("yaw", "pitch")))
    figures = summarise(run, wanted=Wanted(by=("roll", "pitch"), compat=True))
    assert figures["by_range"]["roll"] == []
    assert figures["by_range"]["pitch"][0]["count"] == 1
    assert figures["compat"]["mae_forgiving_180"] is None
    assert "not known" in table(figures, name="x")


def test_hard_pictures_are_listed_worst_first_and_once():
    run = run_of(
        outcome("near", true=(0, 0, 0), estimated=(3, 0, 0)),
        outcome("two", true=(0, 0, 0), estimated=(40, 0, 0)),
        outcome("two", true=(0, 0, 0), estimated=(35, 0, 0)),
        outcome("far", true=(0, 0, 0), estimated=(80, 0, 0)),
    )
    figures = summarise(run, wanted=Wanted(hard_deg=30))
    assert figures["hard"] == {"over": 30, "keys": ["far", "two"]}
    assert "    far\n    two" in table(figures, name="x")


# ---- classes


def test_class_report_by_hand():
    pairs = [("front", "front")] * 3 + [("front", "left"), ("left", "left"), ("back", None)]
    report = class_report(pairs)
    assert report.classes == ("front", "left", "back")
    assert report.confusion.tolist() == [[3, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
    front, left, back = report.rows()
    assert front == {"name": "front", "precision": 1, "recall": 0.75, "f1": 6 / 7, "support": 4}
    assert left["precision"] == 0.5
    assert left["f1"] == pytest.approx(2 / 3)
    assert (back["precision"], back["recall"], back["f1"]) == (None, 0, 0)
    assert report.accuracy == pytest.approx(4 / 6)
    assert report.balanced_accuracy == pytest.approx((0.75 + 1 + 0) / 3)
    text = class_table(report.to_dict())
    assert MISSED in text
    assert "accuracy 0.667 of 6 heads, balanced 0.583" in text
    json.dumps(report.to_dict(), allow_nan=False)


def test_class_report_equals_scikit_learns_formulas_on_random_pairs():
    generator = np.random.default_rng(3)
    names = np.array(["front", "left", "right", "back"])
    true, taken = names[generator.integers(0, 4, 500)], names[generator.integers(0, 4, 500)]
    report = class_report(list(zip(true.tolist(), taken.tolist(), strict=True)))
    for row in report.rows():
        both = np.count_nonzero((true == row["name"]) & (taken == row["name"]))
        precision, recall = both / np.count_nonzero(taken == row["name"]), both / row["support"]
        assert (row["precision"], row["recall"]) == pytest.approx((precision, recall))
        assert row["f1"] == pytest.approx(2 * precision * recall / (precision + recall))
    assert report.accuracy == pytest.approx((true == taken).mean())


def test_overall_accuracy_is_over_heads_and_not_a_mean_over_batches():
    pairs = [("front", "front")] * 32 + [("back", "front")]
    mean_over_batches = (1.0 + 0.0) / 2
    assert class_report(pairs).accuracy == pytest.approx(32 / 33)
    assert class_report(pairs).accuracy != mean_over_batches


def test_no_pairs_give_no_shares():
    report = class_report([])
    assert (report.count, report.accuracy, report.balanced_accuracy) == (0, None, None)


def test_sides_are_one_class_where_the_labels_say_so():
    heads = [
        outcome(label="side", estimated=(70, 0, 0)),
        outcome(label="side", estimated=(-70, 0, 0)),
        outcome(label="front", estimated=(10, 0, 0)),
        outcome(label="back", estimated=(180, 0, 0)),
    ]
    assert class_pairs(heads) == [(name, name) for name in ("side", "side", "front", "back")]
    figures = summarise(run_of(*heads))
    assert figures["classes"]["accuracy"] == 1
    assert figures["facing_accuracy"] is None  # left and right are not told apart by these labels
    assert "side" in table(figures, name="x")


def test_an_orientation_model_is_read_by_its_own_probabilities():
    told = outcome(label="side", estimated=(0, 0, 0), known=(), orientation=(0.2, 0.7, 0.1))
    assert read_class(told.pose, of={"side", "front"}) == "side"
    assert read_class(told.pose) == "side"
    figures = summarise(run_of(told))
    assert figures["found"] == 1
    assert figures["accuracy_by"] is None
    assert errors_by_head(run_of(told))[0]["facing"] == "side"
    both = outcome(estimated=(80, 0, 0), orientation=(0.9, 0.1, 0.0)).pose
    assert read_class(both) == "left"  # its direction tells more than its probabilities
    assert read_class(both, of={"side"}) == "front"


def test_labels_of_two_sides_are_one_where_the_network_knows_one():
    heads = [outcome(label="left", guess="side"), outcome(label="front", guess="front")]
    assert class_pairs(heads) == [("side", "side"), ("front", "front")]


def test_a_stated_class_counts_before_the_pose():
    assert class_pairs([outcome(label="front", estimated=(90, 0, 0), guess="front")]) == [("front", "front")]
    assert class_pairs([outcome(label="front")]) == [("front", None)]


# ---- curves


def errors_file(path: Path, *outcomes) -> Path:
    path.write_text(json.dumps({"schema": 1, "heads": errors_by_head(run_of(*outcomes))}))
    return path


def test_curves_count_missed_heads_and_share_one_error(tmp_path):
    full = errors_file(
        tmp_path / "full.json",
        *(outcome(true=(0, 0, 0), estimated=(yaw, 0, 0)) for yaw in (3, 12)),
        outcome(true=(0, 0, 0)),
    )
    front = errors_file(
        tmp_path / "front.json", outcome(true=(0, 0, 40), estimated=(0, 20, 0), known=("yaw", "pitch"))
    )
    (alone,) = read_curves([full])
    assert alone.rule == "geodesic"
    assert alone.shares([2, 5, 12.01, 180]) == pytest.approx([0, 1 / 3, 2 / 3, 2 / 3])
    numbers = curves_to_dict(read_curves([full, front]))
    assert numbers["error"] == "front_angle"
    assert [curve["name"] for curve in numbers["curves"]] == ["full", "front"]
    assert numbers["limits"] == list(LIMITS_DEG)
    assert numbers["limits"][0] == 5
    assert numbers["limits"][-1] == 180
    assert numbers["curves"][1]["shares"][2:4] == [0, 1]  # 20 degrees off, rounding up to the printed digits
    assert len(numbers["fine_limits"]) == len(numbers["curves"][0]["fine_shares"])


def test_files_that_are_no_errors_are_named(tmp_path):
    wrong = tmp_path / "wrong.json"
    wrong.write_text("[1]")
    with pytest.raises(DataError, match=r"wrong\.json holds no errors"):
        read_curves([wrong])
    missed = errors_file(tmp_path / "missed.json", outcome(true=(0, 0, 0)))
    with pytest.raises(DataError, match="no kind of error"):
        read_curves([missed])


# ---- checkpoints


def test_checkpoints_are_listed_by_epoch(tmp_path):
    for name in ("ep_10.onnx", "ep_9.onnx", "ep_9.safetensors", "best.safetensors", "note.txt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / ".ep_9.77.part.safetensors").touch()  # of a killed run
    found = find_checkpoints(tmp_path)
    assert [(one.name, one.epoch, one.path.suffix) for one in found] == [
        ("ep_9", 9, ".onnx"),
        ("ep_10", 10, ".onnx"),
        ("best", None, ".safetensors"),
    ]
    assert [one.name for one in find_checkpoints(tmp_path, epochs=(10, None))] == ["ep_10"]
    assert [one.name for one in find_checkpoints(tmp_path, epochs=(None, 9))] == ["ep_9"]
    with pytest.raises(ModelError, match="of the epochs 11:"):
        find_checkpoints(tmp_path, epochs=(11, None))


def test_the_best_on_the_test_set_is_never_the_result():
    rows = [{"geodesic_mean": 3.0}, {"geodesic_mean": 9.0}]
    assert choose(rows, selected_on=None).index == 1
    assert "last" in choose(rows, selected_on=None).reason
    assert choose(rows, selected_on="renders").index == 0
    assert choose([{"facing_accuracy": 0.4}, {"facing_accuracy": 0.9}], selected_on="x").index == 1
    with pytest.raises(DataError, match="no figure"):
        choose([{"yaw": 1.0}, {"yaw": None}], selected_on="x")


def test_the_same_pictures_are_found_under_other_names(tmp_path):
    (tmp_path / "a.png").write_bytes(b"one")
    (tmp_path / "copy.png").write_bytes(b"one")
    (tmp_path / "b.png").write_bytes(b"two")
    first = [Sample("a", tmp_path / "a.png", ()), LeftOut("b", "no")]
    second = [Sample("x", tmp_path / "copy.png", ()), Sample("y", tmp_path / "b.png", ())]
    assert shared_pictures(first, second) == 1
    assert shared_pictures(first, second[1:]) == 0


def test_the_chosen_checkpoint_is_marked(tmp_path):
    for epoch in (1, 2):
        (tmp_path / f"{epoch}.onnx").write_bytes(b"")
    rows = [{"geodesic_mean": 5.0, "mae": 3.0, "yaw": 2.0, "front_angle": 4.0}, {"yaw": 1.5}]
    text = checkpoint_table(find_checkpoints(tmp_path), rows, chosen=0, measured_on="renders")
    assert "* 1 " in text
    assert text.splitlines()[-1].split() == ["2", "-", "-", "1.50", "-"]
