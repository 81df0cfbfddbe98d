"""Every backbone and variant keeps the backbone contract."""

import pytest
import torch

from facing import registry
from facing.errors import UnknownNameError
from facing.models.contracts import Backbone, build_backbone

PACKAGE = "facing.models.backbones"
ALL = [
    (name, variant)
    for name in registry.names(PACKAGE)
    for variant in registry.load(PACKAGE, name, attribute="BUILD", kind="backbone").variants
]


@pytest.mark.parametrize(("name", "variant"), ALL)
def test_maps_have_the_stated_strides_and_channels(name, variant):
    backbone, strides = build_backbone(name, variant=variant)
    side = 2 * strides[-1]
    maps = backbone.eval()(torch.rand(2, 3, side, side + strides[-1]))
    assert strides == tuple(sorted(strides))
    assert len(maps) == len(strides) == len(backbone.channels)
    for found, stride, channels in zip(maps, strides, backbone.channels, strict=True):
        assert found.shape == (2, channels, side // stride, (side + strides[-1]) // stride)


@pytest.mark.parametrize(("name", "variant"), ALL)
def test_every_weight_learns_and_eval_is_deterministic(name, variant):
    torch.manual_seed(0)
    backbone, strides = build_backbone(name, variant=variant)
    side = 2 * strides[-1]
    x = torch.rand(2, 3, side, side)
    sum(found.square().sum() for found in backbone(x)).backward()
    for key, weights in backbone.named_parameters():
        assert weights.grad is not None, key
        assert weights.grad.isfinite().all(), key
    backbone.eval()
    with torch.no_grad():
        assert all(first.equal(second) for first, second in zip(backbone(x), backbone(x), strict=True))


def test_unknown_names_and_variants_are_named():
    with pytest.raises(UnknownNameError, match="Did you mean 'compact'"):
        build_backbone("compcat", variant="small")
    with pytest.raises(UnknownNameError, match="variant of compact"):
        build_backbone("compact", variant="smal")


def test_backbone_records():
    for name in registry.names(PACKAGE):
        assert isinstance(registry.load(PACKAGE, name, attribute="BUILD", kind="backbone"), Backbone)
