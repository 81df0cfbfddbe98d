import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from facing.datasets.convert import ConvertJob, convert, file_name, identity_of
from facing.datasets.converters.shards import cut_head
from facing.datasets.sample import ANGLES, LabelledHead, LeftOut, Reader, Sample, load_reader
from facing.errors import BoxError, DataError, UnknownNameError
from facing.geometry.rotation import geodesic_deg, rotation_from_euler
from facing.picture import load_picture
from facing.shards import read_shard
from facing.terms import stated_terms

SHARED = Path(__file__).parents[2].parent / "shared"
DATA = SHARED / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs the labelled pictures beside the repository")


def marked(folder, *, name="a.jpg", size=(120, 90), at=(40, 30, 60, 50)):
    """A grey picture with a red head."""
    pixels = np.full((size[1], size[0], 3), 90, np.uint8)
    pixels[at[1] : at[3], at[0] : at[2]] = (250, 20, 20)
    Image.fromarray(pixels).save(folder / name, quality=95)
    return folder / name


def reader_of(samples):
    """A reader of samples that a test made, for what a conversion does with them."""
    return Reader(
        title="test",
        licence="none",
        may_train_shipped_weights=False,
        box_rule="given",
        convention="ours",
        complete_labels=True,
        known=(),
        samples=lambda _: iter(samples),
    )


def job_of(samples, out, **settings):
    return ConvertJob(name="test", reader=reader_of(samples), path=out.parent, out=out, **settings)


def head(*, yaw=20.0, pitch=-5.0, roll=3.0, box=(40, 30, 60, 50), **rest):
    return LabelledHead(box, rotation_from_euler(yaw=yaw, pitch=pitch, roll=roll), known=ANGLES, **rest)


def test_a_cut_holds_the_region_its_box_and_coverage(tmp_path):
    points = np.tile([[40.0, 30.0], [60.0, 50.0]], (34, 1))
    colour = load_picture(marked(tmp_path, name="a.png"))
    cover = np.full_like(colour, 255)
    pixels, label = cut_head((colour, cover), head(landmarks={"own": points}), side=100, scale=2.0)
    # The region is 40 pixels around (50, 40): the box is its middle half, and all of it lies in the picture.
    assert label["box"] == [25, 25, 75, 75]
    assert label["landmarks"][0] == [25, 25]
    assert label["landmarks"][1] == [75, 75]
    assert label["visible"] == [1] * 68
    assert np.all(pixels[..., 3] == 255)
    assert pixels[50, 50].tolist() == [250, 20, 20, 255]
    assert pixels[5, 5].tolist() == [90, 90, 90, 255]


def test_coverage_ends_where_the_picture_ends(tmp_path):
    colour = load_picture(marked(tmp_path, name="a.png"))
    cover = np.full_like(colour, 255)
    pixels, label = cut_head((colour, cover), head(box=(-10, 0, 10, 20)), side=80, scale=1.0)
    assert label["box"] == [0, 0, 80, 80]
    # Four pixels of the cut show one of the picture, so two on either side of its edge are half covered.
    assert np.all(pixels[:, :38, 3] == 0)
    assert np.all(pixels[2:, 42:, 3] == 255)
    assert np.all(np.diff(pixels[40, 37:43, 3].astype(int)) > 0)
    # No dark rim: the colour of half covered pixels is that of the picture.
    assert np.abs(pixels[:, 38:, :3].astype(int) - 90).max() <= 4
    with pytest.raises(BoxError):
        cut_head((colour, cover), head(box=(500, 0, 520, 20)), side=80, scale=1.0)


def test_stale_points_and_wrong_counts_are_no_landmarks(tmp_path):
    colour = load_picture(marked(tmp_path))
    given = {"pt2d": np.zeros((68, 2)), "pt21": np.zeros((21, 2)), "lost": np.full((68, 2), np.nan)}
    _, label = cut_head((colour, colour), head(landmarks=given), side=32, scale=1.5)
    assert label["landmarks"] is None
    assert label["visible"] is None


def test_classes_unknown_angles_and_whole_pictures_are_kept(tmp_path):
    path = marked(tmp_path)
    turned = rotation_from_euler(yaw=40, pitch=0, roll=0)
    samples = [
        Sample("class", path, (LabelledHead(None, None, label="back"),), source="p1"),
        Sample("yaw", path, (LabelledHead((40, 30, 60, 50), turned, known=("yaw",)),), source="p1"),
    ]
    tally = convert(job_of(samples, tmp_path / "out", side=64))
    first, second = read_shard(tmp_path / "out" / "heads-00000.tar")
    assert tally.written == 2
    assert (first.label["label"], first.label["rotation"], first.label["known"]) == ("back", None, [])
    assert (second.label["label"], second.label["known"]) == (None, ["yaw"])
    assert first.label["identity"] == second.label["identity"]
    assert second.label["tags"] == {"set": "test", "picture": "yaw", "source": "p1"}
    np.testing.assert_allclose(second.label["rotation"], turned, atol=1e-6)
    # 120 x 90 seen in a square of 1.9 times 120: outside is not covered.
    assert first.pixels(coverage=True)[0, 0, 3] == 0
    assert first.pixels(coverage=True)[32, 32, 3] == 255


