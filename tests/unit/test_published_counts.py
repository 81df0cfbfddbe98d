"""Parameters and multiply-adds are those counted in the published systems (fvcore: convolutions, linear)."""

import pytest
import torch
import torchvision
from torch import nn

from facing.models.contracts import build_backbone, load_neck
from facing.models.describe import count

THREE, BINS33, BINS66 = (3,), (33, 33, 33), (66, 66, 66)
MULTIBIN = (10, 20) * 3


class Published(nn.Module):
    """Backbone, neck and plain linear heads."""

    def __init__(self, backbone, neck, heads):
        super().__init__()
        self.backbone, self.neck = backbone, neck
        self.heads = nn.ModuleList(nn.Linear(neck.features, outputs) for outputs in heads)

    def forward(self, picture):
        features = self.neck(self.backbone(picture))
        return [head(features) for head in self.heads]


def counted(name, variant, heads, *, side, compat, neck="pool"):
    """Give parameters and millions of multiply-adds, without a number being computed."""
    with torch.device("meta"):
        backbone = build_backbone(name, variant=variant, compat=compat)
        network = Published(
            backbone, load_neck(neck).build(backbone.channels, backbone.strides), heads
        ).eval()
        layers, _, _ = count(network, torch.zeros(1, 3, side, side))
    parameters = sum(layer.parameters for layer in layers)
    assert parameters == sum(weights.numel() for weights in network.parameters())
    return parameters, sum(layer.multiply_adds for layer in layers) / 1e6


@pytest.mark.parametrize(
    ("name", "variant", "heads", "compat", "parameters"),
    [
        ("mobilenet_v2", "1.0", THREE, True, 2_227_715),
        ("mobilenet_v2", "1.0", BINS33, True, 2_350_691),
        ("mobilenet_v2", "1.0", BINS66, True, 2_477_510),
        ("mobilenet_v2", "0.5", THREE, True, 688_291),
        ("mobilenet_v2", "0.5", BINS33, True, 811_267),
        ("mobilenet_v2", "0.5", BINS66, True, 938_086),
        ("mobilenet_v2", "0.5", BINS66, False, 941_318),
        ("squeezenet", "1.1", THREE, True, 724_035),
        ("squeezenet", "1.1-extended", BINS33, True, 1_956_707),
        ("squeezenet", "1.1-extended", BINS66, True, 2_058_182),
        ("shufflenet_v2", "1.0", THREE, True, 1_256_679),
        ("shufflenet_v2", "1.0", BINS33, True, 1_355_079),
        ("shufflenet_v2", "1.0", BINS66, True, 1_456_554),
        ("shufflenet_v2", "0.5", THREE, True, 344_867),
        ("shufflenet_v2", "0.5", BINS33, True, 443_267),
        ("shufflenet_v2", "0.5", BINS66, True, 544_742),
        ("resnet", "18", THREE, False, 11_178_051),
        ("resnet", "18", BINS33, False, 11_227_299),
        ("resnet", "18", BINS66, False, 11_278_086),
        ("resnet", "50", THREE, True, 23_514_179),
        ("resnet", "50", BINS33, True, 23_710_883),
        ("resnet", "50", BINS66, True, 23_913_734),
        ("simple_cnn", "7", THREE, False, 69_543),
    ],
)
def test_parameters(name, variant, heads, compat, parameters):
    assert counted(name, variant, heads, side=256, compat=compat)[0] == parameters


@pytest.mark.parametrize(
    ("name", "variant", "heads", "compat", "side", "millions"),
    [
        ("mobilenet_v2", "1.0", BINS66, True, 224, 299.75),
        ("mobilenet_v2", "1.0", BINS66, True, 192, 220.29),
        ("mobilenet_v2", "1.0", BINS66, True, 160, 153.06),
        ("mobilenet_v2", "1.0", BINS66, True, 128, 98.05),
        ("mobilenet_v2", "1.0", BINS66, True, 96, 55.26),
        ("mobilenet_v2", "0.5", BINS66, True, 224, 88.03),
        ("mobilenet_v2", "0.5", BINS66, True, 128, 28.92),
        ("mobilenet_v2", "0.5", BINS66, False, 224, 96.11),
        ("mobilenet_v2", "0.5", BINS66, False, 128, 31.55),
        ("squeezenet", "1.1-extended", BINS66, True, 128, 90.47),
        ("shufflenet_v2", "1.0", BINS66, True, 160, 91.32),
        ("shufflenet_v2", "1.0", BINS66, False, 160, 73.61),
        ("shufflenet_v2", "0.5", BINS66, True, 160, 24.78),
        ("resnet", "18", BINS66, False, 224, 1813.66),
        ("resnet", "50", BINS66, True, 224, 4622.95),
        ("resnet", "50", BINS66, False, 224, 4087.54),
        ("resnet", "18", THREE, False, 256, 2368.7),
        ("simple_cnn", "7", THREE, False, 256, 135.0),
    ],
)
def test_multiply_adds(name, variant, heads, compat, side, millions):  # noqa: PLR0917 - a row of the table
    digits = len(str(millions).partition(".")[2])
    assert round(counted(name, variant, heads, side=side, compat=compat)[1], digits) == millions


@pytest.mark.parametrize(
    ("variant", "parameters", "billions"),
    [("s", 8_004_648, 2.547), ("m", 13_088_880, 4.029), ("l", 25_754_984, 9.016)],
)
def test_the_pyramid_network(variant, parameters, billions):
    found = counted("efficientnet_v2", variant, MULTIBIN, side=224, compat=True, neck="pyramid")
    assert found[0] == parameters
    assert round(found[1] / 1e3, 3) == billions


def test_the_published_mobilenet_truncates_its_widths():
    backbone = build_backbone("mobilenet_v2", variant="0.5", compat=True)
    widths = [backbone.features[index].out_channels for index in (0, 1, 2, 4, 7, 11, 14, 17, 18)]
    assert widths == [16, 8, 12, 16, 32, 48, 80, 160, 1280]


def test_the_published_mobilenet_is_torchvisions_with_relu():
    torch.manual_seed(0)
    oracle = torchvision.models.mobilenet_v2(weights=None).eval()
    published = build_backbone("mobilenet_v2", variant="1.0", compat=True).eval()
    published.load_state_dict(
        {key: value for key, value in oracle.state_dict().items() if "classifier" not in key}
    )
    picture = 40 * torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        capped = oracle.features(picture)
        for parent in list(oracle.modules()):
            for name, child in parent.named_children():
                if isinstance(child, nn.ReLU6):
                    setattr(parent, name, nn.ReLU())
        expected = oracle.features(picture)
        torch.testing.assert_close(published(picture)[-1], expected)
    assert not expected.allclose(capped)
