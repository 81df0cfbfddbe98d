"""A small network must learn front, side and back of drawn heads and answer so after its export."""

import numpy as np
import pytest

import facing
from facing.export.onnx import export_pose, pose_card
from facing.geometry.rotation import rotation_from_euler
from facing.shards import ShardSample, encode, write_shard
from facing.training.checkpoint import load_checkpoint
from facing.training.fit import fit
from facing.training.recipe import recipe_from_dict

SIZE = 64


def drawn_head(number):
    """A ball with eyes, a mouth and hair at the back, turned by any yaw."""
    rng = np.random.default_rng(number)
    yaw = rng.uniform(-180, 180)
    rotation = rotation_from_euler(yaw=yaw, pitch=0.0, roll=0.0)
    centre, radius = SIZE / 2, SIZE * 0.33
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    right, up = (x - centre) / radius, -(y - centre) / radius
    depth = 1 - right**2 - up**2
    on_head = np.stack((right, up, np.sqrt(np.maximum(depth, 0))), axis=-1) @ rotation
    picture = np.zeros((SIZE, SIZE, 4), np.uint8)
    picture[..., :3] = (210, 160, 130)
    for spot, reach, paint in (
        ((0.35, 0.3, 0.88), 0.2, (30, 30, 30)),
        ((-0.35, 0.3, 0.88), 0.2, (30, 30, 30)),
        ((0, -0.4, 0.9), 0.22, (180, 20, 30)),
    ):
        picture[np.linalg.norm(on_head - spot, axis=-1) < reach, :3] = paint
    picture[(on_head[..., 1] > 0.65) | (on_head[..., 2] < -0.2), :3] = (70, 45, 20)
    picture[..., 3] = 255 * (depth > 0)
    label = {
        "schema": 1,
        "rotation": rotation.tolist(),
        "box": [centre - radius, centre - radius, centre + radius, centre + radius],
        "landmarks": np.zeros((68, 2)).tolist(),
        "visible": [0] * 68,
        "identity": number,
    }
    return yaw, ShardSample(f"{number:05d}", encode(picture), label)


@pytest.mark.parametrize("contrastive_weight", [0.0, 0.2])
def test_steps_teach_unseen_heads_and_the_export_answers(tmp_path, contrastive_weight):
    data = tmp_path / "data"
    write_shard(data / "train" / "heads-000.tar", [drawn_head(number)[1] for number in range(96)])
    settings = {
        "schema": 1,
        "name": "orientation-learning",
        "task": "orientation",
        "licence": "CC0-1.0",
        "crop": {"side": 48},
        "model": {"backbone": "compact", "variant": "nano"},
        "head": {"name": "orientation", "contrastive_weight": contrastive_weight},
        "data": [{"path": "train"}],
        "validation_share": 0.2,
        "augment": {"kind": "plain", "jitter": {"mirror": 0.5}},
        "optim": {"lr": 4e-3, "batch": 32, "crops": 32 * 100, "epoch_crops": 32 * 50, "ema": 0.9},
    }
    best = fit(recipe_from_dict(settings, where="test"), data=data, out=tmp_path / "run")
    # Guessing is wrong two times out of three.
    assert load_checkpoint(best).figures["wrong"] < 0.2
    export_pose(tmp_path / "run", tmp_path / "m.onnx", card=pose_card(tmp_path / "run"))
    classifier = facing.OrientationClassifier(tmp_path / "m.onnx")
    right = []
    for number in range(1000, 1060):
        yaw, sample = drawn_head(number)
        wanted = "front" if abs(yaw) <= 45 else "back" if abs(yaw) > 135 else "side"
        pixels = sample.pixels(coverage=True)
        picture = np.where(pixels[..., 3:] > 127, pixels[..., :3], 90).astype(np.uint8)
        right.append(classifier.predict(picture, sample.label["box"]) == wanted)
    assert np.mean(right) > 0.8