def test_identities_are_equal_everywhere_and_differ_between_sets():
    one = Sample("a", Path("a"), (), source="7")
    other = Sample("b", Path("b"), (), source="7")
    assert identity_of(one, name="biwi") == identity_of(other, name="biwi")
    assert identity_of(one, name="biwi") != identity_of(one, name="afw")
    assert identity_of(one, name="aflw-crops") == identity_of(one, name="aflw_crops")
    # A picture called as a person is another one, and the figure does not change between runs.
    assert identity_of(Sample("7", Path("a"), ()), name="biwi") != identity_of(one, name="biwi")
    assert identity_of(one, name="biwi") == 4835243141917560


def test_large_angles_and_left_out_are_counted(tmp_path):
    path = marked(tmp_path)
    samples = [
        Sample("a", path, (head(), head(yaw=120.0))),
        Sample("b", path, (head(yaw=-130.0),)),
        LeftOut("c", "label cannot be read"),
    ]
    tally = convert(job_of(samples, tmp_path / "out", side=32))
    assert tally.written == 1
    assert tally.left_out == Counter({"an angle over 99 degrees": 2, "label cannot be read": 1})
    assert convert(job_of(samples, tmp_path / "all", side=32, max_angle=180)).written == 3
    with pytest.raises(DataError, match="2: an angle over 5 degrees"):
        convert(job_of(samples[:1], tmp_path / "none", max_angle=5))


