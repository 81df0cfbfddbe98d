"""Decoding shards once: the arrays hold what the shards hold, and are made again only when they must."""

import os
import subprocess
import sys

import numpy as np
import pytest

from facing.errors import DataError
from facing.shards import ShardSample, encode, read_shard, write_shard
from facing.training.data import open_backgrounds, open_heads
from facing.training.pictures import EncodedPictures, MappedPictures


def sample(number, *, size=32, **changes):
    rng = np.random.default_rng(number)
    picture = np.zeros((size, size, 4), np.uint8)
    picture[4:-4, 4:-4, :3] = rng.integers(0, 256, size=3)
    picture[4:-4, 4:-4, 3] = 128
    label = {
        "schema": 1,
        "rotation": np.eye(3).tolist(),
        "box": [4.0, 4.0, 28.0, 28.0 + number],
        "landmarks": rng.uniform(0, 32, size=(68, 2)).tolist(),
        "visible": [number % 2] * 68,
        "camera": {"focal_px": 100.0, "centre_px": [16.0, 16.0]},
        "identity": number,
        "tags": {},
    }
    return ShardSample(f"{number:06d}", encode(picture, quality=100), label | changes)


def test_arrays_hold_what_the_shards_hold(tmp_path):
    # Three shards: more than the decoders, so that they run in processes.
    for shard in range(3):
        write_shard(tmp_path / "a" / f"heads-{shard}.tar", [sample(10 * shard + row) for row in range(4)])
    write_shard(tmp_path / "b" / "heads-0.tar", [sample(100)])
    pictures, labels, folders = open_heads([tmp_path / "a", tmp_path / "b"])
    assert len(pictures) == 13
    assert pictures.shape == (4, 32, 32)
    np.testing.assert_array_equal(folders, [0] * 12 + [1])
    np.testing.assert_array_equal(labels.identity, [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23, 100])
    rows = np.array([12, 5, 0])
    taken = pictures.take(rows)
    source = [
        *read_shard(tmp_path / "b" / "heads-0.tar"),
        *list(read_shard(tmp_path / "a" / "heads-1.tar"))[1:2],
    ]
    for got, one in zip(taken, source, strict=False):
        straight = one.pixels().astype(float)
        premultiplied = straight[..., :3] * straight[..., 3:] / 255
        np.testing.assert_allclose(got[:3].transpose(1, 2, 0), premultiplied, atol=1)  # rounding
        np.testing.assert_array_equal(got[3], straight[..., 3])
    np.testing.assert_allclose(labels.take(rows).box[1], [4, 4, 28, 39])
    assert not labels.visible[12].any()


def test_a_script_without_a_main_guard_runs_once(tmp_path):
    for shard in range(2):
        write_shard(tmp_path / f"heads-{shard}.tar", [sample(shard)])
    script = tmp_path / "script.py"
    script.write_text(
        "import sys; from pathlib import Path; from facing.training.data import open_heads\n"
        "print(len(open_heads([Path(sys.argv[1])])[0]))\n"
    )
    done = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("2\n", "")


def test_only_new_shards_are_decoded(tmp_path):
    write_shard(tmp_path / "heads-0.tar", [sample(0)])
    open_heads([tmp_path])
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / ".cache").iterdir()}
    write_shard(tmp_path / "heads-1.tar", [sample(1), sample(2)])
    pictures, _, _ = open_heads([tmp_path])
    assert len(pictures) == 3
    assert made.items() <= {path: path.stat().st_mtime_ns for path in (tmp_path / ".cache").iterdir()}.items()


