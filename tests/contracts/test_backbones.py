"""Every backbone and variant keeps the backbone contract."""

import pytest
import torch

from facing import registry
from facing.errors import RecipeError, UnknownNameError
from facing.models.contracts import Normalisation, build_backbone, check_side, load_backbone
from facing.models.settings import ModelSettings

PACKAGE = "facing.models.backbones"
ALL = [(name, variant) for name in registry.names(PACKAGE) for variant in load_backbone(name).variants]


def side_for(name):
    """Give the smallest side that still leaves two cells at the last stride of usual networks."""
    backbone = load_backbone(name)
    least = max(backbone.smallest, 64)
    return -(-least // backbone.multiple) * backbone.multiple


@pytest.mark.parametrize(("name", "variant"), ALL)
def test_maps_have_the_stated_strides_and_channels(name, variant):
    backbone = build_backbone(name, variant=variant).eval()
    side = side_for(name)
    with torch.no_grad():
        maps = backbone(torch.rand(2, 3, side, side))
    assert isinstance(backbone.normalisation, Normalisation)
    assert backbone.strides == tuple(sorted(backbone.strides))
    assert len(maps) == len(backbone.strides) == len(backbone.channels)
    for found, stride, channels in zip(maps, backbone.strides, backbone.channels, strict=True):
        assert found.shape == (2, channels, -(-side // stride), -(-side // stride))


@pytest.mark.parametrize(("name", "variant"), ALL)
def test_every_weight_learns_and_eval_is_deterministic(name, variant):
    torch.manual_seed(0)
    backbone = build_backbone(name, variant=variant)
    side = side_for(name)
    x = torch.rand(2, 3, side, side)
    sum(found.square().sum() for found in backbone(x)).backward()
    for key, weights in backbone.named_parameters():
        assert weights.grad is not None, key
        assert weights.grad.isfinite().all(), key
    stem = {id(weights) for weights in backbone.stem.parameters()}
    assert stem
    assert stem < {id(weights) for weights in backbone.parameters()}
    backbone.eval()
    with torch.no_grad():
        assert all(first.equal(second) for first, second in zip(backbone(x), backbone(x), strict=True))


def test_unknown_names_and_variants_are_named():
    with pytest.raises(UnknownNameError, match="Did you mean 'compact'"):
        build_backbone("compcat", variant="small")
    with pytest.raises(UnknownNameError, match="variant of compact"):
        build_backbone("compact", variant="smal")


def test_sides_that_do_not_fit_are_named():
    with pytest.raises(RecipeError, match=r"crop\.side = 16 does not suit compact .* any side from 32 on"):
        check_side(ModelSettings(backbone="compact", variant="nano"), 16)
