"""The pyramid system's and Hopenet's heads: decoders and losses by hand, and their published faults."""

import numpy as np
import pytest
import torch
from scipy import special

from facing.geometry.conventions_methods import rotation_from_whenet_bins
from facing.geometry.rotation import rotation_from_euler
from facing.models.contracts import load_head
from facing.models.heads.euler_bins import class_count, decode_bins_deg
from facing.models.heads.euler_multibin import decode_multibin_deg, multibin_classes

# Logits of which the softmax is one class, to float64's last digit.
SURE = 1e3


def settings_of(name, **changes):
    return load_head(name).settings(name=name, **changes)


def sure(index, count):
    return SURE * torch.nn.functional.one_hot(index, count).double()


def rotations(angles):
    yaw, pitch, roll = np.asarray(angles, dtype=np.float64).T
    return torch.tensor(rotation_from_euler(yaw=yaw, pitch=pitch, roll=roll))


def angles_seen(count=4):
    return np.random.default_rng(8).uniform(-60, 60, size=(count, 3))


@pytest.mark.parametrize(("compat", "bias", "mae"), [(False, 0.0, 0.25), (True, -0.5, 0.5)])
def test_perfect_multibin_labels_decode_as_measured(compat, bias, mae):
    angle = torch.tensor(np.random.default_rng(0).uniform(-100, 100, 20_000))
    coarse, shift = multibin_classes(angle)
    away = decode_multibin_deg(sure(coarse, 10), sure(shift, 20), compat=compat) - angle
    # The standard error of 20,000 rounding errors, 0.289 / sqrt(20,000), is 0.002.
    assert float(away.mean()) == pytest.approx(bias, abs=0.008)
    assert float(away.abs().mean()) == pytest.approx(mae, abs=0.008)


def test_multibin_classes_are_the_published_ones():
    angle = np.array([-100, -80.5, -0.25, 0, 19.9, 20, 99.99])
    starts = np.arange(-100, 100, 20)
    coarse, shift = multibin_classes(torch.tensor(angle))
    np.testing.assert_array_equal(coarse, np.digitize(angle, starts) - 1)
    np.testing.assert_array_equal(shift, np.floor(angle - starts[coarse.numpy()]))


def test_multibin_decodes_expectations():
    rng = np.random.default_rng(1)
    coarse, shift = rng.normal(size=(5, 10)), rng.normal(size=(5, 20))
    expected = (
        20 * special.softmax(coarse, axis=1) @ np.arange(10)
        - 100
        + special.softmax(shift, axis=1) @ np.arange(20)
    )
    pair = torch.tensor(coarse), torch.tensor(shift)
    np.testing.assert_allclose(decode_multibin_deg(*pair, compat=True), expected)
    np.testing.assert_allclose(decode_multibin_deg(*pair), expected + 0.5)


