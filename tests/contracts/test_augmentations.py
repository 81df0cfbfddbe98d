"""Every augmentation keeps its contract: boxes stay in the crop, labels follow, chance comes from outside."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from facing import registry
from facing.training.augment import crop_batch
from facing.training.augmentation import AugmentationSettings, load_augmentation
from facing.training.data import HeadLabels

NAMES = registry.names("facing.training.augmentations")
SIDE = 64
N = 200


def views_of(name, seed, **changes):
    kind = load_augmentation(name)
    boxes = np.tile(np.float32([30, 20, 80, 90]), (N, 1))
    settings = kind.settings(kind=name, **changes)
    return kind.views(boxes, np.random.default_rng(seed), side=SIDE, scale=1.12, settings=settings)


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_a_table_of_the_recipe(name):
    kind = load_augmentation(name)
    assert kind.title
    assert issubclass(kind.settings, AugmentationSettings)
    assert kind.settings(kind=name).kind == name


@pytest.mark.parametrize("name", NAMES)
def test_crops_stay_near_the_head(name):
    views = views_of(name, 1)
    corners = np.array([(30, 20), (80, 20), (80, 90), (30, 90)], float)
    placed = np.einsum("nij,kj->nki", views.crop_from_picture[:, :, :2], corners)
    placed += views.crop_from_picture[:, None, :, 2]
    centre = placed.mean(1)
    assert np.abs(centre / SIDE - 0.5).max() < 0.3
    height = np.linalg.norm(placed[:, 3] - placed[:, 0], axis=1) / SIDE
    assert height.min() > 0.5
    assert height.max() < 1.6
    # On average the crop is the contract's: the head box is 1 / 1.12 of its side. Only the pyramid system
    # trains on looser crops (k from 0.2 to 0.4) than it tests on (0.2), by 13 %.
    assert abs(np.median(height) * 1.12 - 1) < (0.15 if name == "pyramid" else 0.05)


@pytest.mark.parametrize("name", NAMES)
def test_turn_and_mirror_are_those_of_the_affine_map(name):
    views = views_of(name, 2, **({"mirror": 0.5, "turn_max_deg": 30.0} if name == "compact" else {}))
    linear = views.crop_from_picture[:, :, :2]
    np.testing.assert_array_equal(np.linalg.det(linear) < 0, views.mirrored)
    down = linear[:, :, 1]
    # The picture's downward direction leans to the left by a clockwise turn, to the right when mirrored.
    sideways = np.where(views.mirrored, -1, 1) * np.arctan2(-down[:, 0], down[:, 1])
    if name != "pyramid":  # which may squeeze, and then does not turn
        np.testing.assert_allclose(sideways, views.turn_rad, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_equal_generators_give_equal_pixels_in_range(name):
    kind = load_augmentation(name)
    settings = kind.settings(kind=name)
    start = torch.rand(24, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)) * 255
    first, second = (kind.pixels(start.clone(), np.random.default_rng(3), settings, 1.0) for _ in range(2))
    assert first.equal(second)
    assert first.shape == start.shape
    assert first.isfinite().all()
    if name != "plain":
        assert not first.equal(start)


def share_grey(x):
    return float(((x.amax(1) - x.amin(1)).amax((1, 2)) < 1).float().mean())


@pytest.mark.parametrize(("chance", "low", "high"), [(0.85, 0.78, 0.92), (0.05, 0.01, 0.1)])
def test_compact_greys_as_often_as_published(chance, low, high):
    kind = load_augmentation("compact")
    settings = kind.settings(kind="compact", grey=chance, blur=0.0)
    x = torch.rand(400, 3, 8, 8) * 255
    assert low < share_grey(kind.pixels(x, np.random.default_rng(0), settings, 1.0)) < high


def test_compact_blurs_as_pillow_does():
    from PIL import Image, ImageFilter

    kind = load_augmentation("compact")
    picture = np.random.default_rng(0).integers(0, 256, size=(32, 32, 3), dtype=np.uint8)
    settings = kind.settings(kind="compact", grey=0.0, blur=1.0)
    x = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float()
    got = kind.pixels(x, np.random.default_rng(0), settings, 1.0)[0].permute(1, 2, 0).numpy()
    want = np.asarray(Image.fromarray(picture).filter(ImageFilter.BLUR), float)
    # Pillow leaves the two outermost rows as they are; roundings inside.
    np.testing.assert_allclose(got[2:-2, 2:-2], want[2:-2, 2:-2], atol=0.6)


def test_pyramid_augments_the_published_share():
    views = views_of("pyramid", 4, flip=True, loose_high=0.2)
    plain = views_of("pyramid", 4, augment=0.0, loose_high=0.2)
    same = np.isclose(views.crop_from_picture, plain.crop_from_picture[0]).all((1, 2))
    # Half are augmented, a quarter of those by the action that does nothing.
    assert 0.52 < same.mean() < 0.73
    assert 0.06 < views.mirrored.mean() < 0.2
    assert not views_of("pyramid", 4).mirrored.any()


def whole_samples(name, *, count, **changes):
    """Cut one noisy picture `count` times; give the crops (N, S, S, 3)."""
    picture = np.random.default_rng(0).integers(0, 256, size=(1, 4, 96, 96), dtype=np.uint8)
    picture[:, 3] = 255
    label = HeadLabels(
        rotation=np.eye(3, dtype=np.float32)[None],
        known=np.ones((1, 3), bool),
        box=np.float32([[30, 20, 80, 90]]),
        landmarks=np.zeros((1, 68, 2), np.float32),
        landmarked=np.zeros(1, bool),
        visible=np.zeros((1, 68), bool),
        identity=np.zeros(1, np.int64),
        label=np.array([""]),
    )
    rows = np.zeros(count, np.int64)
    return crop_batch(
        picture[rows],
        label.take(rows),
        np.random.default_rng(5),
        side=SIDE // 2,
        scale=1.12,
        backgrounds=None,
        augment=load_augmentation(name).settings(kind=name, **changes),
    )["picture"]


@pytest.mark.parametrize(("flip", "published"), [(True, 0.578), (False, 0.604)])
def test_pyramid_leaves_the_published_share_of_whole_samples_alone(flip, published):
    fixed = {"flip": flip, "loose_high": 0.2}
    (plain,) = whole_samples("pyramid", count=1, augment=0.0, **fixed)
    same = (whole_samples("pyramid", count=1600, **fixed) == plain).flatten(1).all(1)
    # Half are not augmented; of the others one in four boxes (three without flip) stays, and five in eight
    # times its pixels do. Two draws, of box and pixels apart, would leave 0.508 and 0.542.
    assert abs(float(same.float().mean()) - published) < 0.035


@pytest.mark.parametrize("name", NAMES)
def test_crops_that_are_not_augmented_keep_their_pixels(name, monkeypatch):
    kind = load_augmentation(name)
    drawn = replace(kind, pixels=lambda x, *_: x.mul_(0))
    monkeypatch.setattr("facing.training.augment.load_augmentation", lambda _: drawn)
    dark = (whole_samples(name, count=40) == 0).flatten(1).all(1)
    views = kind.views(
        np.tile(np.float32([30, 20, 80, 90]), (40, 1)),
        np.random.default_rng(5),
        side=SIDE // 2,
        scale=1.12,
        settings=kind.settings(kind=name),
    )
    np.testing.assert_array_equal(dark.numpy(), views.augmented)
