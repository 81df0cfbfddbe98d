"""Soft labels and their losses against numpy and scipy."""

import numpy as np
import pytest
import torch
from scipy import special, stats

from facing.losses.soft_label import log_rank_labels, soft_label_loss, soft_labels

BINS = 66
SHAPES = {
    "squared": lambda d: np.exp(-(d**2)),
    "absolute": lambda d: np.exp(-d),
    "log": lambda d: np.exp(-(np.log(1 + d) ** 2)),
}


@pytest.mark.parametrize("metric", SHAPES)
@pytest.mark.parametrize("sigma", [0.7, 1.0, 3.0])
def test_labels_are_the_stated_formula(metric, sigma):
    places = np.array([0.0, 12.0, 30.3, 65.0])
    weights = SHAPES[metric](np.abs(np.arange(BINS) - places[:, None]) / sigma)
    got = soft_labels(torch.tensor(places), bins=BINS, metric=metric, sigma=sigma)
    np.testing.assert_allclose(got, weights / weights.sum(1, keepdims=True), rtol=1e-12)


@pytest.mark.parametrize("metric", SHAPES)
def test_labels_are_symmetric_and_mean_what_they_say(metric):
    label = soft_labels(torch.tensor([32.5], dtype=torch.float64), bins=BINS, metric=metric)
    torch.testing.assert_close(label, label.flip(1))
    mean = (label * torch.arange(BINS)).sum()
    torch.testing.assert_close(mean, torch.tensor(32.5, dtype=torch.float64))


def test_published_log_label_is_the_stated_formula_and_does_not_mean_what_it_says():
    index = torch.tensor([0, 32, 65])
    c, k = index.numpy()[:, None] + 1.0, np.arange(1.0, BINS + 1)
    weights = np.exp(-((np.log(c) - np.log(k)) ** 2))
    expected = weights / weights.sum(1, keepdims=True)
    got = log_rank_labels(index, bins=BINS)
    np.testing.assert_allclose(got, expected, rtol=1e-4)  # exp and log in float32
    # The last class has the mean class 45; peaks are 0.45 at the first class and 0.02 in the middle.
    assert float(got[2] @ torch.arange(BINS, dtype=torch.float32)) == pytest.approx(45.1, abs=0.1)
    np.testing.assert_allclose(got.amax(1)[:2], [0.45, 0.02], atol=0.005)


@pytest.fixture
def pair():
    rng = np.random.default_rng(3)
    target = special.softmax(rng.normal(size=(5, 3, BINS)), axis=-1)
    target[0, 0] = np.eye(BINS)[7]  # far from their class, labels underflow to 0
    return 3 * rng.normal(size=(5, 3, BINS)), target


def test_losses_equal_scipy(pair):
    logits, target = pair
    got = {
        kind: soft_label_loss(torch.tensor(logits), torch.tensor(target), loss=kind)
        for kind in ("ce", "kl", "bce")
    }
    share = special.softmax(logits, axis=-1)
    np.testing.assert_allclose(got["kl"], stats.entropy(target, share, axis=-1), rtol=1e-10)
    np.testing.assert_allclose(
        got["ce"], stats.entropy(target, axis=-1) + stats.entropy(target, share, axis=-1), rtol=1e-10
    )
    yes = special.expit(logits)
    binary = -(target * np.log(yes) + (1 - target) * np.log(1 - yes)).mean(-1)
    np.testing.assert_allclose(got["bce"], binary, rtol=1e-10)


def test_published_loss_is_least_where_the_softmax_is_wrong():
    """Sigmoids equal to the label mean odds, and a softmax of log odds is not the label."""
    target = torch.tensor([0.45, 0.3, 0.15, 0.1], dtype=torch.float64)
    right, odds = target.log(), torch.logit(target)
    assert soft_label_loss(odds, target, loss="bce") < soft_label_loss(right, target, loss="bce") - 0.001
    assert soft_label_loss(right, target, loss="kl").abs() < 1e-12
    assert soft_label_loss(odds, target, loss="kl") > 0.01
