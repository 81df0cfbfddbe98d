"""The published augmentations: what each does, and that a plan says all of it."""

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import shift
from scipy.spatial.transform import Rotation
from scipy.stats import rankdata

from facing.datasets.orientation_augment import CHANCES, EXTRAS, Step, apply_plan, draw_plan, moved_rotation
from facing.geometry.azimuth import azimuth_deg
from facing.geometry.rotation import euler_from_rotation, rotation_from_euler

RNG = np.random.default_rng(5)
SMOOTH = np.asarray(
    Image.fromarray(RNG.integers(0, 256, size=(9, 9, 3), dtype=np.uint8)).resize(
        (96, 96), Image.Resampling.BICUBIC
    )
)


def one(name, *values, picture=SMOOTH):
    return apply_plan(picture, (Step(name, values),))


def test_chances_are_as_published():
    plans = [draw_plan(np.random.default_rng(seed)) for seed in range(3000)]
    seen = [{step.name for step in plan} for plan in plans]
    for name, chance in CHANCES.items():
        # Four standard deviations of a share among 3000.
        assert np.mean([name in names for names in seen]) == pytest.approx(chance, abs=0.037)
    extras = [len(names & set(EXTRAS)) for names in seen]
    assert max(extras) == 1
    assert np.mean(extras) == pytest.approx(1.6 / 2.6, abs=0.037)
    orders = {tuple(step.name for step in plan if step.name in {"blur", "turn"}) for plan in plans}
    assert {("blur", "turn"), ("turn", "blur")} <= orders


@pytest.mark.parametrize("name", [*CHANCES, *EXTRAS])
def test_every_step_keeps_the_shape_and_gives_the_same_twice(name):
    plans = (draw_plan(np.random.default_rng(seed)) for seed in range(1000))
    plan = next(plan for plan in plans if name in {step.name for step in plan})
    step = tuple(s for s in plan if s.name == name)
    first, again = apply_plan(SMOOTH, step), apply_plan(SMOOTH.copy(), step)
    assert first.shape == SMOOTH.shape
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)


def test_crop_takes_the_stated_part():
    ramp = np.broadcast_to(np.arange(96, dtype=np.uint8)[None, :, None], (96, 96, 3)).copy()
    found = one("crop", 0.125, 0.0, 0.25, 0.0, picture=ramp).astype(float)
    # From 12 to 72: the middle of the first and of the last pixel, half a step of 0.625 inside.
    assert found[50, 0, 0] == pytest.approx(12, abs=1)
    assert found[50, -1, 0] == pytest.approx(71, abs=1)


def test_hue_turns_the_circle_and_adds_to_saturation():
    red = np.full((4, 4, 3), (200, 100, 100), np.uint8)
    hue, saturation, value = Image.fromarray(one("hue", 30.0, picture=red)).convert("HSV").getpixel((0, 0))
    before = Image.fromarray(red).convert("HSV").getpixel((0, 0))
    assert hue == pytest.approx(before[0] + 30, abs=2)
    assert saturation == pytest.approx(before[1] + 30, abs=2)
    assert value == pytest.approx(before[2], abs=1)


def test_sharpen_is_the_kernel_of_the_original():
    alpha, lightness = 0.3, 1.2
    planes = SMOOTH.astype(float)
    around = sum(
        shift(planes, (dy, dx, 0), order=0, mode="nearest")
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
        if (dy, dx) != (0, 0)
    )
    wanted = (1 - alpha) * planes + alpha * ((8 + lightness) * planes - around)
    found = one("sharpen", alpha, lightness).astype(float)
    np.testing.assert_allclose(found[1:-1, 1:-1], np.clip(wanted, 0, 255)[1:-1, 1:-1], atol=1)


def test_elastic_bends_little_and_noise_is_as_strong_as_stated():
    bent = one("elastic", 7.0).astype(float) - SMOOTH
    assert 0.5 < np.abs(bent).mean() < 25
    grey = np.full((96, 96, 3), 128, np.uint8)
    grain = one("noise", 12.0, 3.0, picture=grey).astype(float)
    assert grain.std() == pytest.approx(12, abs=0.5)
    np.testing.assert_array_equal(grain[..., 0], grain[..., 1])


def test_clahe_without_a_limit_gives_the_share_of_darker_pixels():
    tile = RNG.integers(60, 140, size=(32, 32), dtype=np.uint8)
    grey = np.tile(tile, (8, 8))  # all tiles are equal, so blending between them changes nothing
    found = one("clahe", 256.0, picture=np.repeat(grey[..., None], 3, axis=2))[..., 0].astype(float)
    wanted = 255 * rankdata(grey.ravel(), method="max").reshape(grey.shape) / grey.size
    # Pillow's YCbCr is off by one grey level here and there, which is 3.2 on a curve from 80 levels to 256.
    np.testing.assert_allclose(found, wanted, atol=4)
    flat = np.full((64, 64, 3), 90, np.uint8)
    assert np.ptp(one("clahe", 2.0, picture=flat)) == 0


def test_rotation_moves_with_mirror_and_turn():
    rotation = rotation_from_euler(yaw=30.0, pitch=10.0, roll=5.0)
    mirrored = euler_from_rotation(moved_rotation(rotation, (Step("mirror"),)))
    assert (float(mirrored.yaw), float(mirrored.pitch), float(mirrored.roll)) == pytest.approx((-30, 10, -5))
    # Roll is clockwise in the picture, as the turn is.
    turned = moved_rotation(rotation, (Step("turn", (4.0,)), Step("blur", (1.0,))))
    wanted = Rotation.from_euler("z", -4, degrees=True).as_matrix() @ rotation
    np.testing.assert_allclose(turned, wanted, atol=1e-12)
    upright = moved_rotation(np.eye(3), (Step("turn", (4.0,)),))
    assert float(euler_from_rotation(upright).roll) == pytest.approx(4)
    assert float(azimuth_deg(upright)) == pytest.approx(0)


def test_turn_is_clockwise_in_the_picture():
    picture = np.zeros((101, 101, 3), np.uint8)
    picture[5:10, 48:53] = 255  # above the middle: clockwise takes it to the right
    found = one("turn", 5.0, picture=picture)[..., 0]
    assert np.average(np.arange(101), weights=found.sum(0)) > 52
