"""Contrastive losses against their formulas, term by term in plain Python."""

import math
import sys

import pytest
import torch

from facing.errors import MissingExtraError
from facing.losses.contrastive import pair_margin_loss, supervised_contrastive_loss
from facing.models.contracts import load_head
from facing.models.heads.orientation import NO_CLASS, OrientationSettings


def features(count, *, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(count, 5, generator=rng, dtype=torch.float64), dim=1)


def by_hand(z, label, *, t):
    """-mean over positives p of log(exp(z.z_p / t) / sum over all others a of exp(z.z_a / t))."""
    z = z.tolist()
    values = []
    for i in range(len(z)):
        dots = {j: sum(a * b for a, b in zip(z[i], z[j], strict=True)) for j in range(len(z)) if j != i}
        total = sum(math.exp(dot / t) for dot in dots.values())
        positives = [j for j in dots if label[j] == label[i]]
        logs = [math.log(math.exp(dots[j] / t) / total) for j in positives]
        values.append(-sum(logs) / len(logs) if logs else 0.0)
    return values


@pytest.mark.parametrize("t", [0.1, 0.7])
def test_supervised_contrastive_loss_is_the_formula(t):
    z, label = features(7), [0, 0, 1, 1, 1, 2, 2]
    found = supervised_contrastive_loss(z, torch.tensor(label), temperature=t)
    assert found.tolist() == pytest.approx(by_hand(z, label, t=t), rel=1e-6)


def test_heads_without_a_class_or_a_fellow_cost_nothing():
    z = features(5, seed=1)
    found = supervised_contrastive_loss(z, torch.tensor([0, 0, 1, NO_CLASS, NO_CLASS]), temperature=0.1)
    alone = by_hand(z[:3], [0, 0, 1], t=0.1)
    assert found.tolist() == pytest.approx([*alone, 0.0, 0.0], rel=1e-6)
    assert supervised_contrastive_loss(z, torch.zeros(5, dtype=torch.int64)).tolist() == [0.0] * 5


def test_pair_loss_is_the_formula():
    z, label, margin = features(6, seed=2), [0, 0, 1, 1, 2, 0], 1.2
    rows = z.tolist()
    wanted = []
    for i in range(6):
        costs = []
        for j in range(6):
            d = math.dist(rows[i], rows[j])
            costs += [] if i == j else [d**2 if label[i] == label[j] else max(0.0, margin - d) ** 2]
        wanted.append(sum(costs) / len(costs))
    found = pair_margin_loss(z, torch.tensor(label), margin=margin)
    assert found.tolist() == pytest.approx(wanted, rel=1e-9)


def test_pair_loss_has_a_gradient_where_features_are_equal():
    z = torch.ones(4, 3, requires_grad=True)
    pair_margin_loss(z, torch.tensor([0, 0, 1, NO_CLASS])).sum().backward()
    assert z.grad.isfinite().all()


def test_missing_library_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch_metric_learning", None)
    monkeypatch.setitem(sys.modules, "pytorch_metric_learning.losses", None)
    with pytest.raises(MissingExtraError, match=r"facing\[train\]"):
        supervised_contrastive_loss(features(3), torch.tensor([0, 1, 1]))


@pytest.mark.parametrize("contrastive", ["supervised", "pairs"])
def test_head_adds_the_contrastive_term_with_its_weight(contrastive):
    head = load_head("orientation")
    settings = OrientationSettings(
        name="orientation", classes=4, contrastive=contrastive, contrastive_weight=0.5
    )
    torch.manual_seed(0)
    module = head.build(16, settings).train()
    out, label = module(torch.randn(6, 16)), torch.tensor([0, 0, 1, 3, 3, NO_CLASS])
    terms = head.loss(out, {"label": label}, settings)
    entropy = -out["orientation"].log()[torch.arange(5), label[:5]]
    wanted = torch.cat([entropy, torch.zeros(1)]) + 0.5 * terms["contrastive"]
    torch.testing.assert_close(terms["loss"], wanted)
    assert terms["loss"][5] == 0
    assert terms["contrastive"][:5].gt(0).any()
    torch.testing.assert_close(out["features"].norm(dim=1), torch.ones(6))
