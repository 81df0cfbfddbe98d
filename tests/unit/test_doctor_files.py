"""What the doctor says about files, rotations, copies and leaks: each on files that have the fault."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from doctor_sets import BOX, by_name, picture, poses, reader, write_samples
from facing.datasets.doctor import check_set, report_text, survey
from facing.datasets.doctor.labels import label_findings
from facing.datasets.sample import ANGLES, LabelledHead, LeftOut, Sample
from facing.errors import DataError
from facing.geometry.rotation import rotation_from_euler


def checked(samples, folder, **settings):
    about = {name: settings.pop(name) for name in ("expected", "known") if name in settings}
    return check_set(reader(samples, **about), folder, look_at=0, **settings)


def labelled(rotations, *, known=ANGLES):
    """Samples whose pictures do not matter."""
    return [
        Sample(f"{index:03}", Path("none.png"), (LabelledHead(BOX, rotation, known=known),))
        for index, rotation in enumerate(rotations)
    ]


def relabelled(sample: Sample, rotation) -> Sample:
    return replace(sample, heads=(replace(sample.heads[0], rotation=rotation),))


def test_a_healthy_set_is_healthy(tmp_path):
    report = checked(write_samples(tmp_path, count=30), tmp_path, expected=30)
    assert report.findings == ()
    assert report.healthy
    assert report_text(report).splitlines()[-1] == "no faults, no warnings, no notes"


def test_broken_missing_and_blank_pictures_are_counted_and_the_rest_is_checked(tmp_path):
    samples = write_samples(tmp_path, count=12)
    samples[2].picture.write_bytes(b"no picture at all")
    samples[3].picture.write_bytes(samples[3].picture.read_bytes()[:300])
    samples[5].picture.unlink()
    Image.new("RGB", (40, 40), (80, 80, 80)).save(samples[7].picture)
    report = checked(samples, tmp_path)
    found = by_name(report.findings)
    assert found["unreadable-picture"].keys == ("0_002", "0_003")
    assert found["missing-picture"].keys == ("0_005",)
    assert found["blank-picture"].keys == ("0_007",)
    assert not report.healthy
    assert "0_002, 0_003" in report_text(report)


def test_pictures_without_labels_and_counts(tmp_path):
    samples = write_samples(tmp_path, count=10)
    left = LeftOut("0_009", "an angle over 99 degrees")
    found = by_name(checked([*samples[:8], left], tmp_path, expected=20).findings)
    assert found["no-label"].keys == ("0_008.png",)
    assert found["count"].figures == {"found": 8, "expected": 20}
    assert found["left-out"].severity == "note"
    limited = by_name(checked(samples[:8], tmp_path, expected=20, limit=4).findings)
    assert not {"no-label", "count"} & set(limited)


def test_labels_that_the_reader_could_not_use_are_a_fault(tmp_path):
    samples = write_samples(tmp_path, count=10)
    found = by_name(checked([*samples, LeftOut("0_010", "label cannot be read")], tmp_path).findings)
    assert found["unusable-label"].severity == "fault"
    assert found["unusable-label"].keys == ("0_010",)


def test_a_reader_that_gives_up_on_the_way_is_a_finding_and_at_the_start_an_error(tmp_path):
    samples = write_samples(tmp_path, count=3)

    def broken(first):
        yield from first
        raise DataError("heads-1.tar is cut off; write it again")

    assert survey(broken(samples)).stopped == "heads-1.tar is cut off; write it again"
    with pytest.raises(DataError, match="cut off"):
        survey(broken([]))
    made = replace(reader([]), samples=lambda _: broken(samples))
    found = by_name(check_set(made, tmp_path, look_at=0).findings)
    assert "heads-1.tar" in found["stopped"].text


def test_double_keys(tmp_path):
    samples = write_samples(tmp_path, count=4)
    samples[3] = replace(samples[3], key=samples[0].key)
    assert by_name(checked(samples, tmp_path).findings)["double-key"].keys == ("0_000",)


def test_rotations_that_are_none():
    rotations = list(poses(30))
    rotations[1] = np.full((3, 3), np.nan)
    rotations[2] = 1.5 * rotations[2]
    rotations[3] = np.diag([1.0, 1.0, -1.0])
    samples = labelled(rotations)
    samples[4] = replace(samples[4], heads=(LabelledHead(BOX, None),))
    found = by_name(label_findings(samples, reader=reader([])))
    assert found["no-proper-rotation"].keys == ("001", "002", "003")
    assert found["no-rotation"].keys == ("004",)
    assert set(found) == {"no-proper-rotation", "no-rotation"}


def test_angles_over_the_limit_and_the_gimbal_region():
    rotations = list(poses(98))
    rotations += [rotation_from_euler(yaw=120.0, pitch=5.0, roll=3.0)]
    rotations += [rotation_from_euler(yaw=-88.0, pitch=5.0, roll=3.0)]
    found = by_name(label_findings(labelled(rotations), reader=reader([])))
    assert found["over-range"].keys == ("098",)
    assert found["over-range"].severity == "warning"
    assert found["gimbal"].keys == ("099",)
    wide = by_name(label_findings(labelled(rotations), reader=reader([]), most_deg=130.0))
    assert "over-range" not in wide


def test_radians():
    angles = np.radians(np.random.default_rng(1).normal(0, (35, 15, 12), (60, 3)))
    rotations = rotation_from_euler(yaw=angles[:, 0], pitch=angles[:, 1], roll=angles[:, 2])
    found = by_name(label_findings(labelled(rotations), reader=reader([])))
    assert found["radians"].severity == "fault"
    assert "180 / pi" in found["radians"].advice
    assert "radians" not in by_name(label_findings(labelled(poses(60)), reader=reader([])))


def test_an_angle_that_never_changes_and_one_that_is_not_stated():
    yaw = np.random.default_rng(0).uniform(-70, 70, 40)
    rotations = rotation_from_euler(yaw=yaw, pitch=0.3 * yaw, roll=0.0)
    found = by_name(label_findings(labelled(rotations), reader=reader([])))
    assert found["constant-angle"].figures["angles"] == ["roll"]
    stated = labelled(rotations, known=("yaw", "pitch"))
    assert by_name(label_findings(stated, reader=reader([]))) == {}


def test_one_rotation_zero_labels_copied_labels_and_grids():
    rotations = poses(60)
    same = by_name(label_findings(labelled([rotations[0]] * 30), reader=reader([])))
    assert set(same) == {"one-rotation"}
    assert same["one-rotation"].severity == "fault"
    rotations[10:14] = np.eye(3)
    rotations[31] = rotations[30]
    found = by_name(label_findings(labelled(rotations), reader=reader([])))
    assert found["zero-label"].keys == ("010", "011", "012", "013")
    assert found["copied-label"].keys == ("030", "031")
    steps = np.random.default_rng(0).integers(-5, 6, (90, 2)) * 15.0
    grid = rotation_from_euler(yaw=steps[:, 0], pitch=steps[:, 1] / 5, roll=0.0)
    few = by_name(label_findings(labelled([*grid, *grid, *grid], known=("yaw", "pitch")), reader=reader([])))
    assert few["grid"].severity == "note"
    assert "copied-label" not in few


def test_copies_and_their_labels(tmp_path):
    samples = write_samples(tmp_path, count=20)
    for name, index in (("copy", 4), ("other", 8)):
        path = tmp_path / f"{name}.jpg"
        Image.fromarray(picture(index)).save(path, quality=60)
        samples.append(replace(samples[index], key=name, picture=path))
    turned = rotation_from_euler(yaw=70.0, pitch=0.0, roll=0.0) @ samples[8].heads[0].rotation
    samples[-1] = relabelled(samples[-1], turned)
    found = by_name(checked(samples, tmp_path).findings)
    groups = found["near-duplicate"].figures["groups"]
    assert groups == [["0_004", "copy"], ["0_008", "other"]]
    assert found["near-duplicate"].severity == "warning"
    assert found["duplicate-other-label"].keys == ("0_008", "other")
    assert "duplicate-across-sources" not in found


def test_copies_within_a_source_are_a_note_and_across_sources_a_fault(tmp_path):
    samples = write_samples(tmp_path, count=8)
    path = tmp_path / "copy.png"
    Image.fromarray(picture(4)).save(path)
    samples = [replace(sample, source="a") for sample in samples]
    copy = replace(samples[4], key="copy", picture=path)
    within = by_name(checked([*samples, copy], tmp_path).findings)
    assert within["near-duplicate"].severity == "note"
    across = by_name(checked([*samples, replace(copy, source="b")], tmp_path).findings)
    assert across["duplicate-across-sources"].keys == ("0_004", "copy")


def mirrored_copies(folder: Path, samples, *, rotations):
    made = []
    for sample, rotation in zip(samples, rotations, strict=True):
        path = folder / f"{sample.key}_flip.jpg"
        Image.open(sample.picture).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path, quality=80)
        box = (160 - BOX[2], BOX[1], 160 - BOX[0], BOX[3])
        head = LabelledHead(box, rotation, known=ANGLES)
        made.append(Sample(path.stem, path, (head,)))
    return made


def test_a_mirrored_folder_counted_twice(tmp_path):
    samples = write_samples(tmp_path, count=15)
    side = np.diag([-1.0, 1.0, 1.0])
    right = [side @ sample.heads[0].rotation @ side for sample in samples]
    found = by_name(checked(samples + mirrored_copies(tmp_path, samples, rotations=right), tmp_path).findings)
    assert len(found["mirrored-copy"].figures["pairs"]) == 15
    assert found["mirrored-copy"].severity == "warning"
    assert "15 of 15 pairs are mirrored" in found["mirrored-copy"].text
    assert "mirrored-label" not in found
    wrong = [sample.heads[0].rotation for sample in samples]
    found = by_name(checked(samples + mirrored_copies(tmp_path, samples, rotations=wrong), tmp_path).findings)
    assert found["mirrored-label"].severity == "fault"
    assert "0_000_flip" in found["mirrored-label"].keys


def test_leaks_between_splits_plain_mirrored_and_by_source(tmp_path):
    train = [replace(sample, source="ann") for sample in write_samples(tmp_path / "train", count=10)]
    test = [replace(sample, source="bob") for sample in write_samples(tmp_path / "test", count=6, seed=1)]
    assert checked(train, tmp_path, against=[("test", survey(test))]).healthy
    (tmp_path / "test" / "x").mkdir()
    leak = replace(train[3], key="leak", source=None)
    (flip,) = mirrored_copies(tmp_path / "test" / "x", train[6:7], rotations=[train[6].heads[0].rotation])
    known = replace(write_samples(tmp_path / "more", count=1, seed=2)[0], source="ann")
    found = by_name(checked(train, tmp_path, against=[("test", survey([*test, leak, flip, known]))]).findings)
    assert found["leak"].keys == ("0_003", "0_006")
    assert found["leak"].figures == {"plain": 1, "mirrored": 1}
    assert found["shared-source"].figures == {"sources": ["ann"]}
