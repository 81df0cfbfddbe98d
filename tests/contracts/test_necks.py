"""Every neck keeps the neck contract."""

import pytest
import torch

from facing import registry
from facing.errors import RecipeError, UnknownNameError
from facing.models.contracts import check_side, load_neck
from facing.models.settings import ModelSettings

NAMES = registry.names("facing.models.necks")
CHANNELS, STRIDES = (8, 12, 16, 24), (4, 8, 16, 16)


def maps(side, *, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return tuple(
        torch.randn(2, channels, side // stride, side // stride, generator=rng)
        for channels, stride in zip(CHANNELS, STRIDES, strict=True)
    )


@pytest.mark.parametrize("name", NAMES)
def test_maps_become_one_row_per_picture(name):
    torch.manual_seed(0)
    record = load_neck(name)
    neck = record.build(CHANNELS, STRIDES).eval()
    for side in (96, 128, 224):
        with torch.no_grad():
            features = neck(maps(side))
        assert features.shape == (2, neck.features)
        assert features.isfinite().all()
        torch.testing.assert_close(features, neck(maps(side)))
        assert not features.allclose(neck(maps(side, seed=1)))


@pytest.mark.parametrize("name", NAMES)
def test_pictures_do_not_mix(name):
    torch.manual_seed(0)
    neck = load_neck(name).build(CHANNELS, STRIDES).eval()
    both = maps(96)
    with torch.no_grad():
        alone = neck(tuple(level[:1] for level in both))
        torch.testing.assert_close(neck(both)[:1], alone)


@pytest.mark.parametrize("name", NAMES)
def test_every_weight_learns(name):
    torch.manual_seed(0)
    neck = load_neck(name).build(CHANNELS, STRIDES)
    levels = tuple(level.requires_grad_() for level in maps(96))
    neck(levels).square().sum().backward()
    assert levels[-1].grad.abs().sum() > 0
    for key, weights in neck.named_parameters():
        assert weights.grad is not None, key
        assert weights.grad.isfinite().all(), key


def test_sides_and_names_that_do_not_fit_are_named():
    with pytest.raises(UnknownNameError, match="Did you mean 'pyramid'"):
        load_neck("piramid")
    with pytest.raises(RecipeError, match=r"crop\.side = 100 .* multiples of 16 from 32 on"):
        check_side(ModelSettings(backbone="efficientnet_v2", variant="s", neck="pyramid"), 100)
