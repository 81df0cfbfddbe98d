"""Signs and axes: each wrong reading of labels is named, and the right one is left in peace."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from doctor_sets import by_name, poses, reader
from facing.datasets.doctor import check_set
from facing.datasets.doctor.signs import sign_findings
from facing.datasets.doctor.witness import Witness
from facing.datasets.sample import ANGLES, LabelledHead, Sample, load_reader
from facing.errors import ModelError
from facing.geometry.rotation import euler_from_rotation, rotation_from_euler
from facing.runtime.weights import weights_path

SHARED = Path(__file__).parents[2].parent / "shared"
AFLW2000 = SHARED / "data" / "AFLW2000"
NOISE_DEG = 8.0  # what our network differs from the labels of photographs


def noisy(rotations, *, seed=0):
    rng = np.random.default_rng(seed)
    turns = Rotation.from_rotvec(rng.normal(0, NOISE_DEG / np.sqrt(3), (len(rotations), 3)), degrees=True)
    return turns.as_matrix() @ rotations


def seen(labels, estimates, *, known=ANGLES):
    none = np.zeros((0, 4), np.float32)
    return [
        Witness(str(index), LabelledHead(None, label, known=known), None, (None,), estimate, none, none[:, 0])
        for index, (label, estimate) in enumerate(zip(labels, estimates, strict=True))
    ]


def misread(rotations, how):
    """Write labels wrongly; scipy's angles, so that the names are not our own."""
    # M = Rx(-pitch) Ry(-yaw) Rz(-roll) is scipy's intrinsic "XYZ" of the negated angles.
    pitch, yaw, roll = -Rotation.from_matrix(rotations).as_euler("XYZ", degrees=True).T
    wrong = {
        "yaw": (pitch, -yaw, roll),
        "pitch": (-pitch, yaw, roll),
        "roll": (pitch, yaw, -roll),
        "yaw roll": (pitch, -yaw, -roll),
        "swap": (yaw, pitch, roll),
        "radians": tuple(np.radians([pitch, yaw, roll])),
    }[how]
    return Rotation.from_euler("XYZ", -np.stack(wrong, 1), degrees=True).as_matrix()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("yaw", "yaw carries the opposite sign: error"),
        ("pitch", "pitch carries the opposite sign: error"),
        ("roll", "roll carries the opposite sign: error"),
        ("yaw roll", "yaw and roll carry the opposite sign: error"),
        ("swap", "yaw and pitch are swapped: error"),
        ("radians", "angles are in radians: error"),
    ],
)
def test_a_wrong_reading_is_named(how, words):
    true = poses(60)
    found = by_name(sign_findings(seen(misread(true, how), noisy(true))))
    assert set(found) == {"sign"}
    assert found["sign"].severity == "fault"
    assert found["sign"].text.startswith(words)
    assert found["sign"].figures["error_after_deg"] < 1.3 * NOISE_DEG


def test_transposed_rotations_are_named():
    true = poses(60)
    found = by_name(sign_findings(seen(np.swapaxes(true, -1, -2), noisy(true))))
    assert found["sign"].text.startswith("the rotation is transposed")


def test_pictures_turned_on_their_side_are_named():
    true = poses(60)
    turned = Rotation.from_euler("z", 90, degrees=True).as_matrix() @ true
    found = by_name(sign_findings(seen(turned, noisy(true))))
    assert found["sign"].text.startswith("the camera (or the picture) is turned by a constant")


@pytest.mark.parametrize("seed", range(10))
def test_right_labels_are_left_in_peace(seed):
    true = poses(60, seed=seed)
    found = by_name(sign_findings(seen(true, noisy(true, seed=seed))))
    assert set(found) == {"agreement"}
    assert found["agreement"].severity == "note"


