"""Every backbone and variant keeps the backbone contract."""

import sys
from importlib.util import find_spec

import pytest
import torch

from facing import registry
from facing.errors import MissingExtraError, RecipeError, UnknownNameError
from facing.models.contracts import Normalisation, build_backbone, check_side, load_backbone
from facing.models.settings import ModelSettings

PACKAGE = "facing.models.backbones"
TIMM = [("timm", "mobilenetv3_small_050")] if find_spec("timm") else []
NAMED = [(name, variant) for name in registry.names(PACKAGE) for variant in load_backbone(name).variants]
ALL = [*NAMED, ("mobilenet_v2", "0.75"), *TIMM]
# Layers without padding lose cells at the border.
UNPADDED = {"squeezenet", "simple_cnn"}
SIDES = (96, 97, 160, 224, 288)


def side_for(name):
    """Give the smallest side that still leaves two cells at the last stride of usual networks."""
    backbone = load_backbone(name)
    least = max(backbone.smallest, 64)
    return -(-least // backbone.multiple) * backbone.multiple


def built_without_numbers(name, variant, *, compat=False):
    with torch.device("meta"):
        return build_backbone(name, variant=variant, compat=compat).eval()


def shapes(backbone, side):
    return [tuple(found.shape) for found in backbone(torch.zeros(2, 3, side, side, device="meta"))]


@pytest.mark.parametrize(("name", "variant"), ALL)
@pytest.mark.parametrize("compat", [False, True])
def test_maps_have_the_stated_strides_and_channels(name, variant, compat):
    backbone = built_without_numbers(name, variant, compat=compat)
    assert isinstance(backbone.normalisation, Normalisation)
    assert backbone.strides == tuple(sorted(backbone.strides))
    least = load_backbone(name).smallest
    for side in {least, *(side for side in SIDES if side >= least)}:
        maps = shapes(backbone, side)
        assert len(maps) == len(backbone.strides) == len(backbone.channels)
        for found, stride, channels in zip(maps, backbone.strides, backbone.channels, strict=True):
            cells = -(-side // stride)
            assert found[:2] == (2, channels)
            assert found[2] == found[3]
            if name in UNPADDED:
                assert 1 <= found[2] <= cells <= found[2] + 2
            elif compat:
                assert cells <= found[2] <= cells + 1
            else:
                assert found[2] == cells


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
        first, second = backbone(x), backbone(x)
    assert all(one.equal(other) and one.isfinite().all() for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize(("name", "variant"), ALL)
def test_the_stem_sees_the_picture_first(name, variant):
    backbone = built_without_numbers(name, variant)
    first = next(iter(backbone.stem.parameters()))
    assert first.shape[1] == 3  # colours
    share = sum(weights.numel() for weights in backbone.stem.parameters())
    assert share < 0.05 * sum(weights.numel() for weights in backbone.parameters())


@pytest.mark.parametrize(("name", "variant"), [("squeezenet", "1.0-extended"), ("simple_cnn", "7")])
def test_the_smallest_side_is_the_smallest(name, variant):
    backbone = built_without_numbers(name, variant)
    least = load_backbone(name).smallest
    assert shapes(backbone, least)
    with pytest.raises(RuntimeError, match="too small"):
        shapes(backbone, least - 1)


def test_unknown_names_and_variants_are_named():
    with pytest.raises(UnknownNameError, match="Did you mean 'compact'"):
        build_backbone("compcat", variant="small")
    with pytest.raises(UnknownNameError, match="variant of compact"):
        build_backbone("compact", variant="smal")


@pytest.mark.parametrize("variant", ["1", "0.01", "9.0", "x1.0", "nan"])
def test_a_width_that_cannot_be_is_answered_with_those_that_can(variant):
    with pytest.raises(UnknownNameError, match=r"any width from 0\.1 to 4\.0 such as 0\.75"):
        build_backbone("mobilenet_v2", variant=variant)


def test_sides_that_do_not_fit_are_named():
    with pytest.raises(RecipeError, match=r"crop\.side = 16 does not suit compact .* any side from 32 on"):
        check_side(ModelSettings(backbone="compact", variant="nano"), 16)
    with pytest.raises(RecipeError, match=r"crop\.side = 192 does not suit simple_cnn .* from 222 on"):
        check_side(ModelSettings(backbone="simple_cnn", variant="7"), 192)


def test_one_word_names_backbone_and_variant():
    assert ModelSettings(backbone="resnet:18") == ModelSettings(backbone="resnet", variant="18")
    with pytest.raises(ValueError, match="names the variant '18' and variant says '34'; name it once"):
        ModelSettings(backbone="resnet:18", variant="34")


def test_names_of_timm_are_checked_there():
    pytest.importorskip("timm")
    with pytest.raises(UnknownNameError, match="Did you mean 'resnet18'"):
        build_backbone("timm", variant="resnet_18")


def test_models_of_timm_with_one_side_say_so():
    pytest.importorskip("timm")
    model = ModelSettings(backbone="timm:swin_tiny_patch4_window7_224")
    check_side(model, 224)
    with pytest.raises(RecipeError, match="takes 224 alone"):
        check_side(model, 192)
    # Its own maps have the channels last.
    backbone = built_without_numbers("timm", model.variant)
    assert shapes(backbone, 224) == [(2, 96, 56, 56), (2, 192, 28, 28), (2, 384, 14, 14), (2, 768, 7, 7)]


def test_without_timm_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtraError, match=r"facing\[train\]"):
        build_backbone("timm", variant="resnet18")


@pytest.mark.parametrize(
    ("less", "more"), [("small", "base"), ("small", "small-deep"), ("small-deep", "base")]
)
def test_a_deeper_compact_network_starts_as_the_shallower_one_it_takes_its_weights_from(less, more):
    small, base = (build_backbone("compact", variant=name).eval() for name in (less, more))
    torch.nn.init.normal_(small.further[3][0].second[1].weight)
    missing, unknown = base.load_state_dict(small.state_dict(), strict=False)
    assert missing
    assert not unknown
    picture = torch.randn(2, 3, 64, 64)
    for shallow, deep in zip(small(picture), base(picture), strict=True):
        torch.testing.assert_close(deep, shallow)
