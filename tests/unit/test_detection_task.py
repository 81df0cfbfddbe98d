import numpy as np
import pytest
import torch

from facing.errors import DataError
from facing.evaluation.detection_curve import detection_curve
from facing.shards import SCHEMA, ShardSample, encode, write_shard
from facing.training.develop import STEPS
from facing.training.recipe import load_recipe
from facing.training.scene_augment import SceneAugmentSettings, scene_batch
from facing.training.scene_data import MOST_HEADS, open_scenes
from facing.training.task import load_task

PLAIN = {
    "grey": 0.0,
    "saturation_low": 1.0,
    "saturation_high": 1.0,
    "white_balance_sd": 0.0,
    "contrast_sd": 0.0,
    "tone_sd": 0.0,
} | dict.fromkeys((name for name, _ in STEPS), 0.0)
BOX = (20.0, 28.0, 40.0, 52.0)


def one_scene(side=96):
    """A white block on grey, and its box."""
    pixels = np.full((side, side, 3), 60, dtype=np.uint8)
    pixels[28:52, 20:40] = 255
    return pixels


def scene_sample(number, *, side=96, boxes=(BOX,), **more):
    label = {"schema": SCHEMA, "boxes": boxes, "rotations": [np.eye(3).tolist()] * len(boxes), **more}
    return ShardSample(f"{number:03d}", encode(one_scene(side)), label)


@pytest.fixture
def data(tmp_path):
    for name, count in (("scenes", 8), ("scenes_val", 4)):
        write_shard(tmp_path / name / "scenes-0.tar", [scene_sample(n) for n in range(count)])
    return tmp_path


@pytest.fixture
def recipe():
    from importlib.resources import files

    path = files("facing.recipes").joinpath("heads.toml")
    small = ["model.widths=[8,8,8,8]", "model.depths=[1,1,1,1]", "model.neck=[8,8,8]", "optim.batch=4"]
    return load_recipe(path, overrides=small)


def test_scenes_come_back_as_they_were_written(tmp_path):
    crowd = [[float(n), 0.0, n + 2.0 + n / 10, 3.0] for n in range(MOST_HEADS + 5)]
    samples = [
        scene_sample(0, ignore=[[1, 2, 3, 4]]),
        scene_sample(1, boxes=()),
        scene_sample(2, boxes=crowd),
    ]
    write_shard(tmp_path / "scenes-0.tar", samples)
    for _ in range(2):  # decoded, then from the cache
        scenes = open_scenes([tmp_path])
        assert len(scenes) == 3
        assert scenes.boxes[0, 0].tolist() == list(BOX)
        assert not scenes.boxes[0, 1:].any()
        assert scenes.ignore[0, 0].tolist() == [1, 2, 3, 4]
        assert not scenes.boxes[1].any()
        widths = scenes.boxes[2, :, 2] - scenes.boxes[2, :, 0]
        assert widths.min() == pytest.approx(2.5)  # the five narrowest went to the ignored ones
        assert (scenes.ignore[2, :, 2] > 0).sum() == 5
        taken = scenes.pictures.take(np.array([0]))[0].transpose(1, 2, 0)
        assert np.abs(taken.astype(int) - one_scene()).mean() < 3  # WebP


def test_scenes_of_two_sizes_are_refused(tmp_path):
    write_shard(tmp_path / "scenes-0.tar", [scene_sample(0)])
    write_shard(tmp_path / "scenes-1.tar", [scene_sample(0, side=128)])
    with pytest.raises(DataError, match="another size"):
        open_scenes([tmp_path])


@pytest.mark.parametrize("turn", [0.0, 1.0])
def test_boxes_move_with_their_pixels(turn):
    N = 40
    pictures = np.repeat(one_scene().transpose(2, 0, 1)[None], N, axis=0)
    boxes = np.zeros((N, 3, 4), np.float32)
    boxes[:, 0] = BOX
    batch = scene_batch(
        pictures,
        boxes=boxes,
        ignore=np.zeros((N, 1, 4), np.float32),
        rng=np.random.default_rng(1),
        augment=SceneAugmentSettings(zoom=1.0, turn=turn, **PLAIN),
    )
    counted = 0
    for picture, found in zip(batch["picture"].numpy(), batch["boxes"].numpy(), strict=True):
        assert not found[1:].any()
        if not found[0].any():
            continue
        rows, columns = np.nonzero(picture[..., 0] > 158)
        seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert np.clip(found[0], 0, 96) == pytest.approx(seen, abs=1.5)
        counted += 1
    assert counted > N / 2
    sides = batch["boxes"][:, 0, 2] - batch["boxes"][:, 0, 0]
    assert sides.max() > 1.5 * 20
    assert len(torch.unique(sides)) > N / 2


