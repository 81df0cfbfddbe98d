"""The front, side and back generator and the reader of its tree, on real shards and files."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facing.cli import main
from facing.datasets.orientation import OrientationJob, make_orientation
from facing.datasets.orientation_classes import ClassRule
from facing.datasets.sample import LeftOut, load_reader
from facing.errors import DataError
from facing.geometry.azimuth import azimuth_deg
from facing.geometry.rotation import rotation_from_euler
from facing.runtime.detections import Detections
from facing.shards import ShardSample, encode, write_shard

SHARED = Path(__file__).parents[2].parent / "shared"
POINTING04 = SHARED / "data" / "Pointing04"
PERSONS, VIEWS = 20, 9
PARTS, LABELS = ("train", "val", "test"), ("front", "side", "back")


def shard_sample(person, view):
    rng = np.random.default_rng([person, view])
    yaw = -180 + 40 * view + rng.uniform(-3, 3)
    pixels = np.zeros((80, 80, 4), np.uint8)
    pixels[..., :3] = rng.integers(0, 256, size=3)
    pixels[15:65, 20:60, 3] = 255
    label = {
        "schema": 1,
        "rotation": rotation_from_euler(yaw=yaw, pitch=5.0, roll=0.0).tolist(),
        "box": [20.0, 15.0, 60.0, 65.0],
        "identity": person,
    }
    return ShardSample(f"{person:03d}{view}", encode(pixels), label)


@pytest.fixture(scope="module")
def renders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("renders")
    write_shard(
        folder / "heads-000.tar",
        [shard_sample(person, view) for person in range(PERSONS) for view in range(VIEWS)],
    )
    scene = encode(np.random.default_rng(0).integers(0, 256, size=(80, 80, 3), dtype=np.uint8))
    write_shard(folder / "backgrounds-000.tar", [ShardSample("0", scene, {"schema": 1})])
    return folder


def rows_of(out):
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]


def content(out):
    return {path.relative_to(out): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def tree(renders, tmp_path_factory):
    out = tmp_path_factory.mktemp("tree")
    return out, make_orientation(OrientationJob(out=out, count=50, seed=4, renders=renders, side=64))


def test_tree_manifest_and_counts_agree(tree):
    out, tally = tree
    rows = rows_of(out)
    assert tally.written == len(rows) == 150
    assert tally.failed == []
    assert Counter(row["class"] for row in rows) == dict.fromkeys(LABELS, 50)
    for row in rows:
        part, label, _ = row["file"].split("/")
        assert (part in PARTS, label) == (True, row["class"])
        with Image.open(out / row["file"]) as picture:
            assert (picture.size, picture.mode) == ((64, 64), "RGB")
    assert {str(path.relative_to(out)) for path in out.rglob("*.jpg")} == {row["file"] for row in rows}


def test_no_person_is_in_two_parts(tree):
    parts = {}
    for row in rows_of(tree[0]):
        parts.setdefault(row["person"], set()).add(row["file"].partition("/")[0])
    assert all(len(found) == 1 for found in parts.values())
    assert {next(iter(found)) for found in parts.values()} == set(PARTS)


def test_classes_are_ranges_of_the_azimuth_in_the_manifest(tree):
    # A turn in the plane of up to 5 degrees moves the azimuth of these heads by less than 2.
    ranges = {"front": (0, 47), "side": (43, 137), "back": (133, 180)}
    for row in rows_of(tree[0]):
        low, high = ranges[row["class"]]
        assert low <= abs(row["azimuth"]) <= high
        rotation = rotation_from_euler(yaw=row["yaw"], pitch=row["pitch"], roll=row["roll"])
        assert abs(float(azimuth_deg(rotation)) - row["azimuth"]) < 0.1


def test_variants_of_one_picture_differ_and_keep_to_one_class(tree):
    pictures = {}
    for row in rows_of(tree[0]):
        pictures.setdefault(row["picture"], []).append(row)
    assert all(len({row["class"] for row in rows}) == 1 for rows in pictures.values())
    several = next(rows for rows in pictures.values() if len(rows) > 1)
    assert several[0]["augmentations"] != several[1]["augmentations"]


def test_augmentation_is_alike_in_every_class(tree):
    lengths = {
        label: np.mean([len(row["augmentations"]) for row in rows_of(tree[0]) if row["class"] == label])
        for label in LABELS
    }
    # 4.3 steps of standard deviation 1.4 on average; the mean of 50 lies within 3.5 standard errors.
    assert all(abs(length - 4.8) < 0.7 for length in lengths.values())


def test_same_job_same_bytes_and_a_killed_one_goes_on(tree, renders, tmp_path):
    job = OrientationJob(out=tmp_path, count=50, seed=4, renders=renders, side=64)

    def kill(done, total):
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_orientation(job, progress=kill)
    assert not (tmp_path / "manifest.jsonl").exists()
    tally = make_orientation(job)
    assert tally.kept > 0
    assert tally.kept + tally.written == 150
    assert content(tmp_path) == content(tree[0])


def test_another_job_is_not_mixed_in(tree, renders):
    with pytest.raises(DataError, match="another job"):
        make_orientation(OrientationJob(out=tree[0], count=50, seed=5, renders=renders, side=64))


def test_margin_and_ranges(renders, tmp_path):
    rule = ClassRule(front_max=40, back_min=140, margin=5)
    job = OrientationJob(out=tmp_path, count=20, renders=renders, rule=rule, augment=False, side=64)
    tally = make_orientation(job)
    assert tally.left_out["within the margin of a class"] > 0
    for row in rows_of(tmp_path):
        assert min(abs(abs(row["azimuth"]) - 40), abs(abs(row["azimuth"]) - 140)) >= 5
        assert row["augmentations"] == []


def test_own_pictures_are_mixed_with_renders_and_bad_ones_counted(renders, tmp_path):
    backs = tmp_path / "backs"
    backs.mkdir()
    for number in range(12):
        Image.new("RGB", (90, 120), (number, 40, 40)).save(backs / f"back {number}.png")
    (backs / "broken.jpg").write_bytes(b"no picture")

    class Finder:
        def detect(self, picture):
            height, width = picture.shape[:2]
            found = [] if picture[0, 0, 0] == 3 else [(10, 10, width - 10, height - 10)]
            return Detections(np.array(found, np.float32).reshape(-1, 4), np.ones(len(found), np.float32))

    out = tmp_path / "tree"
    job = OrientationJob(out=out, count=40, renders=renders, backs=backs, side=64)
    tally = make_orientation(job, detector=Finder())
    sources = Counter((row["class"], row["source"]) for row in rows_of(out))
    assert 10 <= sources["back", "backs"] <= 20
    assert sources["back", "renders"] == 20
    assert set(sources) == {("front", "renders"), ("side", "renders"), ("back", "renders"), ("back", "backs")}
    assert {Path(name).name for name, _ in tally.failed} == {"broken.jpg", "back 3.png"}
    assert any("no head was found" in reason for _, reason in tally.failed)


def test_a_class_without_a_source_is_an_error(tmp_path):
    fronts = tmp_path / "fronts"
    fronts.mkdir()
    Image.new("RGB", (90, 120)).save(fronts / "a.png")
    with pytest.raises(DataError, match="class side"):
        make_orientation(OrientationJob(out=tmp_path / "out", count=10, fronts=fronts))


def test_too_few_pictures_are_told(renders, tmp_path):
    tally = make_orientation(OrientationJob(out=tmp_path, count=90, renders=renders, augment=False, side=64))
    assert tally.short["train/front"] == 72 - tally.classes["train/front"] > 0


@pytest.mark.skipif(not POINTING04.is_dir(), reason="needs Pointing'04 beside the repository")
def test_pointing04_gives_the_published_40_poses_with_their_signs(renders, tmp_path):
    from facing.datasets.orientation_sources import pointing04_candidates

    found = list(pointing04_candidates(POINTING04, rule=ClassRule(), left_out=Counter()))
    sides = [one for one in found if one.label == "side"]
    # 40 of the 93 poses of each of the six series.
    assert len(sides) == 6 * 40
    poses = {(one.stated["pan"], one.stated["tilt"]) for one in sides}
    assert len(poses) == 40
    assert {pan for pan, _ in poses} == {sign * pan for sign in (-1, 1) for pan in (45, 60, 75, 90)}
    assert all(np.sign(azimuth_deg(one.rotation)) == np.sign(one.stated["pan"]) for one in sides)
    assert {one.label for one in found} == {"front", "side"}
    out = tmp_path / "tree"
    make_orientation(OrientationJob(out=out, count=20, renders=renders, pointing04=POINTING04, side=64))
    row = next(row for row in rows_of(out) if row["source"] == "pointing04")
    assert set(row["stated"]) == {"pan", "tilt"}
    assert "INRIA" in row["licence"]


def test_reader_gives_classes_persons_and_boxes_of_the_tree(tree):
    samples = list(load_reader("class-folder").samples(tree[0] / "train"))
    assert [sample.heads[0].label for sample in samples] == ["back"] * 40 + ["front"] * 40 + ["side"] * 40
    persons = {row["file"].partition("/")[2]: row["person"] for row in rows_of(tree[0])}
    assert all(sample.source == persons[sample.key] for sample in samples)
    x0, y0, x1, y1 = samples[0].heads[0].box
    assert (x0 + x1, y0 + y1) == (64, 64)
    assert (x1 - x0) * 1.12 == pytest.approx(64, abs=0.1)


def test_reader_of_plain_folders_counts_what_is_no_picture(tmp_path):
    for name in ("cat", "ape", ".cache"):
        (tmp_path / name).mkdir()
        Image.new("L", (8, 8)).save(tmp_path / name / "1.png")
    (tmp_path / "cat" / "notes.txt").write_text("no picture", encoding="utf-8")
    (tmp_path / "cat" / "empty.jpg").touch()
    entries = list(load_reader("class-folder").samples(tmp_path))
    assert [entry.key for entry in entries] == ["ape/1.png", "cat/1.png", "cat/empty.jpg", "cat/notes.txt"]
    assert [entry.reason for entry in entries if isinstance(entry, LeftOut)] == [
        "file is empty",
        "no picture by its ending",
    ]
    assert entries[0].source is None
    with pytest.raises(DataError, match="CLASS"):
        list(load_reader("class-folder").samples(tmp_path / "cat" / ".." / "ape"))


def test_reader_refuses_a_broken_manifest(tmp_path):
    (tmp_path / "cat").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "cat" / "1.png")
    (tmp_path / "manifest.jsonl").write_text('{"file": "cat/1.png"}\n', encoding="utf-8")
    with pytest.raises(DataError, match="no manifest"):
        list(load_reader("class-folder").samples(tmp_path))


def test_command_counts_and_tells_by_its_exit_code(renders, tmp_path, capsys):
    backs = tmp_path / "backs"
    backs.mkdir()
    for number in range(3):
        Image.new("RGB", (40, 40), (number, 40, 40)).save(backs / f"{number}.png")
    (backs / "broken.png").write_bytes(b"no picture")
    given = ["datasets", "make-orientation", "--out", str(tmp_path / "tree"), "--renders", str(renders)]
    given += ["--backs", str(backs), "--detector", "whole-image", "--count", "20", "--side", "32"]
    with pytest.raises(SystemExit) as left:
        main(given)
    assert left.value.code == 3
    told = capsys.readouterr()
    assert "train/front" in told.out
    assert "broken.png failed" in told.err
    with pytest.raises(SystemExit) as left:
        main(["datasets", "make-orientation", "--out", str(tmp_path / "none")])
    assert left.value.code == 2
