import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facing.datasets.sample import LabelledHead, LeftOut, Sample, load_reader
from facing.errors import DataError, UnknownNameError
from facing.evaluation.predictions import (
    CONVENTIONS,
    EULER,
    FRONT,
    MATRIX,
    collect_predictions,
    read_predictions,
)
from facing.evaluation.run import evaluate_predictions
from facing.evaluation.summary import summarise
from facing.geometry import conventions, conventions_methods, conventions_systems
from facing.geometry.rotation import euler_from_rotation, front_from_rotation, rotation_from_euler

SHARED = Path(__file__).parents[2].parent / "shared"
DATA = SHARED / "data"
ALL = ("yaw", "pitch", "roll")
POSE = rotation_from_euler(yaw=35, pitch=-20, roll=12)
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs the labelled pictures beside the repository")


def write(path, rows):
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def head(*, box=(0.0, 0.0, 10.0, 10.0), rotation=POSE, label=None):
    return LabelledHead(box, rotation, known=ALL if rotation is not None else (), label=label)


def collected(path, rows, *samples, convention="300w-lp"):
    return collect_predictions(samples, read_predictions(write(path, rows), convention=convention))


def cells(names, values):
    return dict(zip(names, map(repr, map(float, np.ravel(values))), strict=True))


WRITERS = {
    ("300w-lp", EULER): euler_from_rotation,
    ("300w-lp", MATRIX): np.asarray,
    ("300w-lp", FRONT): front_from_rotation,
    ("6drepnet", EULER): euler_from_rotation,
    ("6drepnet", MATRIX): conventions_methods.sixdrepnet_from_rotation,
    ("adas", EULER): conventions_systems.adas_from_rotation,
    ("aflw", EULER): conventions.aflw_deg_from_rotation,
    ("biwi", EULER): euler_from_rotation,
    ("biwi", MATRIX): conventions.biwi_txt_from_rotation,
    ("compact", FRONT): conventions_methods.compact_vector_from_rotation,
    ("dad3dheads", MATRIX): conventions.dad3dheads_benchmark_from_rotation,
    ("kinect1", EULER): conventions_systems.kinect1_from_rotation,
    ("opal", MATRIX): conventions_methods.opal_from_rotation,
    ("opencv", MATRIX): conventions.opencv_turned,
    ("pyramid", EULER): euler_from_rotation,
    ("pyramid", MATRIX): conventions.pyramid_from_rotation,
    ("rekognition", EULER): conventions_systems.rekognition_from_rotation,
    ("skybiometry", EULER): conventions_systems.skybiometry_from_rotation,
    ("synergynet", EULER): conventions_methods.synergynet_from_rotation,
}


@pytest.mark.parametrize(
    ("convention", "columns"), [(name, columns) for name, forms in CONVENTIONS.items() for columns in forms]
)
def test_perfect_predictions_of_every_convention_have_no_error(tmp_path, convention, columns):
    row = {"key": "a", **cells(columns, WRITERS[convention, columns](POSE))}
    result = collected(
        tmp_path / "p.csv", [row], Sample("a", Path("a.png"), (head(),)), convention=convention
    )
    figures = summarise(result)
    assert figures["found"] == 1
    assert figures["front_angle"] < 1e-4
    if columns != FRONT:
        assert figures["geodesic_mean"] < 1e-4
    else:
        assert figures["roll"] is None
        assert figures["accuracy_by"] == "front_angle"


def test_rows_are_matched_by_key_file_name_or_stem_and_missing_ones_are_not_found(tmp_path):
    names = ("deep/key", "by_name.jpg", "by_stem", "absent")
    samples = [Sample(f"s{place}", Path("folder") / f"{place}.jpg", (head(),)) for place in range(4)]
    samples[0] = Sample("deep/key", Path("x.jpg"), (head(),))
    samples[1] = Sample("other", Path("folder/by_name.jpg"), (head(),))
    samples[2] = Sample("third", Path("folder/by_stem.png"), (head(),))
    rows = [{"picture": name, "yaw": 35, "pitch": -20, "roll": 12} for name in names]
    result = collected(tmp_path / "p.csv", rows, *samples, LeftOut("z", "not asked"))
    assert [outcome.found for outcome in result.outcomes] == [True, True, True, False]
    figures = summarise(result)
    assert (figures["count"], figures["found"], figures["boxes"]) == (4, 3, "predictions")
    assert figures["accuracy"]["5"] == 0.75
    assert figures["mae"] == pytest.approx(0, abs=1e-9)
    assert figures["skipped"] == {"not asked": 1}


