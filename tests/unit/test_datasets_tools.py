"""Counting, splitting, drawing, cropping and balancing labelled sets."""

import csv
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facing.crop import PUBLISHED, CropSpec, crop_heads
from facing.datasets.choose import balanced_keys, selected_keys
from facing.datasets.crops import crop_set
from facing.datasets.describe import set_facts, set_table, set_text
from facing.datasets.draw import draw_pictures, draw_sample, draw_sheet, draw_tile, spread_samples
from facing.datasets.sample import ANGLES, LabelledHead, LeftOut, Sample, load_reader, reader_names
from facing.datasets.split import read_keys, split_keys
from facing.datasets.stats import bin_counts, count_set, stats_dict, stats_text
from facing.errors import DataError, UnknownNameError
from facing.geometry.rotation import geodesic_deg, rotation_from_euler
from facing.picture import load_picture

GREY = (90, 90, 90)


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (120, 90), GREY).save(path)
    return path


def head(*, yaw=20.0, box=(40, 30, 60, 50), known=ANGLES, **rest):
    return LabelledHead(box, rotation_from_euler(yaw=yaw, pitch=-5.0, roll=3.0), known=known, **rest)


def person_samples(*, people=20, each=7):
    return [
        Sample(f"{p}/{k}", Path("a.png"), (head(yaw=k * 10.0),), source=f"person {p}")
        for p in range(people)
        for k in range(each)
    ]


def test_counts_by_hand():
    entries = [
        Sample("a", Path("a"), (head(yaw=-20.0), head(yaw=40.0, box=(0, 0, 10, 30))), source="p"),
        Sample("b", Path("b"), (LabelledHead(None, None, label="back"),), source="p"),
        Sample("c", Path("c"), (head(yaw=14.0, known=("yaw",)),)),
        Sample("p", Path("p"), ()),
        LeftOut("d", "broken"),
        LeftOut("e", "broken"),
    ]
    counts = count_set(entries)
    assert (counts.pictures, counts.heads, counts.sources) == (4, 4, 3)
    assert counts.left_out == {"broken": 2}
    assert counts.classes == {"back": 1}
    np.testing.assert_allclose(counts.angles["yaw"], [-20, 40, 14])
    assert len(counts.angles["roll"]) == 2
    assert counts.box_sides.tolist() == [20, 30, 20]
    facts = stats_dict(counts, by=("yaw",), width=30)
    assert [(one["from"], one["to"], one["heads"]) for one in facts["bins"]["yaw"]] == [
        (-30, 0, 1),
        (0, 30, 1),
        (30, 60, 1),
    ]
    assert facts["angles"]["yaw"]["p0"] == -20
    text = stats_text(counts, by=("yaw",), width=30)
    assert "2 (broken)" in text
    assert "-30 to 0" in text
    assert "pitch, degrees" not in text


def test_bins_hold_every_value_once():
    values = np.array([-180.0, -0.1, 0.0, 14.999, 15.0, 180.0])
    bins = bin_counts(values, width=15)
    assert sum(count for _, count in bins) == len(values)
    assert dict(bins)[-15] == 1
    assert dict(bins)[0] == 2
    assert dict(bins)[15] == 1
    assert [low for low, _ in bins] == list(range(-180, 181, 15))
    assert bin_counts(np.array([]), width=15) == []


@pytest.mark.parametrize("name", reader_names())
def test_every_set_can_be_described(name):
    reader = load_reader(name)
    text = set_text(reader, name=name)
    words = " ".join(text.split())
    for part in (reader.title, reader.licence, reader.box_rule, reader.convention):
        assert " ".join(part.split()) in words
    assert ("must not be shipped" in words) is not reader.may_train_shipped_weights
    assert set_facts(reader, name=name)["known"] == list(reader.known)
    assert reader.title in set_table([(name, reader)])


def test_no_person_is_on_two_sides_and_shares_are_kept():
    samples = person_samples()
    split = split_keys(samples, parts={"train": 0.7, "val": 0.2, "test": 0.1}, seed=3)
    assert sorted(key for keys in split.values() for key in keys) == sorted(s.key for s in samples)
    people = {name: {key.split("/")[0] for key in keys} for name, keys in split.items()}
    assert {name: len(found) for name, found in people.items()} == {"train": 14, "val": 4, "test": 2}
    assert not people["train"] & people["val"]
    assert not people["train"] & people["test"]
    assert not people["val"] & people["test"]