@pytest.mark.parametrize("share", [0.0, 0.4], ids=["encoded", "decoded"])
def test_a_shard_that_was_written_again_is_decoded_again(tmp_path, monkeypatch, share):
    """Tars are padded: other labels and pictures may take as many bytes as those before."""
    monkeypatch.setattr("facing.training.pictures.DISK_SHARE", share)
    shard, other = tmp_path / "heads-0.tar", tmp_path / "heads-0-1.tar"
    write_shard(other, [sample(5)])
    write_shard(shard, [sample(0)])
    size = shard.stat().st_size
    before = open_heads([tmp_path])[0].take(np.arange(2))
    kept = {file for file in (tmp_path / ".cache").iterdir() if file.name.startswith("heads-0-1-")}
    # What versions that knew the size alone left behind.
    (tmp_path / ".cache" / f"heads-0-{size}-v2.npz").touch()
    write_shard(shard, [sample(3)])
    os.utime(shard, ns=(1, 1))
    assert shard.stat().st_size == size
    pictures, labels, _ = open_heads([tmp_path])
    assert labels.identity.tolist() == [5, 3]
    assert not np.array_equal(pictures.take(np.arange(2)), before)
    left = set((tmp_path / ".cache").iterdir())
    assert kept < left
    assert {file.stem for file in left - kept} == {f"heads-0-{size}-1-v2"}


def test_what_a_set_does_not_state_is_marked(tmp_path):
    bare = {"rotation": None, "landmarks": None, "visible": None, "known": [], "label": "side"}
    half = {"known": ["yaw", "pitch"]}
    write_shard(tmp_path / "heads-0.tar", [sample(0), sample(1, **bare), sample(2, **half)])
    _, labels, _ = open_heads([tmp_path])
    np.testing.assert_array_equal(labels.known, [[True] * 3, [False] * 3, [True, True, False]])
    np.testing.assert_array_equal(labels.landmarked, [True, False, True])
    np.testing.assert_array_equal(labels.rotation[1], np.eye(3))
    assert labels.label.tolist() == ["", "side", ""]


def test_encoded_pictures_are_the_decoded_ones(tmp_path, monkeypatch):
    for shard in range(2):
        write_shard(tmp_path / f"heads-{shard}.tar", [sample(10 * shard + row) for row in range(3)])
    monkeypatch.setattr("facing.training.pictures.DISK_SHARE", 0.0)
    encoded, same, too = open_heads([tmp_path])
    assert isinstance(encoded, EncodedPictures)
    monkeypatch.undo()
    decoded, labels, folders = open_heads([tmp_path])
    # What is decoded already takes no further disk.
    monkeypatch.setattr("facing.training.pictures.DISK_SHARE", 0.0)
    assert isinstance(open_heads([tmp_path])[0], MappedPictures)
    rows = np.array([5, 0, 3])
    np.testing.assert_array_equal(encoded.take(rows), decoded.take(rows))
    assert len(encoded) == len(decoded) == 6
    np.testing.assert_array_equal(labels.box, same.box)
    np.testing.assert_array_equal(folders, too)


def test_backgrounds(tmp_path):
    assert open_backgrounds(tmp_path) is None
    picture = np.random.default_rng(0).integers(0, 256, size=(32, 32, 3), dtype=np.uint8)
    write_shard(tmp_path / "backgrounds-0.tar", [ShardSample("0", encode(picture), {"schema": 1})])
    assert open_backgrounds(tmp_path).shape == (3, 32, 32)


def test_broken_data_is_named(tmp_path):
    with pytest.raises(DataError, match="holds no heads"):
        open_heads([tmp_path])
    write_shard(tmp_path / "x" / "heads-0.tar", [sample(0, box=[1, 2])])
    with pytest.raises(DataError, match=r"heads-0\.tar: a label"):
        open_heads([tmp_path / "x"])
    write_shard(tmp_path / "y" / "heads-0.tar", [sample(0), sample(1, size=48)])
    with pytest.raises(DataError, match="000001 is"):
        open_heads([tmp_path / "y"])
    write_shard(tmp_path / "z" / "heads-0.tar", [sample(0)])
    write_shard(tmp_path / "z" / "heads-1.tar", [sample(1, size=48)])
    with pytest.raises(DataError, match="another size"):
        open_heads([tmp_path / "z"])