@pytest.mark.parametrize("compat", [False, True])
def test_multibin_loss_by_hand(compat):
    rng = np.random.default_rng(2)
    truth = angles_seen()
    truth[0, 0] = -98.0
    given = rng.uniform(-90, 90, size=(4, 3))
    given[0, 0] = 99.0  # 197 off: the published square takes it for 163
    coarse, shift = rng.normal(size=(4, 3, 10)), rng.normal(size=(4, 3, 20))
    expected = np.zeros(4)
    for n, axis in np.ndindex(4, 3):
        true = int((truth[n, axis] + 100) // 20)
        expected[n] -= special.log_softmax(coarse[n, axis])[true]
        expected[n] -= special.log_softmax(shift[n, axis])[int(truth[n, axis] + 100 - 20 * true)]
        away = given[n, axis] - truth[n, axis]
        expected[n] += 0.5 * (min(away**2, (360 - away) ** 2) if compat else away**2)
    out = {"angles": torch.tensor(given), "coarse": torch.tensor(coarse), "shift": torch.tensor(shift)}
    terms = load_head("euler_multibin").loss(
        out,
        {"rotation": rotations(truth)},
        settings_of("euler_multibin", regression_weight=0.5, compat=compat),
    )
    np.testing.assert_allclose(terms["loss"], expected, rtol=1e-9)
    assert terms["out_of_range"].tolist() == [0, 0, 0, 0]


BEYOND = [(0, 0, 0), (170, 0, 0), (-101, 5, 5), (99.5, 0, 0), (10, -105, 0), (180, 0, 0)]


@pytest.mark.parametrize(
    ("name", "changes", "counted"),
    [
        ("euler_multibin", {}, [0, 1, 1, 0, 1, 1]),
        ("euler_multibin", {"compat": True}, [0, 1, 1, 0, 1, 1]),
        ("euler_bins", {}, [0, 1, 1, 1, 1, 1]),
        ("euler_bins", {"compat": True}, [0, 1, 1, 1, 1, 1]),
        ("euler_bins", {"full_yaw": True}, [0, 0, 0, 0, 1, 0]),
    ],
)
def test_labels_out_of_range_are_counted_and_never_crash(name, changes, counted):
    head, settings = load_head(name), settings_of(name, **changes)
    torch.manual_seed(0)
    out = head.build(16, settings).train()(torch.randn(len(BEYOND), 16))
    terms = head.loss(out, {"rotation": rotations(BEYOND).float()}, settings)
    assert terms["out_of_range"].tolist() == counted
    assert terms["loss"].isfinite().all()
    # They are trained on as the edge: the square of the first angle is that to +-limit.
    limit = 100 if name == "euler_multibin" else 99
    if not settings.compat and counted[1]:
        away = out["angles"].detach().clone()
        away[:, 0] -= limit
        torch.testing.assert_close(terms["regression"][1], away[1].square().sum(), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("compat", "bias"), [(False, 0.0), (True, -1.5)])
@pytest.mark.parametrize("limit", [99.0, 180.0])
def test_perfect_bins_decode_without_bias(limit, compat, bias):
    angle = torch.tensor(np.random.default_rng(0).uniform(-limit, limit, 20_000))
    index = ((angle + limit) / 3).floor().long()
    away = decode_bins_deg(sure(index, class_count(limit)), limit=limit, compat=compat) - angle
    assert float(away.mean()) == pytest.approx(bias, abs=0.03)  # standard error 0.87 / sqrt(20,000) = 0.006
    assert float(away.abs().max()) <= 1.5 - bias + 1e-6


def test_bins_decode_as_published():
    """Hopenet's 3 E - 99 on all three angles, and WHENet's reading of its three rows."""
    rng = np.random.default_rng(3)
    logits = torch.tensor(rng.normal(size=(6, 66)))
    expected = special.softmax(logits.numpy(), axis=1) @ np.arange(66) * 3 - 99
    np.testing.assert_allclose(decode_bins_deg(logits, limit=99.0, compat=True), expected)
    np.testing.assert_allclose(decode_bins_deg(logits, limit=99.0), expected + 1.5)

    head = load_head("euler_bins").build(8, settings_of("euler_bins", full_yaw=True, compat=True)).train()
    out = head(torch.randn(6, 8))
    shares = {
        name: special.softmax(out[name].detach().double().numpy(), axis=1)
        for name in ("yaw", "pitch", "roll")
    }
    np.testing.assert_allclose(out["rotation"].detach(), rotation_from_whenet_bins(**shares), atol=1e-5)


def test_full_turn_of_yaw_has_no_seam():
    """Half the weight each on the classes of -178.5 and 178.5 is a head from behind; published, a face."""
    logits = torch.full((1, 120), -SURE, dtype=torch.float64)
    logits[0, [0, 119]] = 0
    assert abs(float(decode_bins_deg(logits, limit=180.0))) == pytest.approx(180, abs=1e-6)
    assert float(decode_bins_deg(logits, limit=180.0, compat=True)) == pytest.approx(-1.5)

    even = torch.zeros(1, 120, requires_grad=True)
    angle = decode_bins_deg(even, limit=180.0)
    angle.sum().backward()
    assert even.grad.isfinite().all()


@pytest.mark.parametrize("full_yaw", [False, True])
def test_bins_loss_by_hand(full_yaw):
    rng = np.random.default_rng(4)
    truth, given = angles_seen(), rng.uniform(-90, 90, size=(4, 3))
    limits = [180 if full_yaw else 99, 99, 99]
    if full_yaw:
        truth[0, 0], given[0, 0] = 179.0, -179.0  # 2 apart around the back
    logits = [rng.normal(size=(4, 2 * limit // 3)) for limit in limits]
    expected = np.zeros(4)
    for n, axis in np.ndindex(4, 3):
        true = int((truth[n, axis] + limits[axis]) // 3)
        away = abs(given[n, axis] - truth[n, axis])
        expected[n] += 2 * min(away, 360 - away) ** 2 - special.log_softmax(logits[axis][n])[true]
    out = {name: torch.tensor(rows) for name, rows in zip(("yaw", "pitch", "roll"), logits, strict=True)}
    terms = load_head("euler_bins").loss(
        out | {"angles": torch.tensor(given)},
        {"rotation": rotations(truth)},
        settings_of("euler_bins", regression_weight=2.0, full_yaw=full_yaw),
    )
    np.testing.assert_allclose(terms["loss"], expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "changes", "classes"),
    [("euler_multibin", {}, 90), ("euler_bins", {}, 198), ("euler_bins", {"full_yaw": True}, 252)],
)
def test_heads_have_the_published_number_of_parameters(name, changes, classes):
    head = load_head(name).build(256, settings_of(name, **changes))
    assert sum(weight.numel() for weight in head.parameters()) == 257 * classes


def test_full_turn_can_be_learned_by_heart():
    torch.manual_seed(0)
    head, settings = load_head("euler_bins"), settings_of("euler_bins", full_yaw=True)
    target = {"rotation": rotations([(-175, 5, 0), (178, -10, 5), (120, 0, -20), (0, 20, 10)]).float()}
    module, features = head.build(64, settings), torch.randn(4, 64, requires_grad=True)
    optimizer = torch.optim.Adam([features, *module.parameters()], lr=0.02)
    for _ in range(600):
        optimizer.zero_grad()
        head.loss(module.train()(features), target, settings)["loss"].mean().backward()
        optimizer.step()
    cosine = ((module.eval()(features)["rotation"] * target["rotation"]).sum((1, 2)) - 1) / 2
    assert torch.rad2deg(torch.acos(cosine.clamp(-1, 1))).max() < 2.0
