"""A small detector must learn toy heads in a minute: the whole way from cutouts to a matched box."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from facing.shards import SCHEMA, ShardSample, encode, write_shard
from facing.synth.scenes import write_scenes
from facing.training.fit import fit
from facing.training.recipe import load_recipe

STEPS = 600
MISSED = 0.7
"""Share of heads missed at 0.1 further boxes per picture, most of them of 8 to 12 px.

0.56 and 0.55 with seeds 7 and 8; an untrained network misses all.
"""


def toy_head(rng):
    """Skin, hair, eyes and a shirt; the box is that of the skin oval and the hair above it."""
    picture = Image.new("RGBA", (96, 96), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    skin = tuple(int(c * rng.uniform(0.5, 1.0)) for c in (240, 190, 160))
    hair, shirt = (tuple(int(c) for c in rng.integers(0, top, size=3)) for top in (90, 256))
    draw.ellipse([10, 62, 86, 140], fill=(*shirt, 255))
    draw.rectangle([40, 50, 55, 70], fill=(*skin, 255))
    draw.ellipse([28, 14, 67, 40], fill=(*hair, 255))
    draw.ellipse([30, 18, 65, 61], fill=(*skin, 255))
    for x in (39, 55):
        draw.ellipse([x - 3, 34, x + 3, 39], fill=(20, 15, 15, 255))
    label = {"schema": SCHEMA, "box": [29, 14, 66, 62], "rotation": np.eye(3).tolist()}
    return encode(np.asarray(picture)), label


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("detection")
    rng = np.random.default_rng(0)
    heads = [ShardSample(f"{n:03d}", *toy_head(rng)) for n in range(24)]
    write_shard(root / "heads" / "heads-0.tar", heads)
    (root / "walls").mkdir()
    wall = Image.fromarray(rng.integers(60, 200, size=(6, 9, 3), dtype=np.uint8)).resize((180, 120))
    wall.save(root / "walls" / "wall.jpg")
    for name, seed, count in (("scenes", 1, 320), ("scenes_val", 2, 60)):
        write_scenes(
            root / "heads", root / name, backgrounds=[root / "walls"], count=count, seed=seed, size=96
        )
    return root


def recipe_of(**settings):
    from importlib.resources import files

    small = {
        "model.widths": [8, 16, 32, 48],
        "model.depths": [1, 1, 1, 1],
        "model.neck": [12, 16, 24],
        "optim.batch": 16,
        "optim.crops": 16 * STEPS,
        "optim.epoch_crops": 16 * STEPS,
        "optim.ema": 0.97,
        "optim.lr": 4e-3,
        "augment.zoom": 0.0,
    }
    overrides = [f"{name}={value}" for name, value in {**small, **settings}.items()]
    return load_recipe(files("facing.recipes").joinpath("heads.toml"), overrides=overrides)


def figures_of(out):
    header, *rows = (line.split(",") for line in (out / "metrics.csv").read_text().splitlines())
    return dict(zip(header, map(float, rows[-1]), strict=True))


def test_six_hundred_steps_find_heads(folder):
    fit(recipe_of(), data=folder, out=folder / "run")
    assert figures_of(folder / "run")["missed"] < MISSED


def test_equal_seeds_give_equal_training(folder):
    short = {"optim.crops": 16 * 4, "optim.epoch_crops": 16 * 4, "precision": '"32"'}
    losses = []
    for name in ("first", "second"):
        fit(recipe_of(**short), data=folder, out=folder / name, threads=1)
        losses.append(figures_of(folder / name)["train_loss"])
    assert losses[0] == losses[1]


def test_the_exported_file_finds_what_the_network_finds(folder):
    from facing.export.detection import DetectorRelease, export_detector
    from facing.runtime.detector import HeadDetector
    from facing.training.scene_data import open_scenes
    from facing.training.task import load_task

    recipe = recipe_of()
    if not (folder / "run" / "best.safetensors").exists():
        fit(recipe, data=folder, out=folder / "run")
    card = export_detector(
        folder / "run",
        folder / "toy.onnx",
        release=DetectorRelease(name="toy-1", score_threshold=0.3, long_side=96),
    )
    detector = HeadDetector(folder / "toy.onnx", threshold=0.5)
    assert card.detection.long_side == detector.long_side == 96
    from facing.training.checkpoint import load_checkpoint

    network = load_task("detection").network(recipe)
    network.load_state_dict(load_checkpoint(folder / "run").weights)
    scenes = open_scenes([folder / "scenes_val"])
    compared = 0
    for picture in scenes.pictures.take(np.arange(20)).transpose(0, 2, 3, 1):
        with torch.no_grad():
            boxes, scores = network.eval()(torch.from_numpy(np.ascontiguousarray(picture[None])))
        strong = scores[0] > 0.55  # beyond what float16 weights may move over the threshold
        found = detector.detect(np.ascontiguousarray(picture))
        for box in boxes[0][strong].numpy():
            # Suppression may leave a better box of the same head in its place.
            low, high = np.maximum(found.boxes[:, :2], box[:2]), np.minimum(found.boxes[:, 2:], box[2:])
            shared = np.clip(high - low, 0, None).prod(1)
            assert shared.max(initial=0) > 0.4 * (box[2:] - box[:2]).prod()
            compared += 1
    assert compared >= 5
