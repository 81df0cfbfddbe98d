"""Batches of the pose task."""

import numpy as np
import torch

from facing.shards import SCHEMA, ShardSample, encode, write_shard
from facing.training.recipe import recipe_from_dict
from facing.training.task import load_task

HEADS = 8
SETTINGS = {
    "schema": 1,
    "name": "pairs",
    "task": "pose",
    "licence": "CC0-1.0",
    "data": [{"path": "."}],
    "model": {"backbone": "compact", "variant": "nano"},
    "head": {"name": "rotation_6d"},
    "crop": {"side": 32},
    "optim": {"lr": 1e-3, "crops": 64, "batch": 16},
}


def write_heads(folder):
    """Write heads that differ in yaw, by which they are told apart."""
    rng = np.random.default_rng(0)
    samples = []
    for number in range(HEADS):
        yaw = np.radians(10 * number)
        rotation = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
        label = {
            "schema": SCHEMA,
            "rotation": np.array(rotation).tolist(),
            "box": [16, 16, 48, 48],
            "landmarks": None,
            "visible": None,
            "identity": number,
        }
        pixels = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        samples.append(ShardSample(str(number), encode(pixels), label))
    write_shard(folder / "heads-0.tar", samples)


def drawn(folder, **loss):
    recipe = recipe_from_dict(SETTINGS | {"loss": loss}, where="test")
    task = load_task("pose")
    return recipe, task, task.source(recipe, folder)(0)


def test_consistency_takes_two_different_crops_of_each_head(tmp_path):
    write_heads(tmp_path)
    _, _, batch = drawn(tmp_path, consistency=1.0)
    assert batch["picture"].shape == (16, 32, 32, 3)
    facing = batch["rotation"][:, 2, 2]  # cosine of the yaw, which turns and mirrors leave alone
    torch.testing.assert_close(facing[0::2], facing[1::2])
    assert len(facing[0::2].unique()) > 2
    assert (batch["picture"][0::2] != batch["picture"][1::2]).flatten(1).any(1).all()
    assert batch["mirrored"].any()
    assert not batch["mirrored"].all()


def test_consistency_is_added_to_the_loss_and_shown(tmp_path):
    write_heads(tmp_path)
    torch.manual_seed(0)
    losses = {}
    for weight in (1e-9, 2.0):
        recipe, task, batch = drawn(tmp_path, consistency=weight)
        torch.manual_seed(1)
        losses[weight] = task.loss(task.network(recipe).train(), batch, recipe)
    apart = losses[2.0]["consistency"]
    assert apart > 0
    torch.testing.assert_close(losses[2.0]["loss"], losses[1e-9]["loss"] + 2 * apart)


def test_without_consistency_every_crop_is_drawn_for_itself(tmp_path):
    write_heads(tmp_path)
    recipe, task, batch = drawn(tmp_path)
    facing = batch["rotation"][:, 2, 2]
    assert not torch.allclose(facing[0::2], facing[1::2])
    assert "consistency" not in task.loss(task.network(recipe).train(), batch, recipe)
