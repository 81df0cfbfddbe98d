"""Crops against an affine map of our own: what lies at a point must land where the map says."""

import numpy as np
from hypothesis import example, given, reject, settings
from hypothesis import strategies as st

from facing.crop import CropSpec, crop_heads
from facing.errors import BoxError

WIDTH, HEIGHT = 200, 160
# Each pixel tells its own centre: red is x, green is y, so bilinear sampling is exact but for rounding.
RAMP = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
RAMP[..., 0] = np.arange(WIDTH)
RAMP[..., 1] = np.arange(HEIGHT)[:, None]
RAMP[..., 2] = 255  # white where the picture is, 0 where the border is

boxes = st.tuples(st.floats(-60, 190), st.floats(-60, 150), st.floats(4, 400), st.floats(4, 400)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)
specs = st.builds(
    CropSpec,
    side=st.sampled_from([16, 32, 61, 112]),
    scale=st.floats(0.5, 2.0),
    square=st.sampled_from(["longer", "shorter", "stretch"]),
    margins=st.tuples(*[st.floats(-0.2, 0.6)] * 4),
    filter=st.sampled_from(["bilinear", "bicubic"]),
)


def overlaps(box):
    return box[0] < WIDTH and box[1] < HEIGHT and box[2] > 0 and box[3] > 0


@given(box=boxes.filter(overlaps), spec=specs)
@example(box=(-60.0, -60.0, 340.0, 340.0), spec=CropSpec(side=16, scale=2.0))
@settings(max_examples=150, deadline=None)
def test_a_ramp_lands_where_the_map_says(box, spec):
    try:
        crops = crop_heads(RAMP, [box], spec)
    except BoxError:
        reject()  # unequal margins and a small scale can move the whole region out
    pixels, crop_from_picture = crops.pixels[0].astype(float), crops.crop_from_picture[0]
    middles = np.arange(spec.side) + 0.5
    scale, offset = np.diagonal(crop_from_picture[:, :2]), crop_from_picture[:, 2]
    x, y = (middles - offset[0]) / scale[0], (middles - offset[1]) / scale[1]
    # Away from the frame by what the filter and the averaged cells reach, the ramp must be exact.
    reach = 3.0 / np.minimum(scale, 1.0) + 2.0
    in_x = (x > reach[0]) & (x < WIDTH - reach[0])
    in_y = (y > reach[1]) & (y < HEIGHT - reach[1])
    inside = in_y[:, None] & in_x[None, :]
    # 1.1: half a level for each rounding (cells, two filter passes), the rest single precision.
    assert np.all(np.abs(pixels[..., 0] - (x - 0.5))[inside] <= 1.1)
    assert np.all(np.abs(pixels[..., 1] - (y[:, None] - 0.5))[inside] <= 1.1)
    assert np.all(pixels[..., 2][inside] == 255)
    out = (
        (x < -reach[0]) | (x > WIDTH + reach[0]),
        (y < -reach[1]) | (y > HEIGHT + reach[1]),
    )
    assert np.all(pixels[:, out[0]] == 0)
    assert np.all(pixels[out[1]] == 0)


@given(
    x=st.integers(20, 179),
    y=st.integers(20, 139),
    box=boxes.filter(overlaps),
    side=st.sampled_from([64, 112, 160]),
)
@settings(max_examples=100, deadline=None)
def test_a_dot_lands_where_the_map_says(x, y, box, side):
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[y - 4 : y + 5, x - 4 : x + 5] = 255
    crops = crop_heads(picture, [box], CropSpec(side=side))
    matrix = crops.crop_from_picture[0]
    corner = matrix @ [x - 4, y - 4, 1]
    opposite = matrix @ [x + 5, y + 5, 1]
    wanted = (corner + opposite) / 2
    if np.any(corner < 2) or np.any(opposite > side - 2):
        return
    light = crops.pixels[0, ..., 0].astype(float)
    rows, columns = np.indices(light.shape) + 0.5
    seen = np.array([(light * columns).sum(), (light * rows).sum()]) / light.sum()
    # 0.1 px: rounding to 8 bits at the dot's edges, few pixels wide at the smallest scale.
    np.testing.assert_allclose(seen, wanted, atol=0.1)