def test_a_head_that_leaves_the_frame_is_ignored_not_taught():
    N = 60
    boxes = np.tile(np.array([[[0.0, 40.0, 10.0, 50.0]]], np.float32), (N, 1, 1))
    batch = scene_batch(
        np.zeros((N, 3, 96, 96), np.uint8),
        boxes=boxes,
        ignore=np.zeros((N, 1, 4), np.float32),
        rng=np.random.default_rng(2),
        augment=SceneAugmentSettings(zoom=1.0, zoom_low=1.5, zoom_high=1.9, **PLAIN),
    )
    taught, ignored = batch["boxes"][:, 0], batch["ignore"][:, 1]
    inside = (taught[:, 2].clamp(0, 96) - taught[:, 0].clamp(0, 96)) * (
        taught[:, 3].clamp(0, 96) - taught[:, 1].clamp(0, 96)
    )
    area = (taught[:, 2] - taught[:, 0]) * (taught[:, 3] - taught[:, 1])
    real = area > 0
    assert real.any()
    assert (~real).any()
    assert (inside[real] >= 0.3 * area[real] - 1e-3).all()
    assert torch.equal(real, ~(ignored[:, 2] > ignored[:, 0]))


def test_batches_depend_on_their_number_alone(data, recipe):
    task = load_task("detection")
    first, second = task.source(recipe, data), task.source(recipe, data)
    second(0)
    for name, tensor in first(3).items():
        assert torch.equal(tensor, second(3)[name])
    assert not torch.equal(first(3)["picture"], first(4)["picture"])


def test_the_loss_falls_when_boxes_get_better(data, recipe):
    task = load_task("detection")
    torch.manual_seed(0)
    network = task.network(recipe)
    batch = task.source(recipe, data)(0)
    terms = task.loss(network, batch, recipe)
    assert set(terms) == {"loss", "heatmap", "box"}
    assert float(terms["loss"].detach()) == pytest.approx(
        float(terms["heatmap"] + 2 * terms["box"]), rel=1e-5
    )
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(8):
        optimizer.zero_grad()
        task.loss(network, batch, recipe)["loss"].backward()
        optimizer.step()
    assert float(task.loss(network, batch, recipe)["loss"].detach()) < 0.9 * float(terms["loss"].detach())


def test_scenes_without_heads_have_a_loss(tmp_path, recipe):
    write_shard(tmp_path / "scenes" / "scenes-0.tar", [scene_sample(n, boxes=()) for n in range(4)])
    task = load_task("detection")
    terms = task.loss(task.network(recipe), task.source(recipe, tmp_path)(0), recipe)
    assert torch.isfinite(terms["loss"])
    assert float(terms["box"]) == 0


def test_validation_counts_an_untrained_network_as_blind(data, recipe):
    task = load_task("detection")
    torch.manual_seed(0)
    figures = task.validation(recipe, data)(task.network(recipe).eval())
    assert figures["missed_at_half"] == 1
    assert task.score in figures


def test_the_curve_counts_hits_doubles_and_ignored_boxes():
    true = [np.array([[0.0, 0, 10, 10], [20, 20, 30, 30]]), np.empty((0, 4))]
    found = [
        (
            np.array([[0.0, 0, 10, 9], [0, 0, 10, 10], [50, 50, 60, 60], [21, 21, 30, 30]]),
            np.array([0.9, 0.8, 0.7, 0.3]),
        ),
        (np.array([[5.0, 5, 9, 9]]), np.array([0.6])),
    ]
    curve = detection_curve(true, found)
    assert curve.scores.tolist() == [0.9, 0.8, 0.7, 0.6, 0.3]
    assert curve.hits.tolist() == [True, False, False, False, True]
    assert (curve.recall(0.5), curve.recall(0.1)) == (0.5, 1.0)
    assert curve.further(0.65) == 1.0  # two over two pictures
    threshold = curve.threshold(further=1.0)
    assert curve.further(threshold) <= 1.0
    assert 0.6 < threshold < 0.7
    spared = detection_curve(true, found, ignored=[np.array([[45.0, 45, 65, 65]]), np.empty((0, 4))])
    assert spared.hits.tolist() == [True, False, False, True]


def test_a_curve_of_nothing():
    curve = detection_curve([np.empty((0, 4))], [(np.empty((0, 4)), np.empty(0))])
    assert (curve.recall(0.5), curve.further(0.5), curve.threshold(further=0.1)) == (1.0, 0.0, 0.0)


def test_portraits_bring_one_head_close_and_its_box_moves_along():
    rng = np.random.default_rng(3)
    pictures = np.zeros((16, 3, 128, 128), np.uint8)
    pictures[:, :, 40:80, 30:70] = 255
    boxes = np.zeros((16, 4, 4), np.float32)
    boxes[:, 0] = [30, 40, 70, 80]
    settings = SceneAugmentSettings(zoom=0, portrait=1, **PLAIN)
    batch = scene_batch(
        pictures, boxes=boxes, ignore=np.zeros((16, 1, 4), np.float32), rng=rng, augment=settings
    )
    sides = (batch["boxes"][:, 0, 2:] - batch["boxes"][:, 0, :2]).numpy()
    assert sides.min() > 0.39 * 128
    assert sides.max() < 1.16 * 128
    assert np.ptp(sides) > 20
    for picture, box in zip(batch["picture"].numpy(), batch["boxes"][:, 0].numpy(), strict=True):
        x0, y0, x1, y1 = (round(float(v)) for v in np.clip(box, 0, 128))
        inside = picture[y0 + 3 : y1 - 3, x0 + 3 : x1 - 3]
        assert inside.mean() > 240
        outside = (
            picture.astype(float).sum() - picture[max(y0 - 3, 0) : y1 + 3, max(x0 - 3, 0) : x1 + 3].sum()
        )
        assert outside == 0