def test_a_corrupt_picture_stops_nothing_and_is_told_again(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing more")
    samples = [
        Sample("bad", tmp_path / "bad.jpg", (head(),)),
        Sample("gone", tmp_path / "gone.jpg", (head(),)),
        Sample("good", marked(tmp_path), (head(),)),
    ]
    out = tmp_path / "out"
    tally = convert(job_of(samples, out, side=32))
    assert [key for key, _ in tally.failed] == ["bad", "gone"]
    assert tally.written == 1
    again = convert(job_of(samples, out, side=32))
    assert (again.written, again.kept, again.failed) == (0, 1, tally.failed)


def test_parts_are_disjoint_and_together_the_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("facing.datasets.converters.shards.PICTURES_PER_SHARD", 2)
    path = marked(tmp_path)
    samples = [Sample(f"{k}", path, (head(yaw=k),)) for k in range(7)]
    convert(job_of(samples, tmp_path / "one", side=32))
    for part in (0, 1, 2):
        convert(job_of(samples, tmp_path / "three", side=32, part=(part, 3)))
    names = sorted(file.name for file in (tmp_path / "one").glob("*.tar"))
    assert len(names) == 4
    assert [(tmp_path / "one" / n).read_bytes() for n in names] == [
        (tmp_path / "three" / n).read_bytes() for n in names
    ]
    with pytest.raises(DataError, match="--shard"):
        convert(job_of(samples, tmp_path / "list", part=(0, 3)), form="list")


def test_two_conversions_are_not_mixed(tmp_path):
    samples = [Sample("a", marked(tmp_path), (head(),))]
    convert(job_of(samples, tmp_path / "out", side=32))
    with pytest.raises(DataError, match="other settings"):
        convert(job_of(samples, tmp_path / "out", side=48))
    with pytest.raises(UnknownNameError, match="quat-folder"):
        convert(job_of(samples, tmp_path / "out"), form="quat-folde")


def test_killed_it_goes_on_and_keeps_what_was_whole(tmp_path):
    marked(tmp_path)
    for k in range(1500):
        (tmp_path / f"{k:05d}.jpg").hardlink_to(tmp_path / "a.jpg")
    rows = "".join(f"{k:05d}.jpg,{k % 90},40,30,60,50\n" for k in range(1500))
    (tmp_path / "t.csv").write_text(f"picture,yaw,x0,y0,x1,y1\n{rows}")
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "facing",
        "datasets",
        "convert",
        f"csv:{tmp_path / 't.csv'}",
        "--out",
        out,
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and len(list(out.glob("heads-*.tar"))) < 2:
            time.sleep(0.02)
        process.kill()
    done = {file.name: file.stat().st_mtime_ns for file in out.glob("heads-*.tar")}
    assert 2 <= len(done) < 6
    subprocess.run(command, check=True, capture_output=True)
    whole = sorted(out.glob("heads-*.tar"))
    assert len(whole) == 6
    assert sum(1 for file in whole for _ in read_shard(file)) == 1500
    assert {file.name: file.stat().st_mtime_ns for file in whole if file.name in done} == done


def test_renders_are_cut_again_without_rims(tmp_path):
    """A stored picture with coverage keeps it, and colours under half coverage stay what they are."""

    class Stored:
        def pixels(self):
            pixels = np.zeros((64, 64, 4), np.uint8)
            pixels[16:48, 16:48] = (200, 100, 50, 255)
            return pixels

    convert(job_of([Sample("a", Stored(), (head(box=(16, 16, 48, 48)),))], tmp_path / "out", side=96))
    (sample,) = read_shard(tmp_path / "out" / "heads-00000.tar")
    pixels = sample.pixels(coverage=True).astype(int)
    seen = pixels[..., 3] > 100
    assert 45 < np.sqrt(seen.sum()) < 56  # 96 / 1.9 = 50.5 pixels
    assert np.abs(pixels[seen][:, :3] - (200, 100, 50)).max() < 12  # WebP is lossy


# The four folders of the compact system


def test_file_names_are_plain_and_tell_keys_apart():
    keys = ("a.jpg", "a/b_c", "a_b/c", "../..", "..", ".hidden", "caf\udce9.jpg", "")
    names = [file_name(key) for key in keys]
    assert names[0] == "a.jpg"
    assert len(set(names)) == len(keys)
    for name in names:
        assert not name.startswith(".")
        assert "/" not in name
        name.encode()


def chain(*, pitch, yaw, roll):
    """The system's own chain by scipy: Euler -> matrix -> S M S -> quaternion, all in radians."""
    matrix = Rotation.from_euler("XYZ", [-pitch, -yaw, -roll]).as_matrix()
    mirror = np.diag([-1.0, 1.0, 1.0])
    return Rotation.from_matrix(mirror @ matrix @ mirror).as_quat()


@pytest.mark.parametrize(("yaw", "pitch", "roll"), [(0, 0, 0), (40, -20, 10), (-75, 30, -50), (10, 60, 80)])
def test_the_four_folders_hold_what_the_system_wrote(tmp_path, yaw, pitch, roll):
    samples = [Sample("sub/a", marked(tmp_path), (head(yaw=yaw, pitch=pitch, roll=roll),))]
    out = tmp_path / "out"
    convert(job_of(samples, out), form="quat-folder")
    name = file_name("sub/a")
    values = {
        part: np.array((out / part / f"{name}.txt").read_text().split(), dtype=float)
        for part in ("bbox", "info", "angles")
    }
    radians = dict(zip(("pitch", "yaw", "roll"), np.radians([pitch, yaw, roll]), strict=True))
    np.testing.assert_allclose(values["angles"], list(radians.values()), atol=1e-7)
    expected = chain(**radians)
    np.testing.assert_allclose(values["info"] * np.sign(values["info"] @ expected), expected, atol=1e-7)
    # The facing vector that the system trains on: its quaternion times (0, 0, 1).
    p, y = radians["pitch"], radians["yaw"]
    vector = Rotation.from_quat(values["info"]).apply([0, 0, 1])
    np.testing.assert_allclose(vector, [np.sin(y), np.sin(p) * np.cos(y), np.cos(p) * np.cos(y)], atol=1e-7)
    assert values["bbox"].tolist() == [40, 30, 60, 50]
    assert (out / "bg_imgs" / f"{name}.jpg").read_bytes() == (tmp_path / "a.jpg").read_bytes()


def test_the_four_folders_are_read_back(tmp_path):
    with Image.open(marked(tmp_path, name="b.png")) as turned:
        turned.save(tmp_path / "b.jpg", exif=_exif(orientation=6))
    samples = [
        Sample("a", marked(tmp_path), (head(), head(yaw=-60.0, box=(0, 0, 20, 30)))),
        Sample("b", tmp_path / "b.jpg", (head(yaw=5.0),)),
        Sample("c", tmp_path / "b.png", (LabelledHead((0, 0, 9, 9), None, label="back"),)),
    ]
    out = tmp_path / "out"
    tally = convert(job_of(samples, out), form="quat-folder")
    assert tally.written == 3
    assert tally.left_out == Counter({"yaw or pitch is not known": 1})
    read = list(load_reader("quat-folder").samples(out))
    given = {"a.head0": samples[0].heads[0], "a.head1": samples[0].heads[1], "b": samples[1].heads[0]}
    assert [sample.key for sample in read] == list(given)
    for sample in read:
        (found,) = sample.heads
        assert found.box == given[sample.key].box
        assert geodesic_deg(found.rotation, given[sample.key].rotation) < 1e-5
    # A picture that a camera turned is written upright, as its box means it.
    with Image.open(out / "bg_imgs" / "b.jpg") as written:
        assert written.size == (90, 120)
    assert convert(job_of(samples, out), form="quat-folder").kept == 3


@pytest.mark.parametrize("parts", [1, 2])
def test_the_four_folders_keep_what_pictures_share(tmp_path, parts):
    """Turns and mirror images of one face must not part in a training that reads the folders."""
    path = marked(tmp_path)
    samples = [
        Sample("a_1", path, (head(),), source='one, "first"'),
        Sample("a_2", path, (head(yaw=-20.0),), source='one, "first"'),
        Sample("b", path, (head(),)),
        Sample("two", path, (head(), head(yaw=-60.0, box=(0, 0, 20, 30)))),
    ]
    out = tmp_path / "out"
    for part in range(parts):
        convert(job_of(samples, out, part=(part, parts)), form="quat-folder")
    read = {sample.key: sample.source for sample in load_reader("quat-folder").samples(out)}
    assert read == {
        "a_1": 'one, "first"',
        "a_2": 'one, "first"',
        "b": None,
        "two.head0": "two",
        "two.head1": "two",
    }
    (out / "sources.csv").write_text("name\na_1\n")
    with pytest.raises(DataError, match=r"sources\.csv has no column source"):
        list(load_reader("quat-folder").samples(out))


def _exif(*, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@needs_data
def test_genuine_sets_survive_every_form(tmp_path):
    reader = load_reader("aflw2000")
    truth = {
        entry.key: entry.heads[0] for entry in reader.samples(DATA / "AFLW2000") if isinstance(entry, Sample)
    }
    keys = frozenset(list(truth)[::20])
    job = ConvertJob(name="aflw2000", reader=reader, path=DATA / "AFLW2000", out=tmp_path / "s", keys=keys)
    assert convert(job).written == len(keys)
    for sample in read_shard(tmp_path / "s" / "heads-00000.tar"):
        label = sample.label
        np.testing.assert_allclose(label["rotation"], truth[label["tags"]["picture"]].rotation, atol=1e-6)
        x0, y0, x1, y1 = label["box"]
        assert max(x1 - x0, y1 - y0) == pytest.approx(160 / 1.9, abs=0.02)
        points = np.array(label["landmarks"])
        assert points.shape == (68, 2)
        # Landmarks lie in the lower part of the head box, of heads that look up about its middle.
        assert x0 - 10 < points[:, 0].mean() < x1 + 10
        assert 0.6 * y0 + 0.4 * y1 < points[:, 1].mean() < y1
    for form, name in (("csv", "csv"), ("quat-folder", "quat-folder")):
        out = tmp_path / form
        assert convert(
            ConvertJob(name="aflw2000", reader=reader, path=DATA / "AFLW2000", out=out, keys=keys),
            form=form,
        ).written == len(keys)
        read = list(load_reader(name).samples(out))
        assert len(read) == len(keys)
        for sample in read:
            key = Path(sample.key).stem
            assert geodesic_deg(sample.heads[0].rotation, truth[key].rotation) < 1e-4
            np.testing.assert_allclose(sample.heads[0].box, truth[key].box, atol=0.006)


def test_the_manifest_carries_the_licence(tmp_path):
    convert(job_of([Sample("a", marked(tmp_path), (head(),))], tmp_path / "out"), form="list")
    facts = json.loads((tmp_path / "out" / "facing-set.json").read_text())
    assert facts["set"]["licence"] == "none"
    assert facts["set"]["may_train_shipped_weights"] is False
    assert (tmp_path / "out" / "list.txt").read_text() == "# root: ..\na\n"


def test_a_second_conversion_keeps_the_licence_of_the_first_set(tmp_path):
    convert(job_of([Sample("a", marked(tmp_path), (head(),))], tmp_path / "one"))
    again = ConvertJob(
        name="shards", reader=load_reader("shards"), path=tmp_path / "one", out=tmp_path / "two", side=48
    )
    convert(again)
    terms = stated_terms(tmp_path / "two")
    assert (terms["name"], terms["may_train_shipped_weights"]) == ("test", False)
    assert stated_terms(tmp_path / "two" / "heads-00000.tar") == terms
    assert stated_terms(tmp_path) is None
    (tmp_path / "two" / "facing-set.json").write_text("{}")
    with pytest.raises(DataError, match="convert the set again"):
        stated_terms(tmp_path / "two")
