"""What the orientation task learns from: classes that follow poses, folders and mirrors."""

from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

import facing
from crop_recipes import crop_recipe
from facing.errors import DataError, ModelError, RecipeError
from facing.export.onnx import export_pose, pose_card
from facing.geometry.rotation import rotation_from_euler
from facing.models.heads.orientation import NO_CLASS
from facing.shards import ShardSample, encode, write_shard
from facing.training.fit import fit
from facing.training.task import load_task
from facing.training.tasks.orientation import validate_orientation

TASK = load_task("orientation")
SIDE = 32
recipe = partial(
    crop_recipe,
    task="orientation",
    head={"name": "orientation"},
    data=[{"path": "renders"}],
    validation_share=0.3,
    crops=128,
    side=SIDE,
)


def head(number, *, yaw, roll=0.0):
    """Red says where the head faces, so that a crop shows which class is true; green says who it is."""
    pixels = np.full((48, 48, 4), 255, np.uint8)
    pixels[..., 0], pixels[..., 1] = abs(yaw), 3 * number  # WebP may add or take 1
    label = {
        "schema": 1,
        "rotation": rotation_from_euler(yaw=yaw, pitch=0.0, roll=roll).tolist(),
        "box": [8.0, 8.0, 40.0, 40.0],
        "landmarks": np.zeros((68, 2)).tolist(),
        "visible": [0] * 68,
        "identity": number,
    }
    return ShardSample(f"{number:04d}", encode(pixels), label)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    yaws = np.linspace(-175, 175, 71).round()
    write_shard(
        root / "renders" / "heads-000.tar", [head(number, yaw=float(yaw)) for number, yaw in enumerate(yaws)]
    )
    for name, left, right in (("front", 90, 90), ("left", 255, 0), ("right", 0, 255), ("back", 20, 20)):
        folder = root / "folders" / name
        folder.mkdir(parents=True)
        pixels = np.zeros((48, 48, 3), np.uint8)
        pixels[:, :24], pixels[:, 24:] = left, right
        for number in range(6):
            Image.fromarray(pixels).save(folder / f"{number}.png")
    return root


def truth(red):
    return np.where(red <= 45, 0, np.where(red > 135, 2, 1))


def test_labels_of_renders_follow_the_pose(data):
    batch = TASK.source(recipe(), data)(0)
    assert batch["picture"].shape == (64, SIDE, SIDE, 3)
    assert batch["label"].dtype == torch.int64
    red = batch["picture"][:, 16, 16, 0].numpy()
    np.testing.assert_array_equal(batch["label"].numpy(), truth(red.astype(int)))
    # Drawn in balance: half of the heads are sides, a third of the batch is.
    assert np.bincount(batch["label"].numpy()).min() > 10


def test_a_turn_of_the_crop_moves_heads_over_the_border(data, tmp_path):
    # A head that nods 60 degrees at azimuth 0 lies on its side once the crop turns by 90.
    write_shard(
        tmp_path / "renders" / "heads-000.tar",
        [
            *(head(number, yaw=yaw) for number, yaw in enumerate((0.0, 90.0, 180.0))),
            ShardSample(
                "9",
                encode(np.full((48, 48, 4), 255, np.uint8)),
                head(9, yaw=0.0).label
                | {"rotation": rotation_from_euler(yaw=0.0, pitch=60.0, roll=0.0).tolist()},
            ),
        ],
    )
    jitter = {
        "turn_deg": 0.0,
        "turn_max_deg": 90.0,
        "turn_small": 0.0,
        "mirror": 0.5,
        "scale": 0.0,
        "shift": 0.0,
    }
    source = TASK.source(
        recipe(augment={"kind": "plain", "jitter": jitter}, validation={"path": "renders"}), tmp_path
    )
    labels = torch.cat([source(step)["label"] for step in range(3)])
    reds = torch.cat([source(step)["picture"][:, 16, 16] for step in range(3)]).sum(1)
    nodding = labels[reds == 765]
    assert set(nodding.tolist()) == {0, 1}


def test_margin_leaves_heads_out(data):
    source = TASK.source(recipe(ranges={"margin": 15.0}), data)
    red = source(0)["picture"][:, 16, 16, 0].numpy().astype(int)
    assert np.minimum(abs(red - 45), abs(red - 135)).min() >= 14
    everything = TASK.source(recipe(), data)
    assert len(source) < len(everything) < 71


