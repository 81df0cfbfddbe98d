"""Every pose head keeps the head contract."""

import numpy as np
import pytest
import roma
import torch

from facing import registry
from facing.models.contracts import build_head
from facing.models.heads.rotation_6d import rotation_from_6d
from facing.models.network import PoseNetwork

PACKAGE = "facing.models.heads"
SHAPES = {"rotation": (3, 3), "front": (3,), "orientation": (3,), "spread": ()}
NAMES = registry.names(PACKAGE)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("landmarks", [False, True])
def test_outputs_are_those_of_the_graph_contract(name, landmarks):
    torch.manual_seed(0)
    head = build_head(name, channels=16, landmarks=landmarks)
    stated = registry.load(PACKAGE, name, attribute="HEAD", kind="head").outputs
    features = torch.randn(5, 16, requires_grad=True)
    trained = head(features)
    assert set(trained) == {*stated, *(["landmarks"] if landmarks else [])}
    sum(value.square().sum() for value in trained.values()).backward()
    assert features.grad.isfinite().all()
    out = head.eval()(features)
    assert tuple(out) == stated
    for key, value in out.items():
        assert value.shape == (5, *SHAPES[key])
        assert value.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [0.0, 1e-3, 1e3])
def test_rotations_are_rotations_whatever_the_features(name, size):
    torch.manual_seed(1)
    out = build_head(name, channels=16, landmarks=False).eval()(size * torch.randn(50, 16))
    if "rotation" not in out:
        pytest.skip(f"{name} gives no rotation")
    rotation = out["rotation"]
    identity = torch.eye(3).expand(50, 3, 3)
    torch.testing.assert_close(rotation @ rotation.mT, identity, atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(50), atol=1e-5, rtol=0)
    if "spread" in out:
        assert ((out["spread"] > 0) & (out["spread"] <= np.pi)).all()


def test_gram_schmidt_equals_roma():
    torch.manual_seed(2)
    six = torch.randn(100, 6, dtype=torch.float64)
    expected = roma.special_gramschmidt(six.view(100, 2, 3).mT)
    torch.testing.assert_close(rotation_from_6d(six), expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_head_stays_exact_under_bfloat16(name):
    torch.manual_seed(3)
    network = PoseNetwork("compact", variant="nano", head=name, landmarks=False).eval()
    pictures = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        out = network(pictures)
    assert all(value.dtype == torch.float32 for value in out.values())