def test_a_split_depends_on_the_seed_and_not_on_the_order():
    samples = person_samples()
    parts = {"train": 8, "val": 2}
    first = split_keys(samples, parts=parts, seed=1)
    shuffled = samples[:]
    random.Random(0).shuffle(shuffled)
    assert split_keys([LeftOut("x", "broken"), *shuffled], parts=parts, seed=1) == first
    assert split_keys(samples, parts=parts, seed=2) != first
    # By picture, a person may be on both sides: 140 pictures in exact shares.
    by_picture = split_keys(samples, parts=parts, seed=1, by="picture")
    assert [len(by_picture[name]) for name in parts] == [112, 28]
    assert {key.split("/")[0] for key in by_picture["train"]} & {k.split("/")[0] for k in by_picture["val"]}


def test_what_cannot_be_split_is_refused():
    with pytest.raises(DataError, match="1 groups by source for 2 parts"):
        split_keys(person_samples(people=1), parts={"train": 0.5, "val": 0.5})
    with pytest.raises(DataError, match="share above 0"):
        split_keys(person_samples(), parts={"train": 1.0, "val": 0.0})


@pytest.mark.parametrize(
    ("source", "by", "warned"), [(None, "source", 1), (None, "picture", 0), ("x", "source", 0)]
)
def test_a_set_without_sources_is_split_with_a_warning(caplog, source, by, warned):
    samples = [
        Sample("a", Path("a"), (), source=source),
        Sample("b", Path("b"), ()),
        LeftOut("c", "broken"),
    ]
    split_keys(samples, parts={"train": 1.0, "val": 1.0}, by=by)
    assert [record.message[:22] for record in caplog.records] == ["the set names no perso"] * warned


def test_lists_of_keys(tmp_path):
    (tmp_path / "l.txt").write_text("a/b\n\nc d\n")
    assert read_keys(tmp_path / "l.txt") == {"a/b", "c d"}
    (tmp_path / "l.txt").write_text("\n")
    with pytest.raises(DataError, match="no key"):
        read_keys(tmp_path / "l.txt")
    with pytest.raises(DataError, match=r"gone\.txt"):
        read_keys(tmp_path / "gone.txt")


def test_labels_are_drawn_where_they_are(picture):
    points = np.array([[20.5, 70.5], [np.nan, 1.0]])
    sample = Sample("a", picture, (head(landmarks={"own": points}),))
    drawn = draw_sample(sample, styles=("landmarks",)).astype(int)
    changed = np.argwhere(np.any(drawn != GREY, axis=-1))
    assert len(changed) > 0
    assert np.abs(changed - (70, 20)).max() <= 2
    # A tile shows 1.9 box sides, so the box of 20 pixels is 53 % of it, in the middle.
    tile = draw_tile(Sample("a", picture, (head(),)), side=190, styles=("box",)).astype(int)
    rows, columns = np.nonzero(np.any(tile != GREY, axis=-1))
    for found in (rows, columns):
        assert 38 <= found.min() <= 46
        assert 143 <= found.max() <= 151


def test_heads_without_angles_get_their_box_and_class(picture):
    sample = Sample("a", picture, (LabelledHead((10, 10, 80, 80), None, label="back"),))
    plain = draw_sample(Sample("a", picture, (LabelledHead((10, 10, 80, 80), None),)), styles=("axes", "box"))
    assert np.any(plain != GREY)
    assert np.all(plain[40:60, 40:60] == GREY)  # no axes in the middle
    assert np.any(draw_sample(sample, styles=("axes", "box")) != plain)


def test_one_bad_picture_leaves_a_grey_tile(tmp_path, picture):
    samples = [Sample(f"{k}", picture, (head(),)) for k in range(3)]
    samples[1] = Sample("bad", tmp_path / "gone.png", (head(),))
    sheet, failed = draw_sheet(samples, side=64, columns=2)
    assert [key for key, _ in failed] == ["bad"]
    assert sheet.shape == (2 * 80, 128, 3)
    written, failed = draw_pictures(samples, tmp_path / "drawn")
    assert (written, len(failed)) == (2, 1)
    assert sorted(file.name for file in (tmp_path / "drawn").iterdir()) == ["0.jpg", "2.jpg"]
    with pytest.raises(UnknownNameError, match="axes"):
        draw_sheet(samples, styles=("axis",))
    with pytest.raises(DataError, match="no picture"):
        draw_sheet([])