def test_validation_is_on_other_persons(data):
    chosen = recipe()
    source = TASK.source(chosen, data)
    trained = {
        round(green / 3) for step in range(20) for green in source(step)["picture"][:, 16, 16, 1].tolist()
    }
    seen = []

    class Watcher(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, picture):
            seen.append(picture)
            return {"orientation": torch.eye(3)[torch.zeros(len(picture), dtype=torch.int64)]}

    figures = TASK.validation(chosen, data)(Watcher())
    reds, greens = torch.cat(seen)[:, 16, 16, :2].T.tolist()
    validated = {round(green / 3) for green in greens}
    assert not trained & validated
    assert trained | validated == set(range(71))
    assert 10 < len(validated) == len(greens) < len(trained) == len(source)
    assert figures["wrong"] == pytest.approx(np.mean(truth(np.array(reds)) != 0))
    assert figures["wrong_front"] == 0
    assert figures["wrong_back"] == 1


def test_class_folders_and_their_mirror_images(data):
    labels = ["front", "left", "right", "back"]
    chosen = recipe(
        labels=labels,
        head={"name": "orientation", "classes": 4},
        data=[{"reader": "class-folder", "path": "folders"}],
        augment={
            "kind": "plain",
            "jitter": {"mirror": 0.5, "scale": 0.0, "shift": 0.0, "turn_deg": 0.0, "turn_small": 1.0},
        },
    )
    batch = TASK.source(chosen, data)(0)
    left = batch["picture"][:, 16, 8, 0].numpy().astype(int)
    right = batch["picture"][:, 16, 24, 0].numpy().astype(int)
    wanted = np.where(left - right > 50, 1, np.where(right - left > 50, 2, np.where(left > 50, 0, 3)))
    np.testing.assert_array_equal(batch["label"].numpy(), wanted)
    assert set(wanted) == {0, 1, 2, 3}


def test_left_and_right_are_sides_where_the_recipe_has_no_such_classes(data):
    chosen = recipe(data=[{"reader": "class-folder", "path": "folders"}])
    labels = TASK.source(chosen, data)(0)["label"].numpy()
    assert set(labels) == {0, 1, 2}


def test_unknown_and_missing_classes_are_told(data):
    folders = [{"reader": "class-folder", "path": "folders"}]
    with pytest.raises(DataError, match="class 'back', the recipe's labels are front, left, right"):
        TASK.source(recipe(data=folders, labels=["front", "left", "right"]), data)
    with pytest.raises(DataError, match=r"no head .* 'up'"):
        TASK.source(
            recipe(
                data=folders,
                labels=["front", "left", "right", "back", "up"],
                head={"name": "orientation", "classes": 5},
            ),
            data,
        )


@pytest.mark.parametrize("labels", [["front", "side"], ["front", "side", "side"]])
def test_recipe_names_every_class_once(labels):
    with pytest.raises(RecipeError, match="name each class once"):
        recipe(labels=labels)


def test_heads_in_no_class_cost_nothing(data):
    chosen = recipe()
    torch.manual_seed(0)
    network = TASK.network(chosen).train()
    batch = TASK.source(chosen, data)(0)
    batch["label"][10:] = NO_CLASS
    terms = TASK.loss(network, batch, chosen)
    probabilities = network(batch["picture"])["orientation"]
    wanted = -probabilities[torch.arange(10), batch["label"][:10]].log().mean()
    assert float(terms["loss"].detach()) == pytest.approx(float(wanted.detach()), rel=1e-4)


def test_validation_counts_what_is_wrong():
    network = torch.nn.Linear(1, 1)
    network.forward = lambda picture: {"orientation": torch.eye(3)[picture[:, 0, 0, 0].long()]}
    picture = torch.tensor([0, 1, 2, 2], dtype=torch.uint8)[:, None, None, None].expand(4, 8, 8, 3)
    figures = validate_orientation(
        network, {"picture": picture, "label": torch.tensor([0, 1, 1, 2])}, labels=("front", "side", "back")
    )
    assert figures == {"wrong": 0.25, "wrong_front": 0.0, "wrong_side": 0.5, "wrong_back": 0.0}


def test_trained_exported_and_asked(data, tmp_path):
    labels = ["front", "left", "right", "back"]
    chosen = recipe(
        labels=labels,
        head={"name": "orientation", "classes": 4, "contrastive_weight": 0.1},
        data=[{"reader": "class-folder", "path": "folders"}],
    )
    fit(chosen, data=data, out=tmp_path / "run")
    card = export_pose(tmp_path / "run", tmp_path / "m.onnx", card=pose_card(tmp_path / "run"))
    assert (card.labels, card.outputs) == (tuple(labels), ("orientation",))
    classifier = facing.OrientationClassifier(tmp_path / "m.onnx")
    shares = classifier.probabilities(data / "folders" / "left" / "0.png")
    assert tuple(shares) == tuple(labels)
    assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
    with pytest.raises(ModelError, match="tells no direction"):
        facing.PoseEstimator(tmp_path / "m.onnx", None)
