"""The shard format: round trip, equal bytes, and sentences for what is broken."""

from __future__ import annotations

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from facing.errors import DataError
from facing.shards import ShardSample, encode, find_shards, read_shard, write_shard


def sample(key="00000001", *, channels=3):
    ramp = np.linspace(0, 255, 32 * 32 * channels).reshape(32, 32, channels).astype(np.uint8)
    return ShardSample(key, encode(ramp, quality=95), {"schema": 1, "box": [1.0, 2.0, 3.0, 4.0]}), ramp


@pytest.mark.parametrize("channels", [3, 4])
def test_round_trip(tmp_path, channels):
    written, ramp = sample(channels=channels)
    path = tmp_path / "deep" / "heads-00000.tar"
    assert write_shard(path, [written]) == 1
    (read,) = read_shard(path)
    assert read == written
    assert read.pixels().shape == ramp.shape
    assert np.abs(read.pixels()[..., -1].astype(int) - ramp[..., -1]).mean() < 12


def test_a_picture_covered_all_over_still_has_coverage_when_asked_for():
    opaque = np.full((16, 16, 4), 255, np.uint8)
    written = ShardSample("0", encode(opaque), {"schema": 1})
    assert written.pixels(coverage=True).shape == (16, 16, 4)
    assert (written.pixels(coverage=True)[..., 3] == 255).all()
    assert written.pixels(coverage=False).shape == (16, 16, 3)


def test_equal_samples_give_equal_bytes_and_no_leftovers(tmp_path):
    for name in ("a", "b"):
        write_shard(tmp_path / f"heads-{name}.tar", [sample()[0]])
    a, b = (path.read_bytes() for path in find_shards(tmp_path))
    assert a == b
    assert len(list(tmp_path.iterdir())) == 2


def test_a_writer_that_fails_leaves_nothing_behind(tmp_path):
    def broken():
        yield sample()[0]
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        write_shard(tmp_path / "heads-0.tar", broken())
    assert not list(tmp_path.iterdir())


def test_any_tool_reads_it(tmp_path):
    path = tmp_path / "heads-0.tar"
    write_shard(path, [sample()[0]])
    with tarfile.open(path) as tar:
        assert tar.getnames() == ["00000001.webp", "00000001.json"]
        assert json.load(tar.extractfile("00000001.json"))["schema"] == 1
        assert Image.open(io.BytesIO(tar.extractfile("00000001.webp").read())).size == (32, 32)


def test_broken_shards_say_so(tmp_path):
    whole = tmp_path / "heads-0.tar"
    write_shard(whole, [sample(f"{k:08d}")[0] for k in range(4)])
    cut = tmp_path / "heads-1.tar"
    cut.write_bytes(whole.read_bytes()[:1500])
    with pytest.raises(DataError, match=r"heads-1\.tar"):
        list(read_shard(cut))
    alone = tmp_path / "heads-2.tar"
    with tarfile.open(alone, "w") as tar:
        tar.addfile(tarfile.TarInfo("1.json"), io.BytesIO(b""))
    with pytest.raises(DataError, match="no partner"):
        list(read_shard(alone))
    newer = tmp_path / "heads-3.tar"
    write_shard(newer, [ShardSample("1", sample()[0].encoded, {"schema": 2})])
    with pytest.raises(DataError, match="schema 2"):
        list(read_shard(newer))
    with pytest.raises(DataError, match="facing synth"):
        find_shards(tmp_path, kind="scenes")
