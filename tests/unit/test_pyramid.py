"""The pyramid network is the published one: shapes and counts part by part."""

import pytest
import torch

from facing.errors import RecipeError
from facing.models.contracts import build_backbone, load_neck
from facing.models.necks._aspp import Aspp
from facing.models.necks._fpas import Fpas

# C2, C3, C4, C5 at strides 4, 8, 16, 16.
TAPS = {"s": (48, 64, 128, 160), "m": (48, 80, 160, 176), "l": (64, 96, 192, 224)}
FPAS_PARTS = {
    "up1": 251_744,
    "up2": 156_224,
    "upconv2": 16_576,
    "up3": 40_272,
    "upconv3": 9_360,
    "down0": 41_760,
    "down1": 64_896,
    "down2": 221_952,
    "down3": 415_680,
}
ASPP_PARTS = {
    "plain": 41_472,
    "near": 107_011,
    "wide": 434_691,
    "mean": 41_472,
    "project": 262_656,
    "last": 589_824 + 512,
}


def parts(module):
    return {name: numbers(child) for name, child in module.named_children()}


def numbers(module):
    return sum(weights.numel() for weights in module.parameters())


def on_paper(build):
    with torch.device("meta"):
        return build().eval()


def test_parts_have_the_published_parameters():
    assert parts(on_paper(lambda: Fpas(TAPS["s"]))) == FPAS_PARTS
    assert sum(FPAS_PARTS.values()) == 1_218_464
    assert parts(on_paper(lambda: Aspp(160, 256))) == ASPP_PARTS
    assert sum(ASPP_PARTS.values()) == 1_477_638


@pytest.mark.parametrize("variant", TAPS)
def test_taps_are_the_published_blocks(variant):
    backbone = on_paper(lambda: build_backbone("efficientnet_v2", variant=variant, compat=True))
    maps = backbone(torch.zeros(1, 3, 224, 224, device="meta"))
    cells = (56, 28, 14, 14)
    assert [tuple(level.shape[1:]) for level in maps] == [
        (channels, side, side) for channels, side in zip(TAPS[variant], cells, strict=True)
    ]
    last = {"s": (5, 9, 15, 24), "m": (7, 12, 19, 33), "l": (10, 17, 27, 46)}[variant]
    ends = torch.cumsum(torch.tensor([len(stage) for stage in backbone.features[1:]]), 0)[1:] - 1
    assert tuple(ends.tolist()) == last


def test_small_blocks_have_the_published_parameters_and_dropping():
    backbone = on_paper(lambda: build_backbone("efficientnet_v2", variant="s", compat=True))
    assert numbers(backbone.features[1:]) == 5_284_720
    dropping = [block.stochastic_depth.p for stage in backbone.features[1:] for block in stage]
    assert dropping == pytest.approx([0.2 * block / 40 for block in range(25)])


@pytest.mark.parametrize(("compat", "eps"), [(True, 1e-5), (False, 1e-3)])
def test_normalisation_adds_what_was_published_or_learned_with(compat, eps):
    backbone = on_paper(lambda: build_backbone("efficientnet_v2", variant="s", compat=compat))
    assert {layer.eps for layer in backbone.modules() if isinstance(layer, torch.nn.BatchNorm2d)} == {eps}


@pytest.mark.parametrize(("side", "cells"), [(128, 2), (160, 3), (192, 3), (224, 4), (240, 4), (256, 4)])
@pytest.mark.parametrize("variant", TAPS)
def test_it_runs_at_the_published_sides(variant, side, cells):
    backbone = on_paper(lambda: build_backbone("efficientnet_v2", variant=variant))
    neck = on_paper(lambda: load_neck("pyramid").build(backbone.channels, backbone.strides))
    pyramid = neck.fpas(backbone(torch.zeros(1, 3, side, side, device="meta")))
    assert pyramid.shape == (1, TAPS[variant][-1], cells, cells)
    assert neck.aspp(pyramid).shape == (1, 256, cells, cells)


def test_the_mean_branch_is_what_bilinear_resizing_gives():
    torch.manual_seed(0)
    aspp = Aspp(6, 4).eval()
    x = torch.randn(2, 6, 5, 5)
    with torch.no_grad():
        mean = torch.nn.functional.interpolate(
            aspp.mean(torch.nn.functional.adaptive_avg_pool2d(x, 1)), size=(5, 5), mode="bilinear"
        )
        joined = torch.cat((aspp.plain(x), aspp.near(x), aspp.wide(x), mean), dim=1)
        torch.testing.assert_close(aspp(x), aspp.last(aspp.project(joined)))


def test_attention_scales_channels_as_written_by_hand():
    from facing.models.necks._aspp import Attention

    attention = Attention(3)
    with torch.no_grad():
        attention.mix.weight.copy_(torch.eye(3)[:, :, None, None])
        attention.along.weight.copy_(torch.tensor([[[1.0, 10.0, 100.0]]]))
    x = torch.tensor([0.1, 0.2, -0.3])[None, :, None, None].expand(1, 3, 2, 2)
    # Neighbours before, itself, and after, nothing beyond the ends.
    before = torch.tensor([10 * 0.1 + 100 * 0.2, 0.1 + 10 * 0.2 - 100 * 0.3, 0.2 - 10 * 0.3])
    expected = x * torch.sigmoid(before)[None, :, None, None]
    torch.testing.assert_close(attention(x), expected)


def test_other_backbones_are_refused():
    with pytest.raises(RecipeError, match="gives 4, 8, 16, 32; take efficientnet_v2"):
        load_neck("pyramid").build((64, 128, 256, 512), (4, 8, 16, 32))
    with pytest.raises(RecipeError, match="gives 8, 16, 32"):
        load_neck("pyramid").build((64, 128, 256), (8, 16, 32))
