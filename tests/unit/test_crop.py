import time

import numpy as np
import pytest

from facing.crop import PUBLISHED, CropSpec, crop_heads, sequential_margins
from facing.errors import BoxError, DataError, PictureError

NOISE = np.random.default_rng(1).integers(0, 256, (90, 120, 3), np.uint8)


def corners(box, spec, picture=NOISE):
    """Where the crop's corners lie in the picture, by numpy's own inverse."""
    full = np.vstack([crop_heads(picture, [box], spec).crop_from_picture[0], [0, 0, 1]])
    points = np.linalg.inv(full) @ np.array([[0, spec.side], [0, spec.side], [1, 1]])
    return [*points[:2, 0], *points[:2, 1]]


def test_the_default_is_a_square_on_the_centre_of_the_head():
    assert CropSpec() == CropSpec(side=112, scale=1.12, square="longer", border="black")
    # Centre (50, 40), longer side 40 x 1.12 = 44.8.
    np.testing.assert_allclose(corners([40, 20, 60, 60], CropSpec()), [27.6, 17.6, 72.4, 62.4])


def test_whole_pixels_are_copied_unchanged():
    crops = crop_heads(NOISE, [[10, 20, 42, 52]], CropSpec(side=32, scale=1.0))
    np.testing.assert_array_equal(crops.pixels[0], NOISE[20:52, 10:42])
    np.testing.assert_allclose(crops.crop_from_picture[0], [[1, 0, -10], [0, 1, -20]])


def test_outside_the_frame_is_black_edge_or_mirror():
    box = [[-16, -16, 16, 16]]
    inside = NOISE[:16, :16]
    wanted = {
        "black": np.pad(inside, ((16, 0), (16, 0), (0, 0))),
        "edge": np.pad(inside, ((16, 0), (16, 0), (0, 0)), mode="edge"),
        "mirror": np.pad(inside, ((16, 0), (16, 0), (0, 0)), mode="symmetric"),
    }
    for border, pixels in wanted.items():
        crop = crop_heads(NOISE, box, CropSpec(side=32, scale=1.0, border=border)).pixels[0]
        np.testing.assert_array_equal(crop, pixels)


def test_a_clipped_region_ends_at_the_picture():
    spec = CropSpec(side=64, scale=1.0, square="stretch", margins=(0.6, 0.6, 0.6, 0.6), border="clip")
    np.testing.assert_allclose(corners([10, 10, 60, 80], spec), [0, 0, 90, 90])


@pytest.mark.parametrize("side", [16, 24])
def test_a_shrunk_crop_is_antialiased(side):
    stripes = np.zeros((480, 480, 3), np.uint8)
    stripes[:, ::2] = 255
    crop = crop_heads(stripes, [[0, 0, 480, 480]], CropSpec(side=side, scale=1.0)).pixels[0]
    # The outermost pixels see the black around the picture.
    assert np.abs(crop[1:-1, 1:-1].astype(int) - 127).max() <= 1


def test_cutting_a_patch_first_changes_nothing():
    from PIL import Image

    spec, box = CropSpec(side=24, scale=1.0), (20.3, 15.8, 70.3, 65.8)
    whole = Image.fromarray(NOISE).resize((24, 24), Image.Resampling.BILINEAR, box=box)
    crop = crop_heads(NOISE, [box], spec).pixels[0]
    # 1: Pillow reads the box in single precision, and the patch shifts its numbers.
    assert np.abs(crop.astype(int) - np.asarray(whole)).max() <= 1


@pytest.mark.parametrize(
    ("name", "relative", "side"),
    [
        ("pyramid", (-0.12, -0.40, 1.1344, 1.168), 224),
        ("fsanet", None, 64),
    ],
)
def test_stretched_published_rules(name, relative, side):
    box = np.array([40.0, 40.0, 60.0, 50.0])
    spec = PUBLISHED[name]
    assert spec.side == side
    if relative is None:
        wanted = [28, 34, 72, 56]  # 0.6 on every side
    else:
        wanted = np.array(relative) * (20, 10, 20, 10) + (40, 40, 40, 40)
    np.testing.assert_allclose(corners(box, spec), wanted)


@pytest.mark.parametrize(
    ("name", "relative", "resize", "side"),
    [
        ("hopenet", (-0.40, -0.40, 1.56, 1.168), 224, 224),
        ("6drepnet", (-0.40, -0.40, 1.56, 1.168), 256, 224),
        ("compact", (-0.10, -0.10, 1.11, 1.033), 224, 224),
        ("hopenet-biwi", (-0.21, -0.35, 1.2541, 1.2835), 224, 224),
        ("hopenet-afw", (-0.256, -0.64, 1.321536, 1.5248), 224, 224),
    ],
)
def test_resize_and_centre_crop_rules(name, relative, resize, side):
    x0, y0, x1, y1 = np.array(relative) * (20, 30, 20, 30) + (40, 30, 40, 30)
    # torchvision: the shorter side becomes `resize`, then `side` pixels around the centre are kept.
    kept = min(x1 - x0, y1 - y0) * side / resize
    middle = np.array([x0 + x1, y0 + y1]) / 2
    wanted = [*(middle - kept / 2), *(middle + kept / 2)]
    np.testing.assert_allclose(corners([40, 30, 60, 60], PUBLISHED[name]), wanted)


def test_square_published_rules():
    np.testing.assert_allclose(corners([40, 30, 60, 60], PUBLISHED["opal"]), [26, 21, 74, 69])
    # 0.2 left and right: 28 wide; 0.4 above: 42 high, y from 18 to 60.
    np.testing.assert_allclose(corners([40, 30, 60, 60], PUBLISHED["semiuhpe"]), [29, 18, 71, 60])


