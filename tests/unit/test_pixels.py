"""What cameras do to a picture, at sides beyond those of the shipped recipes."""

import numpy as np
import pytest
import torch

from facing.training import pixels

LARGEST = 512  # crop.side allows no more
STEPS = ["shade", "infrared", "patches", "low_resolution", "blur", "motion", "noise", "jpeg", "border"]


@pytest.mark.parametrize("name", STEPS)
def test_steps_take_the_largest_crops(name):
    # So many that their noise is longer than the row of it that is kept.
    x = torch.full((6, 3, LARGEST, LARGEST), 128.0)
    assert x.numel() > pixels.NOISE_LENGTH
    for seed in (0, 2):  # noise of three colours, and of one
        out = getattr(pixels, name)(x.clone(), np.random.default_rng(seed))
        assert out.shape == x.shape
        assert out.isfinite().all()


def test_noise_of_large_crops_differs_from_crop_to_crop():
    x = torch.zeros(6, 3, LARGEST, LARGEST)
    out = pixels.noise(x, np.random.default_rng(0))
    assert len({float(one.std()) for one in out}) == 6
    grain = [one / one.std() for one in out]
    assert abs(float((grain[0] * grain[1]).mean())) < 0.01


def test_noise_of_common_sizes_is_drawn_as_it_ever_was():
    """Trainings are repeatable: one start for the whole piece, then the strengths."""
    x = torch.zeros(10, 3, 112, 112)
    out = pixels.noise(x, np.random.default_rng(3))
    rng = np.random.default_rng(3)
    planes = 1 if rng.random() < 0.4 else 3
    start = rng.integers(0, (1 << 22) - 10 * planes * 112 * 112)
    row = torch.randn(1 << 22, generator=torch.Generator().manual_seed(0))[start:]
    grain = row[: 10 * planes * 112 * 112].view(10, planes, 112, 112)
    strength = torch.from_numpy((25 * rng.random(10) ** 2).astype(np.float32))
    torch.testing.assert_close(out, (grain * strength[:, None, None, None]).expand_as(x), rtol=1e-6, atol=0)
