"""From spreads and errors to a table, and from a model file to a calibrated one."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image
from scipy.optimize import isotonic_regression

from facing.cli import main
from facing.datasets.sample import LabelledHead, LeftOut, Reader, Sample, load_reader
from facing.errors import BoxError, DataError, ModelError
from facing.evaluation.metrics import expected_calibration_error
from facing.export import shifts
from facing.export.calibrate import Fit, calibrate, read_spreads
from facing.export.shifts import View, shifted, surroundings
from facing.export.spread_table import KNOTS, fit_table, rising_means
from facing.geometry.rotation import geodesic_deg, rotation_from_rotvec_rad
from facing.runtime.calibration import error_deg_from_spread
from facing.runtime.card import METADATA_KEY
from facing.runtime.estimator import PoseEstimator
from facing.runtime.session import Session
from facing.runtime.weights import weights_path
from facing.shards import ShardSample, encode, write_shard
from tiny_models import pose_card, write_pose

SHARED = Path(__file__).parents[2].parent / "shared"
AFLW2000 = SHARED / "data" / "AFLW2000"
ALL = ("yaw", "pitch", "roll")
GREEN, RED = 1, 0


def relation(spread_rad):
    """Some rising curve with a bend and a flat end, degrees."""
    return np.minimum(3 + 80 * spread_rad**1.5, 40)


def test_pooling_is_isotonic_regression():
    rng = np.random.default_rng(0)
    values, weight = np.sort(rng.normal(size=300)) + rng.normal(size=300), rng.uniform(0.1, 3, 300)
    expected = isotonic_regression(values, weights=weight).x
    assert rising_means(values, weight) == pytest.approx(expected, abs=1e-12)


def test_a_known_relation_is_recovered():
    rng = np.random.default_rng(1)
    spread = rng.gamma(2.0, 0.12, 20_000)
    error = relation(spread) * rng.exponential(size=20_000)
    table = fit_table(spread, error)
    assert len(table.spread_rad) <= KNOTS
    told = np.linspace(*np.quantile(spread, (0.02, 0.98)), 200)
    off = error_deg_from_spread(told, calibration=table) - relation(told)
    # The mean of 190 exponential errors, as behind the end knots, is known to 7 %.
    assert np.abs(off / relation(told)).max() < 0.15
    assert np.abs(off / relation(told)).mean() < 0.04
    fresh = rng.gamma(2.0, 0.12, 20_000)
    made = relation(fresh) * rng.exponential(size=20_000)
    told, best = error_deg_from_spread(fresh, calibration=table), relation(fresh)
    floor = expected_calibration_error(best, made)  # what the noise of the errors leaves of the truth itself
    assert expected_calibration_error(told, made) < floor + 0.25


def test_one_head_does_not_fix_an_end():
    rng = np.random.default_rng(2)
    spread = rng.uniform(0.1, 0.5, 2000)
    error = 100 * spread
    calm = fit_table(spread, error)
    spread[np.argmax(spread)], error[np.argmax(spread)] = 3.0, 180.0
    spread[np.argmin(spread)], error[np.argmin(spread)] = 0.0, 90.0
    table = fit_table(spread, error)
    assert table.spread_rad[-1] < 0.8
    assert table.error_deg[-1] < calm.error_deg[-1] + 180 / 20
    assert table.error_deg[0] < calm.error_deg[0] + 90 / 20
    assert table.spread_rad[0] > 0.09


def test_weights_say_whose_mean_it_is():
    spread = np.tile(np.linspace(0.1, 0.5, 500), 2)
    error = np.repeat([5.0, 25.0], 500)
    for share in (0.0, 0.25, 1.0):
        table = fit_table(spread, error, weight=np.repeat([share, 1 - share], 500))
        middle = error_deg_from_spread(0.3, calibration=table)
        assert middle == pytest.approx(5 * share + 25 * (1 - share), abs=1)


def test_a_constant_spread_is_refused():
    with pytest.raises(ModelError, match="cannot tell sure from unsure"):
        fit_table(np.full(500, 0.2), np.linspace(0, 50, 500))
    with pytest.raises(ModelError, match="cannot tell"):
        fit_table([], [])


@pytest.fixture
def picture():
    """A head of 60 x 80 in a picture of 240 x 200: an ellipse, its crown red, on noise."""
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 60, (200, 240, 3), dtype=np.uint8)
    y, x = np.mgrid[:200, :240] + 0.5
    inside = ((x - 120) / 30) ** 2 + ((y - 100) / 40) ** 2 <= 1
    pixels[inside] = 180
    pixels[inside & (y < 70)] = (230, 20, 20)
    return pixels, (90.0, 60.0, 150.0, 140.0)


@pytest.mark.parametrize("name", shifts.STEPS)
def test_every_step_changes_the_view_alone_and_by_its_seed(picture, name):
    pixels, box = picture
    before = pixels.copy()
    step = shifts.STEPS[name]
    views = [step(View(pixels, box), np.random.default_rng(seed)) for seed in (5, 5, 6)]
    assert np.array_equal(pixels, before)
    for one in views:
        assert one.pixels.dtype == np.uint8
        assert one.pixels.shape[2] == 3
        assert one.pixels.shape != pixels.shape or not np.array_equal(one.pixels, pixels) or one.box != box
    assert np.array_equal(views[0].pixels, views[1].pixels)
    assert views[0].box == views[1].box
    if name != "grey":  # the one step without chance
        assert not np.array_equal(views[0].pixels, views[2].pixels) or views[0].box != views[2].box


def test_a_turn_takes_box_and_label_along(picture):
    pixels, box = picture
    turned = shifts.turn(View(pixels, box), np.random.default_rng(4))
    assert abs(turned.turn_deg) > 10
    y, x = np.nonzero(turned.pixels.max(-1) > 120)
    seen = (x.min(), y.min(), x.max() + 1, y.max() + 1)
    assert turned.box == pytest.approx(seen, abs=1.5)
    # The crown points along the turned head's up axis: camera y is up, rows go down.
    red = np.argwhere((turned.pixels[..., 0] > 150) & (turned.pixels[..., 1] < 100)).mean(0)
    up = np.array([red[1] + 0.5 - 120, 100 - (red[0] + 0.5)])
    label = rotation_from_rotvec_rad([0, 0, np.radians(turned.turn_deg)]) @ [0, 1, 0]
    assert up / np.linalg.norm(up) == pytest.approx(label[:2], abs=0.03)


def test_small_heads_have_the_pixels_drawn(picture):
    pixels, box = picture
    sizes = [shifts.small(View(pixels, box), np.random.default_rng(seed)).box for seed in range(200)]
    sides = [max(x1 - x0, y1 - y0) for x0, y0, x1, y1 in sizes]
    assert 7 < min(sides) < 10
    assert 40 < max(sides) < 50


def test_surroundings_hold_the_head_and_shrink_a_huge_one(picture):
    pixels, box = picture
    near = surroundings(pixels, box)
    x0, y0, x1, y1 = (round(edge) for edge in near.box)
    assert np.array_equal(near.pixels[y0:y1, x0:x1], pixels[60:140, 90:150])
    huge = np.asarray(Image.fromarray(pixels).resize((2400, 2000)))
    view = surroundings(huge, tuple(10 * edge for edge in box))
    assert max(np.diff(np.reshape(view.box, (2, 2)), axis=0)[0]) == pytest.approx(400, abs=1)
    assert surroundings(pixels, (-50.0, -50.0, 10.0, 10.0)).box == (-50, -50, 10, 10)
    with pytest.raises(BoxError, match="misses the 240 x 200 picture"):
        surroundings(pixels, (300.0, 0.0, 310.0, 10.0))


def test_steps_are_drawn_by_seed(picture):
    views = [shifted(*picture, np.random.default_rng(seed)) for seed in (1, 1, *range(2, 60))]
    assert np.array_equal(views[0].pixels, views[1].pixels)
    assert len({view.pixels.tobytes() for view in views}) > 50
    assert any(view.turn_deg for view in views)
    assert not all(view.turn_deg for view in views)


@pytest.fixture
def tiny(tmp_path):
    """A network whose yaw is the mean red and whose spread is the mean green of the crop."""
    return write_pose(tmp_path / "tiny.onnx")


def coloured_set(tmp_path, *, count=150, truth=relation):
    """Pictures of one colour; labels are off by `truth` of the spread that the tiny network states."""
    samples = []
    for number in range(count):
        green = 20 + number * 200 // count
        pixels = np.zeros((80, 80, 3), np.uint8)
        pixels[..., RED], pixels[..., GREEN] = 60, green
        path = tmp_path / f"{number}.png"
        Image.fromarray(pixels).save(path)
        sine = 60 / 255
        cosine = (1 - sine**2) ** 0.5
        said = np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]])
        off = rotation_from_rotvec_rad([0, np.radians(truth(green / 255)), 0])
        samples.append((path, said @ off))

    # Well inside: at the edge of the picture a crop takes in some of the black outside.
    box = (20.0, 20.0, 60.0, 60.0)

    def read(_folder):
        for path, rotation in samples:
            yield Sample(path.stem, path, (LabelledHead(box, rotation, known=ALL),))
        yield LeftOut("other", "too far")
        yield Sample("half", samples[0][0], (LabelledHead(box, samples[0][1], known=("yaw",)),))
        yield Sample("gone", tmp_path / "gone.png", (LabelledHead(box, samples[0][1], known=ALL),))

    return Reader(
        title="coloured",
        licence="CC0-1.0",
        may_train_shipped_weights=True,
        box_rule="whole",
        convention="ours",
        complete_labels=True,
        known=ALL,
        samples=read,
    )


def test_the_set_of_these_tests_is_off_as_it_says(tmp_path, tiny):
    reader = coloured_set(tmp_path, count=3)
    estimator = PoseEstimator(tiny, None)
    readings = read_spreads(estimator, reader.samples(tmp_path), fit=Fit(draws=0, share=1.0))
    assert readings.error_deg == pytest.approx(relation(readings.spread_rad), abs=1e-3)
    assert [key for key, _ in readings.failures] == ["gone"]


def test_a_model_states_what_was_measured(tmp_path, tiny):
    reader = coloured_set(tmp_path, count=500)
    out = tmp_path / "made" / "calibrated.onnx"
    done = calibrate(tiny, [(reader, tmp_path)], out, fit=Fit(draws=0, share=1.0), name="tiny-2")
    assert [key for key, _ in done.failures] == ["gone"]
    card = Session(out, kind="pose").card
    assert card == done.card
    assert card.name == "tiny-2"
    assert card.measured["calibration"]["sets"] == [{"name": "coloured", "heads": 500}]
    errors = card.measured["calibration"]["ece_deg"]
    assert errors["after"]["undisturbed"] < 1 < errors["before"]["undisturbed"]
    assert errors["after"]["disturbed"] is None

    picture = np.zeros((40, 40, 3), np.uint8)
    picture[:, :20, GREEN], picture[:, 20:, GREEN] = 40, 200
    boxes = [(0, 0, 20, 20), (20, 0, 40, 20)]
    heads = PoseEstimator(out, None)(picture, boxes=boxes)
    assert [head.error_deg for head in heads] == pytest.approx(relation(np.array([40, 200]) / 255), rel=0.1)
    raw = PoseEstimator(tiny, None)(picture, boxes=boxes)
    for head, old in zip(heads, raw, strict=True):
        assert np.array_equal(head.rotation, old.rotation)
    sure = PoseEstimator(out, None, max_error_deg=15)(picture, boxes=boxes)
    assert [head.box for head in sure] == [heads[0].box]


def test_disturbed_heads_count_by_their_share(tmp_path, tiny):
    reader = coloured_set(tmp_path)
    tables = {}
    for share in (1.0, 0.5, 0.0):
        fit = Fit(share=share, draws=2, seed=3)
        done = calibrate(tiny, [(reader, tmp_path)], tmp_path / f"{share}.onnx", fit=fit)
        tables[share] = done.card.calibration
        assert set(done.figures["ece_deg"]["after"]) == {"undisturbed", "disturbed"}
    assert len(set(tables.values())) == 3
    again = tmp_path / "again.onnx"
    calibrate(tiny, [(reader, tmp_path)], again, fit=Fit(share=0.5, draws=2, seed=3))
    assert again.read_bytes() == (tmp_path / "0.5.onnx").read_bytes()
    calibrate(tiny, [(reader, tmp_path)], again, fit=Fit(share=0.5, draws=2, seed=4))
    assert again.read_bytes() != (tmp_path / "0.5.onnx").read_bytes()


def test_what_cannot_be_calibrated(tmp_path, tiny):
    reader, out = coloured_set(tmp_path, count=20), tmp_path / "out.onnx"
    with pytest.raises(DataError, match="20 heads have a full label and could be read; a table needs 100"):
        calibrate(tiny, [(reader, tmp_path)], out, fit=Fit(draws=0, share=1.0))
    for outputs in (("rotation",), ("front", "spread")):
        other = write_pose(tmp_path / "other.onnx", card=pose_card(*outputs))
        with pytest.raises(ModelError, match="calibrate one with rotation and spread"):
            calibrate(other, [(reader, tmp_path)], out)
    with pytest.raises(DataError, match="share is 2"):
        Fit(share=2)
    with pytest.raises(DataError, match="draws is 0"):
        Fit(draws=0)
    assert not out.exists()


def test_renders_stand_before_backgrounds(tmp_path, tiny):
    """Heads of shards carry coverage; what lies behind them is not always the same grey."""
    rng = np.random.default_rng(0)
    head = np.zeros((48, 48, 4), np.uint8)
    head[12:36, 12:36] = (60, 120, 60, 255)
    label = {
        "schema": 1,
        "rotation": np.eye(3).tolist(),
        "box": [4, 4, 44, 44],
        "landmarks": None,
        "visible": None,
    }
    write_shard(
        tmp_path / "heads-00000.tar",
        [ShardSample(f"{n:03d}", encode(head, quality=100), {**label, "identity": n}) for n in range(120)],
    )
    reader = load_reader("shards")
    plain = calibrate(tiny, [(reader, tmp_path)], tmp_path / "a.onnx", fit=Fit(draws=0, share=1.0))
    lit = rng.integers(0, 256, (1, 1, 3)).repeat(48, 0).repeat(48, 1).astype(np.uint8)
    write_shard(
        tmp_path / "backgrounds-00000.tar",
        [ShardSample(str(n), encode(np.roll(lit, n, 2)), {"schema": 1}) for n in range(3)],
    )
    behind = calibrate(tiny, [(reader, tmp_path)], tmp_path / "b.onnx", fit=Fit(draws=0, share=1.0))
    wide, narrow = (np.ptp(done.card.calibration.spread_rad) for done in (plain, behind))
    assert wide > 0.2
    assert narrow < wide  # three colours in place of any


@pytest.fixture(scope="module")
def calibrated_small(tmp_path_factory):
    if not AFLW2000.is_dir():
        pytest.skip("needs the labelled pictures beside the repository")
    out = tmp_path_factory.mktemp("small") / "small.onnx"
    arguments = ["--data", f"aflw2000:{AFLW2000}", "--out", str(out), "--draws", "2", "--threads", "1"]
    main_ends(["calibrate", "small", *arguments])
    return out


def main_ends(arguments):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert not end.value.code


def test_the_shipped_network_round_trip(calibrated_small):
    """A mechanical check: fitted and read on the same pictures, so no figure of it may be published."""
    card = Session(calibrated_small, kind="pose").card
    assert 4 < len(card.calibration.spread_rad) <= KNOTS
    assert all(first < second for first, second in pairwise(card.calibration.spread_rad))
    before, after = (onnx.load(path) for path in (weights_path("small"), calibrated_small))
    kept = {entry.key: entry.value for entry in before.metadata_props if entry.key != METADATA_KEY}
    assert {entry.key: entry.value for entry in after.metadata_props if entry.key != METADATA_KEY} == kept
    assert after.graph.SerializeToString() == before.graph.SerializeToString()
    old = json.loads(next(entry.value for entry in before.metadata_props if entry.key == METADATA_KEY))
    new = json.loads(next(entry.value for entry in after.metadata_props if entry.key == METADATA_KEY))
    changed = {key for key in old if old[key] != new[key]}
    assert changed == {"calibration", "measured"}


def test_the_shipped_network_abstains(calibrated_small):
    sample = next(iter(load_reader("aflw2000").samples(AFLW2000)))
    picture = np.asarray(Image.open(sample.picture).convert("RGB"))
    box = sample.heads[0].box
    unknown = np.random.default_rng(0).integers(0, 256, picture.shape, dtype=np.uint8)
    said = PoseEstimator(calibrated_small, None, threads=1)
    (head,), (nothing,) = said(picture, boxes=[box]), said(unknown, boxes=[box])
    assert geodesic_deg(head.rotation, sample.heads[0].rotation) < 20
    assert head.error_deg < nothing.error_deg
    limit = (head.error_deg + nothing.error_deg) / 2
    careful = PoseEstimator(calibrated_small, None, threads=1, max_error_deg=limit)
    assert len(careful(picture, boxes=[box])) == 1
    assert careful(unknown, boxes=[box]) == []


def test_the_command_says_what_it_did(calibrated_small, capsys, tmp_path):
    out = tmp_path / "again.onnx"
    arguments = ["calibrate", str(calibrated_small), "--data", f"aflw2000:{AFLW2000}", "--limit", "130"]
    main_ends([*arguments, "--draws", "1", "--out", str(out), "--threads", "1", "--name", "small-x"])
    told = capsys.readouterr()
    assert told.out == f"{out}\n"
    assert "heads of AFLW2000" in told.err
    assert "expected calibration error, undisturbed: " in told.err
    assert Session(out, kind="pose").card.name == "small-x"
    with pytest.raises(SystemExit) as end:
        main(["calibrate", "small", "--data", "aflw2000", "--out", str(out)])
    assert end.value.code == 2