def test_sequential_margins_follow_the_published_code():
    x0, y0, x1, y1 = 3.0, 5.0, 43.0, 65.0
    k = 0.2
    margins = sequential_margins(2 * k, 2 * k, 2 * k, 0.6 * k)
    spec = CropSpec(square="stretch", scale=1.0, margins=margins)
    wanted = corners([x0, y0, x1, y1], spec)
    x0 -= 2 * k * abs(x1 - x0)
    y0 -= 2 * k * abs(y1 - y0)
    x1 += 2 * k * abs(x1 - x0)
    y1 += 0.6 * k * abs(y1 - y0)
    np.testing.assert_allclose([x0, y0, x1, y1], wanted)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_published_specs_go_through_a_dict_and_cut(name):
    spec = PUBLISHED[name]
    assert CropSpec.from_dict(spec.to_dict()) == spec
    assert crop_heads(NOISE, [[30, 20, 90, 80]], spec).pixels.shape == (1, spec.side, spec.side, 3)


def test_shift_moves_by_parts_of_the_box():
    spec = CropSpec(scale=1.0, shift=(0.5, -0.25))
    np.testing.assert_allclose(corners([40, 40, 60, 60], spec), [50, 35, 70, 55])


def test_no_box_gives_no_crop():
    for boxes in ([], np.zeros((0, 4))):
        crops = crop_heads(NOISE, boxes, CropSpec())
        assert crops.pixels.shape == (0, 112, 112, 3)
        assert crops.crop_from_picture.shape == (0, 2, 3)


def test_huge_heads_stay_cheap_and_right():
    picture = np.zeros((4000, 6000, 3), np.uint8)
    picture[:, 3000:] = 200
    boxes = [[0, 0, 6000, 4000], [-400_000, -400_000, 406_000, 404_000]]
    start = time.perf_counter()
    crops = crop_heads(picture, boxes, CropSpec(side=112, scale=1.0))
    assert time.perf_counter() - start < 5  # 0.2 s on one slow core; the second alone would need 2 TB
    assert crops.pixels[0, 56, 10].tolist() == [0, 0, 0]
    assert crops.pixels[0, 56, 100].tolist() == [200, 200, 200]
    assert crops.pixels[0, 5, 100].tolist() == [0, 0, 0]  # above the picture
    # All the light there is: 200 x 3000 x 4000 px in pixels of (806,000 / 112)^2 px is 46; rest is rounding.
    assert 36 <= crops.pixels[1, ..., 0].sum() <= 56


def test_a_tiny_box_is_enlarged_smoothly():
    crop = crop_heads(NOISE, [[50.2, 50.2, 50.4, 50.4]], CropSpec(side=8, scale=1.0)).pixels[0]
    assert np.ptp(crop.astype(int), axis=(0, 1)).max() <= 60


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([1, 2, 3, 4], r"shape \(4,\); give \(K, 4\)"),
        ([[1, 2, 3]], r"shape \(1, 3\)"),
        ([[0, 0, 9, 9], [0, 0, np.nan, 9]], "box 1 is .* finite"),
        ([[0, 0, np.inf, 9]], "finite"),
        ([[5, 5, 5, 9]], "has no area"),
        ([[9, 5, 5, 9]], "has no area"),
        ([[120, 5, 130, 9]], "misses the 120 x 90 picture"),
        ([[0, -9, 9, 0]], "misses the 120 x 90 picture"),
        ([["a", 0, 1, 1]], "are no numbers"),
        ([[0, 0, 1e7, 9]], "finite"),
    ],
)
def test_wrong_boxes_are_named(boxes, message):
    with pytest.raises(BoxError, match=message):
        crop_heads(NOISE, boxes, CropSpec())


def test_a_shift_out_of_the_picture_is_named():
    with pytest.raises(BoxError, match="misses the picture; use a smaller shift"):
        crop_heads(NOISE, [[0, 0, 10, 10]], CropSpec(shift=(-3, 0)))


@pytest.mark.parametrize(
    "picture", [NOISE.astype(np.float32), NOISE[..., 0], NOISE[..., :2], NOISE[None], [[1]], NOISE[:0]]
)
def test_wrong_pictures_are_named(picture):
    with pytest.raises(PictureError, match=r"facing\.load_picture"):
        crop_heads(picture, [[0, 0, 9, 9]], CropSpec())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sides": 3}, "no setting sides; known: border, filter"),
        ({"side": 0}, "crop side"),
        ({"side": 11.5}, "crop side"),
        ({"side": True}, "crop side"),
        ({"scale": -1}, "crop scale"),
        ({"scale": "x"}, "crop scale"),
        ({"margins": [1, 2]}, "crop margins"),
        ({"margins": [-0.5, 0, -0.5, 0]}, "leave nothing"),
        ({"shift": [0, float("nan")]}, "crop shift"),
        ({"square": "round"}, "known: longer, shorter, stretch"),
        ({"border": "grey"}, "known: black, edge, mirror, clip"),
        ({"filter": "nearest"}, "crop filter"),
        ({"border": "clip"}, 'goes with square "stretch"'),
    ],
)
def test_wrong_specs_are_named(values, message):
    with pytest.raises(DataError, match=message):
        CropSpec.from_dict(values)


def test_averaging_in_bands_changes_nothing(monkeypatch):
    picture = np.random.default_rng(2).integers(0, 256, (700, 500, 3), np.uint8)
    box, spec = [[13.5, 20.25, 480, 690]], CropSpec(side=20)
    once = crop_heads(picture, box, spec).pixels
    monkeypatch.setattr("facing.crop.BAND_PIXELS", 1)
    np.testing.assert_array_equal(crop_heads(picture, box, spec).pixels, once)
