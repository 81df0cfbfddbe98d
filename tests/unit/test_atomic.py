"""Files that appear whole or not at all, and what every writer of them says when a disk is full."""

import resource
from contextlib import contextmanager

import numpy as np
import onnx
import pytest
import torch

from facing.atomic import new_file
from facing.errors import DataError, ModelError
from facing.export.card_file import write_model
from facing.output.sink import save_picture
from facing.shards import ShardSample, write_shard
from facing.training.checkpoint import Checkpoint, save_checkpoint
from tiny_models import pose_card

LONG = "я" * 122 + ".jpg"  # 248 bytes of the 255 that a name may have


@contextmanager
def full_disk():
    """Let no file grow beyond 4096 bytes: writes fail as they do on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def shard(path):
    write_shard(path, [ShardSample("0", bytes(10_000), {"schema": 1})])


def model(path):
    graph = onnx.helper.make_graph([], "large", [], [])
    write_model(onnx.helper.make_model(graph, doc_string="x" * 10_000), pose_card(), path)


def checkpoint(path):
    save_checkpoint(path, Checkpoint({"a": torch.zeros(10_000)}, {}, "", step=1))


def picture(path):
    noise = np.random.default_rng(0).integers(0, 255, (99, 99, 3), np.uint8)
    save_picture(noise, path.with_suffix(".png"))


@pytest.mark.parametrize(
    ("write", "kind"),
    [(shard, DataError), (model, ModelError), (checkpoint, ModelError), (picture, DataError)],
)
def test_a_full_disk_is_one_sentence_and_keeps_the_old_file(tmp_path, write, kind):
    for path in (tmp_path / "out", tmp_path / "out.png"):
        path.write_text("old")
    with full_disk(), pytest.raises(kind, match=r"out\S* cannot be written \(.*\); choose another place"):
        write(tmp_path / "out")
    assert {path.read_text() for path in tmp_path.iterdir()} == {"old"}
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(kind, match="cannot be written"):
        write(tmp_path / "file" / "out")


def test_a_long_name_can_be_written(tmp_path):
    with new_file(tmp_path / LONG) as part:
        part.write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == [LONG]


def test_what_a_killed_process_leaves_is_hidden_and_mostly_without_its_ending(tmp_path):
    with new_file(tmp_path / "a.jpg") as part:
        assert part.name.startswith(".")
        assert part.suffix == ".jpg"
        part.touch()
    with new_file(tmp_path / "a.tar", keep_ending=False) as part:
        assert part.name.startswith(".")
        assert part.suffix == ".part"
        part.touch()


def test_errors_of_other_files_are_not_laid_on_this_one(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match="gone"),
        new_file(tmp_path / "out"),
        (tmp_path / "gone").open(),
    ):
        pass


def test_a_picture_too_large_for_its_format_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"wide.webp cannot be written .*16383"):
        save_picture(np.zeros((1, 17_000, 3), np.uint8), tmp_path / "wide.webp")
    assert not list(tmp_path.iterdir())
