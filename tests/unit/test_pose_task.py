"""What the pose task learns from and what it validates on."""

from functools import partial

import numpy as np
import pytest
import torch

from crop_recipes import crop_recipe
from facing.geometry.rotation import rotation_from_euler
from facing.shards import ShardSample, encode, write_shard
from facing.training.task import load_task

TASK = load_task("pose")
PERSONS, VIEWS = 40, 3
recipe = partial(crop_recipe, task="pose", head={"name": "rotation_6d"}, data=[{"path": "heads"}], crops=64)


def head(number):
    """Grey says who it is."""
    pixels = np.full((48, 48, 4), 255, np.uint8)
    pixels[..., :3] = 6 * (number // VIEWS)
    label = {
        "schema": 1,
        "rotation": rotation_from_euler(yaw=float(number % 70), pitch=0.0, roll=0.0).tolist(),
        "box": [8.0, 8.0, 40.0, 40.0],
        "landmarks": np.zeros((68, 2)).tolist(),
        "visible": [0] * 68,
        "identity": number // VIEWS,
    }
    return ShardSample(f"{number:04d}", encode(pixels), label)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    for name in ("heads", "others"):
        write_shard(root / name / "heads-000.tar", [head(number) for number in range(PERSONS * VIEWS)])
    return root


def persons_in(picture):
    return [round(grey / 6) for grey in picture[:, 16, 16, 0].tolist()]  # WebP may add or take 1


class Watcher(torch.nn.Module):
    """Says that every head is frontal, and keeps who it was asked about."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.persons = []

    def forward(self, picture):
        self.persons += persons_in(picture)
        return {"rotation": torch.eye(3).expand(len(picture), 3, 3)}


def trained_persons(chosen, data):
    source = TASK.source(chosen, data)
    return {person for step in range(20) for person in persons_in(source(step)["picture"])}


def test_validation_is_on_other_persons(data):
    chosen = recipe(validation_share=0.3)
    trained, watcher = trained_persons(chosen, data), Watcher()
    figures = TASK.validation(chosen, data)(watcher)
    validated = set(watcher.persons)
    assert not trained & validated
    assert trained | validated == set(range(PERSONS))
    assert 4 < len(validated) < len(trained)
    # Every view of theirs is asked about, and the training counts those of the others.
    assert len(watcher.persons) == VIEWS * len(validated)
    assert len(TASK.source(chosen, data)) == VIEWS * len(trained)
    assert figures["front_deg"] > 10


def test_a_named_validation_set_takes_nothing_from_the_training(data):
    chosen = recipe(validation_share=0.3, validation={"path": "others"})
    watcher = Watcher()
    TASK.validation(chosen, data)(watcher)
    assert trained_persons(chosen, data) == set(watcher.persons) == set(range(PERSONS))


def test_without_a_share_nothing_is_kept_out_or_measured(data):
    chosen = recipe()
    assert trained_persons(chosen, data) == set(range(PERSONS))
    assert TASK.validation(chosen, data)(Watcher()) == {}
