"""Every pose head keeps the head contract."""

import numpy as np
import pytest
import roma
import torch

from facing import registry
from facing.models.contracts import load_head
from facing.models.heads.rotation_6d import rotation_from_6d
from facing.models.network import PoseNetwork
from facing.models.settings import HeadSettings, ModelSettings

PACKAGE = "facing.models.heads"
SHAPES = {"rotation": (3, 3), "front": (3,), "orientation": (3,), "spread": ()}
NAMES = registry.names(PACKAGE)
COUNT = 6


def settings_of(name, **changes):
    return load_head(name).settings(name=name, **changes)


def targets(seed):
    rng = torch.Generator().manual_seed(seed)
    # Facing the camera, as the published heads assume: Euler angles within 60 degrees.
    rotvec = (torch.rand(COUNT, 3, generator=rng) - 0.5) * 1.4
    return {
        "rotation": roma.rotvec_to_rotmat(rotvec),
        "landmarks": torch.rand(COUNT, 68, 2, generator=rng) * 2 - 1,
        "landmark_weight": torch.ones(COUNT, 68),
        "label": torch.arange(COUNT) % 3,
    }


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_those_of_the_graph_contract(name):
    torch.manual_seed(0)
    head = load_head(name)
    assert issubclass(head.settings, HeadSettings)
    assert head.title
    module = head.build(16, settings_of(name)).eval()
    out = module(torch.randn(5, 16))
    assert tuple(out) == head.outputs
    for key, value in out.items():
        assert value.shape == (5, *SHAPES[key])
        assert value.isfinite().all()
        assert value.dtype == torch.float32


@pytest.mark.parametrize("name", NAMES)
def test_loss_is_per_sample_and_every_weight_learns(name):
    torch.manual_seed(1)
    head, settings = load_head(name), settings_of(name)
    module = head.build(16, settings).train()
    features = torch.randn(COUNT, 16, requires_grad=True)
    terms = head.loss(module(features), targets(1), settings)
    assert terms["loss"].shape == (COUNT,)
    assert all(term.shape == (COUNT,) and term.isfinite().all() for term in terms.values())
    terms["loss"].sum().backward()
    assert features.grad.isfinite().all()
    for key, weight in module.named_parameters():
        assert weight.grad is not None, key
        assert weight.grad.isfinite().all(), key


@pytest.mark.parametrize("name", NAMES)
def test_a_handful_of_samples_can_be_learned_by_heart(name):
    """Free features and the head alone: what is left of the error is the decoder's and the loss's fault."""
    torch.manual_seed(2)
    head, settings = load_head(name), settings_of(name)
    module, target = head.build(64, settings), targets(2)
    features = torch.randn(COUNT, 64, requires_grad=True)
    optimizer = torch.optim.Adam([features, *module.parameters()], lr=0.02)
    for _ in range(600):
        optimizer.zero_grad()
        head.loss(module.train()(features), target, settings)["loss"].mean().backward()
        optimizer.step()
    out = module.eval()(features)
    if "rotation" in out:
        error = torch.rad2deg(roma.rotmat_geodesic_distance(out["rotation"], target["rotation"]))
        assert error.max() < 2.0
    elif "front" in out:
        cosine = (out["front"] * target["rotation"][:, :, 2]).sum(1)
        assert torch.rad2deg(torch.acos(cosine.clamp(-1, 1))).max() < 2.5
    else:
        assert (out["orientation"].argmax(1) == target["label"]).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [0.0, 1e-3, 1e3])
def test_geometry_is_proper_whatever_the_features(name, size):
    torch.manual_seed(1)
    out = load_head(name).build(16, settings_of(name)).eval()(size * torch.randn(50, 16))
    if "rotation" in out:
        rotation = out["rotation"]
        identity = torch.eye(3).expand(50, 3, 3)
        torch.testing.assert_close(rotation @ rotation.mT, identity, atol=1e-5, rtol=0)
        torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(50), atol=1e-5, rtol=0)
    if "front" in out:
        torch.testing.assert_close(out["front"].norm(dim=1), torch.ones(50), atol=1e-5, rtol=0)
    if "orientation" in out:
        torch.testing.assert_close(out["orientation"].sum(1), torch.ones(50), atol=1e-5, rtol=0)
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
    network = PoseNetwork(ModelSettings(backbone="compact", variant="nano"), settings_of(name)).eval()
    pictures = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        out = network(pictures)
    assert all(value.dtype == torch.float32 for value in out.values())


@pytest.mark.parametrize("name", NAMES)
def test_training_under_bfloat16_gives_finite_gradients(name):
    torch.manual_seed(4)
    settings = settings_of(name)
    network = PoseNetwork(ModelSettings(backbone="compact", variant="nano"), settings).train()
    pictures = torch.randint(0, 256, (COUNT, 64, 64, 3), dtype=torch.uint8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = load_head(name).loss(network(pictures), targets(4), settings)
    assert terms["loss"].dtype == torch.float32
    terms["loss"].mean().backward()
    assert all(weight.grad.isfinite().all() for weight in network.parameters())