@pytest.mark.parametrize("total", [1, 7, 8, 9, 100, 1000])
def test_samples_are_spread_over_the_set(total):
    samples = [Sample(f"{k}", Path("a"), ()) for k in range(total)]
    places = [int(s.key) for s in spread_samples([LeftOut("x", "y"), *samples], count=8)]
    assert len(places) == min(8, total)
    edges = np.array([-1, *places, total])
    assert np.all(np.diff(edges) >= 1)
    # No gap is more than three times the even one.
    assert np.diff(edges).max() <= 3 * max(1, total / 8)


@pytest.mark.parametrize("spec", [CropSpec(side=48), PUBLISHED["fsanet"], PUBLISHED["hopenet"]])
def test_crops_follow_the_contract_and_keep_their_labels(tmp_path, spec):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (90, 120, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    heads = (head(), head(yaw=-70.0, box=(0, 0, 30, 40)), head(box=(500, 0, 510, 10)))
    entries = [Sample("sub/a", tmp_path / "a.png", heads), Sample("b", tmp_path / "bad.png", heads)]
    tally = crop_set(entries, tmp_path / "out", spec=spec)
    assert (tally.written, [key for key, _ in tally.failed]) == (2, ["b"])
    assert tally.left_out == Counter({"head box misses the picture or has no area": 1})
    read = list(load_reader("csv").samples(tmp_path / "out"))
    truth = crop_heads(load_picture(tmp_path / "a.png"), [one.box for one in heads[:2]], spec)
    for sample, one, pixels, affine in zip(read, heads, *truth, strict=False):
        np.testing.assert_array_equal(load_picture(sample.picture), pixels)
        assert geodesic_deg(sample.heads[0].rotation, one.rotation) < 1e-4
        assert sample.source == "sub/a"
        corners = np.reshape(one.box, (2, 2)) @ affine[:, :2].T + affine[:, 2]
        np.testing.assert_allclose(sample.heads[0].box, corners.ravel(), atol=0.006)
    assert len(read) == 2
    with (tmp_path / "out" / "heads.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == 2


def test_no_bin_has_more_than_was_asked():
    yaws = {f"{k}": float(yaw) for k, yaw in enumerate(np.random.default_rng(1).normal(0, 25, 400))}
    samples = [Sample(key, Path("a"), (head(yaw=yaw),)) for key, yaw in yaws.items()]
    samples.append(Sample("none", Path("a"), (LabelledHead(None, None),)))
    keys = balanced_keys(samples, by="yaw", per_bin=10, width=20)
    natural = Counter(int(yaw // 20) for yaw in yaws.values())
    assert Counter(int(yaws[key] // 20) for key in keys) == Counter(
        {place: min(10, count) for place, count in natural.items()}
    )
    assert balanced_keys(samples[::-1], by="yaw", per_bin=10, width=20) == keys
    assert balanced_keys(samples, by="yaw", per_bin=10, width=20, seed=1) != keys


def test_a_picture_counts_in_the_bin_of_its_largest_head():
    large, small = head(yaw=40.0, box=(0, 0, 50, 50)), head(yaw=0.0, box=(0, 0, 5, 5))
    samples = [Sample("a", Path("a"), (small, large)), Sample("b", Path("b"), (large,))]
    assert len(balanced_keys(samples, by="yaw", per_bin=1)) == 1


def test_selection_by_pose_size_and_source():
    samples = [*person_samples(people=3), LeftOut("x", "broken"), Sample("none", Path("a"), ())]
    samples.append(Sample("box", Path("a"), (LabelledHead((0, 0, 5, 5), None),)))
    assert len(selected_keys(samples)) == 22
    assert selected_keys(samples, smallest=20) == sorted(s.key for s in samples[:21])
    in_range = selected_keys(samples, ranges={"yaw": (9.9, 30.1), "pitch": (-6.0, 0.0)})
    assert in_range == [f"{p}/{k}" for p in range(3) for k in (1, 2, 3)]
    two = selected_keys(samples, ranges={"yaw": (-1.0, 90.0)}, per_source=2)
    assert Counter(key.split("/")[0] for key in two) == {"0": 2, "1": 2, "2": 2}
    assert selected_keys(samples[::-1], ranges={"yaw": (-1.0, 90.0)}, per_source=2) == two
    assert selected_keys(samples, ranges={"yaw": (-1.0, 90.0)}, per_source=2, seed=1) != two
