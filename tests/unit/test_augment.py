"""Training crops: equal to the crop contract without jitter, labels that follow the picture with it."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from facing.crop import CropSpec, crop_heads
from facing.training.augment import crop_batch
from facing.training.augmentations.renders import RendersSettings
from facing.training.data import HeadLabels
from facing.training.develop import STEPS
from facing.training.pixels import blur, border, colour, jpeg, low_resolution, patches
from facing.training.warp import (
    MIRRORED_LANDMARKS,
    NO_JITTER,
    JitterSettings,
    draw_views,
    move_landmarks,
    move_rotations,
    warp_pictures,
)

SIDE = 64


def smooth_picture(*, seed, size=96):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    waves = [np.sin(2 * np.pi * (rng.uniform(1, 4) * x + rng.uniform(1, 4) * y) + c) for c in range(3)]
    return (127 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)


def labels(boxes, *, rotations=None, landmarks=None):
    N = len(boxes)
    return HeadLabels(
        rotation=np.tile(np.eye(3, dtype=np.float32), (N, 1, 1)) if rotations is None else rotations,
        box=np.asarray(boxes, np.float32),
        landmarks=np.zeros((N, 68, 2), np.float32) if landmarks is None else landmarks,
        known=np.ones((N, 3), bool),
        landmarked=np.ones(N, bool),
        visible=np.ones((N, 68), bool),
        identity=np.arange(N),
        label=np.full(N, ""),
    )


# A crop of about the picture's scale, an enlarged one, and one that leaves the picture on two sides.
@pytest.mark.parametrize("box", [(20, 15, 75, 70), (30.3, 35.6, 60.2, 62.9), (-20.5, 30, 30, 85.25)])
def test_without_jitter_it_is_the_crop_contract(box):
    picture = smooth_picture(seed=0)
    spec = CropSpec(side=SIDE, scale=1.12)
    expected = crop_heads(picture, [box], spec)
    views = draw_views(
        np.array([box], np.float32), np.random.default_rng(0), side=SIDE, scale=1.12, jitter=NO_JITTER
    )
    np.testing.assert_allclose(views.crop_from_picture, expected.crop_from_picture, atol=1e-4)
    planes = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    got = warp_pictures(planes, views.crop_from_picture, side=SIDE)[0].permute(1, 2, 0).numpy()
    difference = np.abs(got - expected.pixels[0].astype(float))
    # Bilinear against Pillow's bilinear: roundings inside, another blend on the pixels at the frame's edge.
    assert np.median(difference) < 0.6
    assert np.mean(difference) < 1.5


def project(points, rotation):
    """Parallel view of head points (K, 3): picture y points down."""
    seen = points @ rotation.T
    return np.stack((48 + 20 * seen[:, 0], 48 - 20 * seen[:, 1]), axis=1)


def symmetric_points():
    """68 points of a head that is its own mirror image under the mirrored order."""
    points = np.random.default_rng(1).normal(size=(68, 3))
    return (points + points[MIRRORED_LANDMARKS] * (-1, 1, 1)) / 2


@pytest.mark.parametrize("mirror", [0.0, 1.0])
@pytest.mark.parametrize("turn_deg", [0.0, 40.0])
def test_labels_turn_and_mirror_with_the_picture(mirror, turn_deg):
    from scipy.spatial.transform import Rotation

    N = 20
    rotations = Rotation.random(N, random_state=0).as_matrix().astype(np.float32)
    points = symmetric_points()
    landmarks = np.stack([project(points, rotation) for rotation in rotations]).astype(np.float32)
    jitter = JitterSettings(turn_deg=turn_deg, turn_small=1.0, mirror=mirror)
    boxes = np.tile(np.float32([20, 20, 76, 76]), (N, 1))
    views = draw_views(boxes, np.random.default_rng(3), side=SIDE, scale=1.12, jitter=jitter)
    moved_rotations = move_rotations(rotations, views)
    moved = move_landmarks(landmarks, views, side=SIDE)
    # What a camera would see of the turned head must be the moved landmarks, up to shift and size.
    for got, rotation in zip(moved, moved_rotations, strict=True):
        want = project(points, rotation)
        shapes = [seen - seen.mean(0) for seen in (got, want)]
        np.testing.assert_allclose(*(shape / np.linalg.norm(shape) for shape in shapes), atol=1e-4)


def test_pixels_and_landmarks_move_together():
    picture = np.zeros((1, 1, 96, 96), np.float32)
    spot = np.array([61, 33])
    picture[0, 0, spot[1] - 1 : spot[1] + 1, spot[0] - 1 : spot[0] + 1] = 255
    landmarks = np.tile(spot.astype(np.float32), (1, 68, 1))
    for seed in range(8):
        views = draw_views(
            np.float32([[25, 20, 75, 70]]),
            np.random.default_rng(seed),
            side=SIDE,
            scale=1.2,
            jitter=JitterSettings(),
        )
        crop = warp_pictures(torch.from_numpy(picture), views.crop_from_picture, side=SIDE)[0, 0].numpy()
        y, x = np.mgrid[:SIDE, :SIDE] + 0.5
        found = np.array([(crop * x).sum(), (crop * y).sum()]) / crop.sum()
        stated = (move_landmarks(landmarks, views, side=SIDE)[0, 0] + 1) * SIDE / 2
        np.testing.assert_allclose(found, stated, atol=0.2)


def test_mirrored_landmarks_are_a_swap_of_left_and_right():
    assert sorted(MIRRORED_LANDMARKS) == list(range(68))
    np.testing.assert_array_equal(MIRRORED_LANDMARKS[MIRRORED_LANDMARKS], np.arange(68))
    np.testing.assert_array_equal(
        np.flatnonzero(np.arange(68) == MIRRORED_LANDMARKS), [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]
    )


def head_pictures(N, *, seed=0):
    rng = np.random.default_rng(seed)
    pictures = np.zeros((N, 4, 96, 96), np.uint8)
    pictures[:, :, 20:76, 20:76] = rng.integers(0, 256, size=(N, 4, 56, 56))
    pictures[:, 3, 20:76, 20:76] = 255
    return pictures


def batch(seed, *, augment, N=40):
    return crop_batch(
        head_pictures(N),
        labels([(20, 20, 76, 76)] * N),
        np.random.default_rng(seed),
        side=SIDE,
        scale=1.12,
        backgrounds=None,
        augment=augment,
    )


def test_the_generator_alone_decides():
    first, second, other = (batch(seed, augment=RendersSettings()) for seed in (5, 5, 6))
    assert all(first[name].equal(second[name]) for name in first)
    assert not first["picture"].equal(other["picture"])
    assert first["picture"].dtype == torch.uint8
    assert first["picture"].shape == (40, SIDE, SIDE, 3)


def test_coverage_puts_the_background_in():
    out = crop_batch(
        head_pictures(4),
        labels([(20, 20, 76, 76)] * 4),
        np.random.default_rng(0),
        side=SIDE,
        scale=1.5,
        backgrounds=None,
        augment=None,
    )["picture"].numpy()
    for picture in out:
        corner = picture[0, 0]
        assert (picture[:8] == corner).all()
        assert (picture[:, :8] == corner).all()
        assert picture[24:40, 24:40].std() > 20


@pytest.mark.parametrize(("name", "step"), [*STEPS, ("border", border)])
@pytest.mark.parametrize("side", [48, 50])
def test_every_step_changes_pictures_and_keeps_them_sane(name, step, side):
    x = (
        torch.from_numpy(np.stack([smooth_picture(seed=s, size=side) for s in range(5)]))
        .permute(0, 3, 1, 2)
        .float()
    )
    before = x.clone()
    out = step(x, np.random.default_rng(1))
    assert out.shape == x.shape
    assert x.equal(before)
    assert out.isfinite().all()
    assert out.min() > -200
    assert out.max() < 600
    assert (out - x).abs().mean() > 0.5
    assert hasattr(RendersSettings(), name)


def centre_of_brightest(x):
    """Give columns and rows (n, 2) of the middle of what is brighter than a third of the brightest."""
    grey = x.mean(1)
    weight = (grey - 0.3 * grey.amax((1, 2), keepdim=True)).clamp(min=0)
    along = torch.arange(x.shape[-1]) + 0.5
    sums = [(weight * along).sum((1, 2)), (weight * along[:, None]).sum((1, 2))]
    return torch.stack(sums, dim=1) / weight.sum((1, 2))[:, None]


# Labels stay as they are in all these steps. Patches may cover the spot.
@pytest.mark.parametrize(
    ("name", "step"), [*(pair for pair in STEPS if pair[0] != "patches"), ("border", border)]
)
@pytest.mark.parametrize("side", [48, 50])
def test_steps_leave_everything_in_its_place(name, step, side):
    column, row = 0.58 * side, 0.45 * side
    along = torch.arange(side) + 0.5
    spot = torch.exp(-((along - column).square() + (along[:, None] - row).square()) / (2 * 2.5**2))
    for seed in range(8):
        out = step((255 * spot).expand(4, 3, side, side).clone(), np.random.default_rng(seed))
        # Light from one side draws the middle towards it, large pixels by half of one.
        assert (centre_of_brightest(out) - torch.tensor([column, row])).abs().max() < 1


def test_patches_leave_the_rest_as_it_is():
    x = torch.from_numpy(np.stack([smooth_picture(seed=s) for s in range(8)])).permute(0, 3, 1, 2).float()
    same = (patches(x, np.random.default_rng(0)) == x).all(1).float().mean((1, 2))
    # At most three rectangles or ellipses of at most 0.32 of the side by 0.32.
    assert same.min() > 0.65


def test_blur_is_that_of_pillow():
    picture = np.random.default_rng(0).integers(0, 256, size=(112, 112, 3), dtype=np.uint8)
    x = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float()
    got = blur(x, SimpleNamespace(uniform=lambda *_: 2.0))[0].permute(1, 2, 0).numpy()
    want = np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(2.0)), float)
    # Pillow makes its normal kernel of three boxes, and repeats the last pixel beyond the edge.
    difference = np.abs(got - want)[8:-8, 8:-8]
    assert difference.max() < 5
    assert difference.mean() < 1
    assert want[8:-8, 8:-8].std() > 8


@pytest.mark.parametrize(("mode", "filters"), [(0, "BILINEAR"), (2, "NEAREST")])
def test_low_resolution_is_that_of_pillow(mode, filters):
    picture = smooth_picture(seed=3)[..., 0].astype(np.float32)
    x = torch.from_numpy(picture).expand(1, 3, 96, 96)
    got = low_resolution(x, SimpleNamespace(uniform=lambda *_: 1 / 3, integers=lambda *_: mode))[0]
    small = Image.fromarray(picture).resize((32, 32), Image.Resampling.BOX)
    want = np.asarray(small.resize((96, 96), Image.Resampling[filters]))
    np.testing.assert_allclose(got.numpy(), np.broadcast_to(want, got.shape), atol=0.01)


def test_colour_makes_grey_and_nothing_at_strength_zero():
    x = torch.rand(4, 3, 16, 16) * 255
    off = {"saturation": (1.0, 1.0), "white_balance": 0.0, "contrast": 0.0, "tone": 0.0}
    same = colour(x, np.random.default_rng(0), grey=0.0, **off)
    torch.testing.assert_close(same, x, atol=1e-3, rtol=0)
    grey = colour(x, np.random.default_rng(0), grey=1.0, **off)
    # Grey film still has a slight tint.
    assert (grey.amax(1) - grey.amin(1)).max() < 30
    assert (x.amax(1) - x.amin(1)).max() > 200


def test_jpeg_keeps_flat_grey():
    flat = torch.full((2, 3, 48, 48), 128.0)
    # The mean of a block is rounded to steps of at most 16 x 5 / 8 grey values.
    assert (jpeg(flat, np.random.default_rng(0)) - flat).abs().max() <= 5.1


def test_strength_grows_to_one():
    settings = RendersSettings(start=0.5, ramp=0.4)
    assert [settings.strength(progress) for progress in (0.0, 0.2, 0.4, 1.0)] == [0.5, 0.75, 1.0, 1.0]


def test_a_share_of_the_crops_is_turned_to_any_side_with_its_label():
    jitter = JitterSettings(scale=0, shift=0, turn_deg=0, turn_small=1, mirror=0, turned=0.5)
    boxes = np.tile(np.array([[20, 20, 70, 70]], np.float32), (400, 1))
    views = draw_views(boxes, np.random.default_rng(0), side=SIDE, scale=1.12, jitter=jitter)
    turned = np.degrees(views.turn_rad)
    assert 0.4 < np.mean(turned != 0) < 0.6
    counts, _ = np.histogram(turned[turned != 0], bins=[-180, -90, 0, 90, 180])
    assert counts.min() > 25
    label = move_rotations(np.tile(np.eye(3, dtype=np.float32), (400, 1, 1)), views)
    np.testing.assert_allclose(np.degrees(np.arctan2(-label[:, 1, 0], label[:, 0, 0])), turned, atol=1e-3)


def test_painted_surroundings_change_pixels_and_no_label():
    points = np.random.default_rng(2).uniform(35, 60, size=(8, 68, 2))
    points[:, 17:27, 1], points[:, 8, 1] = 30, 70  # brows above a chin
    planes = np.stack([smooth_picture(seed=k).transpose(2, 0, 1) for k in range(8)])
    planes = np.concatenate([planes, np.full((8, 1, 96, 96), 255, np.uint8)], axis=1)
    own = labels([(20, 15, 75, 70)] * 8, landmarks=points.astype(np.float32))
    made = [
        crop_batch(
            planes,
            own,
            np.random.default_rng(1),
            side=SIDE,
            scale=1.12,
            backgrounds=None,
            augment=RendersSettings(surroundings=chance),
        )
        for chance in (0.0, 1.0)
    ]
    assert not torch.equal(made[0]["picture"], made[1]["picture"])
    for name in ("rotation", "landmarks", "mirrored", "landmark_weight"):
        assert torch.equal(made[0][name], made[1][name])