def test_a_row_without_values_is_a_head_not_found(tmp_path):
    rows = [{"key": "a", "yaw": "", "pitch": "", "roll": ""}, {"key": "b", "yaw": 1, "pitch": 2, "roll": 3}]
    samples = [Sample(key, Path(key), (head(),)) for key in "ab"]
    assert [one.found for one in collected(tmp_path / "p.csv", rows, *samples).outcomes] == [False, True]


def test_without_roll_the_direction_alone_is_known(tmp_path):
    rows = [{"key": "a", "yaw": 35, "pitch": -20}]
    figures = summarise(collected(tmp_path / "p.csv", rows, Sample("a", Path("a"), (head(),))))
    assert figures["roll"] is None
    assert figures["front_angle"] == pytest.approx(0, abs=1e-6)


def test_classes_alone_are_judged_as_classes(tmp_path):
    rows = [{"key": "a", "label": "left"}, {"key": "b", "label": "front"}]
    samples = [Sample(key, Path(key), (head(rotation=None, label="left"),)) for key in "ab"]
    figures = summarise(collected(tmp_path / "p.csv", rows, *samples))
    assert figures["found"] == 2
    assert figures["classes"]["accuracy"] == figures["facing_accuracy"] == 0.5


def test_heads_of_one_picture_are_told_apart_by_boxes(tmp_path):
    picture = tmp_path / "two.png"
    Image.new("RGB", (64, 48)).save(picture)
    other = rotation_from_euler(yaw=-50, pitch=0, roll=0)
    sample = Sample("two", picture, (head(), head(box=(30.0, 10.0, 50.0, 30.0), rotation=other)))
    box = ("left", "top", "right", "bottom")
    swapped = [
        {"key": "two", "yaw": -50, "pitch": 0, "roll": 0, **dict(zip(box, (31, 10, 51, 30), strict=True))},
        {"key": "two", "yaw": 35, "pitch": -20, "roll": 12, **dict(zip(box, (0, 0, 10, 11), strict=True))},
        {"key": "two", "yaw": 1, "pitch": 1, "roll": 1, **dict(zip(box, (0, 40, 8, 48), strict=True))},
    ]
    figures = summarise(collected(tmp_path / "p.csv", swapped, sample))
    assert figures["found"] == 2
    assert figures["geodesic_mean"] < 1e-4
    bare = [{key: row[key] for key in ("key", *ALL)} for row in swapped]
    ordered = summarise(collected(tmp_path / "o.csv", [bare[1], bare[0]], sample))
    assert ordered["geodesic_mean"] < 1e-4
    three = collected(tmp_path / "q.csv", bare, sample)
    assert "add left, top, right, bottom" in three.failures[0][1]
    assert not any(outcome.found for outcome in three.outcomes)


@pytest.mark.parametrize(
    ("rows", "convention", "message"),
    [
        ([{"name": "a", "yaw": 1}], "300w-lp", "neither key nor picture"),
        ([{"key": "a", "angle": 1}], "300w-lp", "neither yaw, pitch, roll nor"),
        ([{"key": "a", "yaw": 1, "pitch": 2, "roll": "x"}], "300w-lp", r"p.csv line 2: .*not all numbers"),
        ([{"key": "a", "yaw": 1, "pitch": 2, "roll": "nan"}], "300w-lp", "not all finite"),
        ([{"key": "a", "vx": 0, "vy": 0, "vz": 0}], "300w-lp", "line 2 holds no pose"),
        ([{"key": "a", **dict.fromkeys(MATRIX, 1)}], "300w-lp", "are no rotation"),
        ([{"key": "a", "yaw": 1, "pitch": 2, "roll": 3}], "opencv", "does not know; these do: 300w-lp"),
        ([{"key": "b", "yaw": 1, "pitch": 2, "roll": 3}], "300w-lp", "it has 'b', the set 'a'"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, rows, convention, message):
    with pytest.raises(DataError, match=message):
        collected(tmp_path / "p.csv", rows, Sample("a", Path("a"), (head(),)), convention=convention)


def test_unknown_convention_names_the_nearest(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'opencv'"):
        read_predictions(tmp_path / "p.csv", convention="openvc")


@needs_data
def test_published_constant_through_a_file(tmp_path):
    reader = load_reader("aflw2000")
    keys = [sample.key for sample in reader.samples(DATA / "AFLW2000") if isinstance(sample, Sample)]
    path = write(tmp_path / "p.csv", [{"key": key, "yaw": 0, "pitch": 0, "roll": 0} for key in keys])
    figures = evaluate_predictions(reader, DATA / "AFLW2000", predictions=read_predictions(path)).figures
    assert (figures["count"], figures["found"]) == (160, 160)
    assert figures["mae"] == pytest.approx(17.26, abs=0.006)  # "always frontal", known from elsewhere