def test_yaw_alone():
    true = poses(60)
    yaw = euler_from_rotation(true).yaw
    wrong = rotation_from_euler(yaw=-yaw, pitch=0.0, roll=0.0)
    found = by_name(sign_findings(seen(wrong, noisy(true), known=("yaw",))))
    assert found["sign"].text.startswith("yaw carries the opposite sign")


def test_a_small_roll_of_opposite_sign_shows_in_its_correlation():
    angles = np.random.default_rng(0).normal(0, (30, 12, 5), (60, 3))
    true = rotation_from_euler(yaw=angles[:, 0], pitch=angles[:, 1], roll=angles[:, 2])
    wrong = rotation_from_euler(yaw=angles[:, 0], pitch=angles[:, 1], roll=-angles[:, 2])
    noise = np.random.default_rng(1).normal(0, (9, 9, 2), (60, 3))
    close = angles + noise
    estimates = rotation_from_euler(yaw=close[:, 0], pitch=close[:, 1], roll=close[:, 2])
    found = list(sign_findings(seen(wrong, estimates)))
    assert [one.name for one in found if one.severity == "fault"] == ["sign"]
    assert "roll" in found[0].text
    assert {one.severity for one in sign_findings(seen(true, estimates))} == {"note"}


def test_shuffled_labels_belong_to_nothing():
    true = poses(60)
    found = list(sign_findings(seen(true[::-1], noisy(true))))
    assert {one.severity for one in found} == {"warning"}
    assert {one.name for one in found} >= {"agreement", "unrelated-angle"}


def test_too_few_pictures_say_nothing():
    true = poses(8)
    assert list(sign_findings(seen(misread(true, "yaw"), true))) == []


def test_left_and_right_swapped():
    none = np.zeros((0, 4), np.float32)
    rows = [
        Witness(
            str(index),
            LabelledHead(None, None, label="left" if side > 0 else "right"),
            None,
            (None,),
            rotation_from_euler(yaw=40.0 * side, pitch=0.0, roll=0.0),
            none,
            none[:, 0],
        )
        for index, side in enumerate([1, -1] * 10)
    ]
    assert by_name(sign_findings(rows))["agreement"].severity == "note"
    turned = [
        Witness(
            one.key,
            LabelledHead(None, None, label=other.head.label),
            None,
            (None,),
            one.rotation,
            none,
            none[:, 0],
        )
        for one, other in zip(rows, rows[1:] + rows[:1], strict=True)
    ]
    assert by_name(sign_findings(turned))["sign"].text.startswith("left and right are swapped")


def shipped() -> bool:
    try:
        return weights_path("small").is_file()
    except ModelError:
        return False


@pytest.mark.skipif(not AFLW2000.is_dir(), reason="the shared labelled photographs are not here")
@pytest.mark.skipif(not shipped(), reason="the shipped weights are not here")
@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("right", None),
        ("yaw", "yaw carries the opposite sign"),
        ("yaw roll", "yaw and roll carry"),
        ("pitch", "pitch carries the opposite sign"),
        ("swap", "yaw and pitch are swapped"),
    ],
)
def test_photographs_with_wrong_labels(how, words):
    real = load_reader("aflw2000")
    samples = [one for one in real.samples(AFLW2000) if isinstance(one, Sample)][:80]
    if how != "right":
        labels = misread(np.array([one.heads[0].rotation for one in samples]), how)
        samples = [
            Sample(one.key, one.picture, (LabelledHead(one.heads[0].box, label, known=ANGLES),))
            for one, label in zip(samples, labels, strict=True)
        ]
    report = check_set(reader(samples), AFLW2000, look_at=40, threads=1, limit=80)
    found = {one.name: one for one in report.findings if one.severity != "warning" or one.name == "sign"}
    assert report.looked_at == 40
    if words is None:
        assert report.healthy
        assert found["agreement"].figures["correlation"]["yaw"] > 0.9
        assert found["agreement"].figures["error_deg"] < 15
    else:
        assert not report.healthy
        assert found["sign"].text.startswith(words)
