"""The compact system's three heads: decoders and losses by hand, and the faults of the published ones."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy import special
from scipy.spatial.transform import Rotation

from facing.errors import RecipeError
from facing.geometry.conventions_methods import compact_vector_from_rotation
from facing.geometry.rotation import rotation_from_euler
from facing.losses.soft_label import soft_labels
from facing.models.contracts import load_head
from facing.models.heads._direction import front_from_vector, vector_from_rotation
from facing.models.heads.vector_bins import VectorBinsSettings, classes_of_vector, decode_vector
from facing.models.heads.vector_soft_bins import VectorSoftBinsSettings, labels_of_vector
from facing.training.recipe import recipe_from_dict

FRONTAL = torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)


def settings_of(name, **changes):
    return load_head(name).settings(name=name, **changes)


def published_directions(count=20_000):
    """The directions of the measured table: yaw even within +-90, pitch normal with 20 degrees."""
    rng = np.random.default_rng(0)
    yaw, pitch = np.radians(rng.uniform(-90, 90, count)), np.radians(rng.normal(0, 20, count))
    return torch.tensor(
        np.stack([np.sin(yaw), np.sin(pitch) * np.cos(yaw), np.cos(pitch) * np.cos(yaw)], axis=1)
    )


def error_deg(shares, vector, *, compat):
    """Angle between what class shares decode to and compact vectors, by an arc cosine in numpy."""
    front = front_from_vector(decode_vector(shares.log(), compat=compat)).numpy()
    cosine = (front * [-1, 1, 1] * vector.numpy()).sum(1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def one_hot(vector, bins):
    return torch.nn.functional.one_hot(classes_of_vector(vector, bins=bins), bins).double()


def test_compact_vector_is_that_of_the_conventions():
    rotation = Rotation.random(200, random_state=0).as_matrix()
    got = vector_from_rotation(torch.tensor(rotation))
    np.testing.assert_allclose(got, compact_vector_from_rotation(rotation))
    torch.testing.assert_close(front_from_vector(7 * got), torch.tensor(rotation[:, :, 2]))


def test_vector_without_length_is_frontal_and_its_gradient_finite():
    vector = torch.zeros(2, 3, requires_grad=True)
    front = front_from_vector(vector)
    torch.testing.assert_close(front, torch.tensor([[0.0, 0.0, 1.0]]).expand(2, 3))
    front.sum().backward()
    assert vector.grad.abs().max() == 0


@pytest.mark.parametrize("bins", [2, 33, 66, 198])
def test_classes_are_those_between_the_published_edges(bins):
    values = np.concatenate([np.random.default_rng(1).uniform(-1, 1, 999), [-1.0, 0.0, 1.0]])
    edges = (-99 + 198 / bins * np.arange(bins + 1)) / 99
    expected = np.clip(np.digitize(values, edges) - 1, 0, bins - 1)
    got = classes_of_vector(torch.tensor(values).view(-1, 3), bins=bins)
    np.testing.assert_array_equal(got.flatten(), expected)


@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize(
    ("decode", "top_k"), [("expectation", 0), ("expectation", 5), ("mean", 5), ("mean", 1)]
)
@pytest.mark.parametrize("bins", [33, 66])
def test_decoder_is_the_published_formula(bins, decode, top_k, compat):
    logits = np.random.default_rng(2).normal(size=(4, 3, bins)) * 2
    width = 198 // bins
    offset = -96 if compat else -99 + width / 2
    expected = np.empty((4, 3))
    for n, axis in np.ndindex(4, 3):
        shares = special.softmax(logits[n, axis])
        kept = np.argsort(shares)[::-1][: top_k or bins]
        weights = (
            shares[kept] / shares[kept].sum() if decode == "expectation" else np.full(len(kept), 1 / top_k)
        )
        expected[n, axis] = width * (weights * kept).sum() + offset
    got = decode_vector(torch.tensor(logits), decode=decode, top_k=top_k, compat=compat)
    np.testing.assert_allclose(got, expected, rtol=1e-9)


# Tolerance: the last digit of the measured figures, which other directions of the same kind do not move.
@pytest.mark.parametrize(
    ("label", "bins", "published", "centred"),
    [
        ("one-hot", 66, 1.31, 0.66),
        ("one-hot", 33, 1.33, 1.33),
        ("published log", 66, 20.2, 19.0),
        ("published log", 33, 18.9, 18.9),
        ("squared", 66, 1.32, 0.66),
        ("squared", 33, 1.33, 1.33),
        ("absolute", 66, 1.34, 0.66),
        ("log", 66, 1.38, 0.69),
    ],
)
def test_perfect_labels_decode_as_measured(label, bins, published, centred):
    vector = published_directions()
    if label == "one-hot":
        shares = one_hot(vector, bins)
    else:
        metric = label.removeprefix("published ")
        settings = settings_of(
            "vector_soft_bins", bins=bins, metric=metric, label_at="class", compat=metric != label
        )
        shares = labels_of_vector(vector, settings).double()
    digit = 0.1 if published > 10 else 0.01
    assert error_deg(shares, vector, compat=True).mean() == pytest.approx(published, abs=digit)
    assert error_deg(shares, vector, compat=False).mean() == pytest.approx(centred, abs=digit)


def test_labels_about_the_value_keep_what_classes_round_off():
    vector = published_directions()
    labels = labels_of_vector(vector, settings_of("vector_soft_bins"))
    assert error_deg(labels, vector, compat=False).mean() < 0.03


def test_mean_of_the_most_probable_is_the_class_of_a_soft_label():
    """About class 20 the five most probable are 18 to 22; a one-hot label leaves four of them to chance."""
    place = torch.full((1, 3), 20.0, dtype=torch.float64)
    label = soft_labels(place, bins=66)
    for top_k in (1, 3, 5):
        got = decode_vector(label.log(), decode="mean", top_k=top_k)
        torch.testing.assert_close(got, 3 * place + 1.5 - 99)


def test_published_offset_turns_a_frontal_face_aside():
    shares = one_hot(FRONTAL, 66)
    assert error_deg(shares, FRONTAL, compat=True) == pytest.approx(2.45, abs=0.005)
    # Half a class up and aside is as near as an even number of classes comes: atan(1.5 sqrt(2) / 97.5).
    assert error_deg(shares, FRONTAL, compat=False) == pytest.approx(1.25, abs=0.005)
    assert error_deg(one_hot(FRONTAL, 33), FRONTAL, compat=True) == pytest.approx(0, abs=1e-5)


def test_bins_live_in_the_compact_frame_and_the_front_in_ours():
    """Yaw 30 is a face towards the left edge: x of the compact vector is 0.5, x of `front` -0.5."""
    rotation = rotation_from_euler(yaw=30.0, pitch=0.0, roll=0.0)[None]
    vector = vector_from_rotation(torch.tensor(rotation))
    index = classes_of_vector(vector, bins=66)
    assert index.tolist() == [[49, 33, 61]]  # floor((99 v + 99) / 3) of 0.5, 0, 0.866
    front = front_from_vector(decode_vector(one_hot(vector, 66).log()))
    np.testing.assert_allclose(front, rotation[:, :, 2], atol=0.02)


@pytest.fixture
def batch():
    rng = np.random.default_rng(5)
    rotation = Rotation.random(7, random_state=5).as_matrix()
    front = rng.normal(size=(7, 3))
    return {
        "rotation": rotation,
        "front": front / np.linalg.norm(front, axis=1, keepdims=True),
        "logits": rng.normal(size=(7, 3, 66)),
        "vector": compact_vector_from_rotation(rotation),
    }


def loss_of(name, batch, **changes):
    out = {key: torch.tensor(batch[key]) for key in ("front", "logits")}
    terms = load_head(name).loss(
        out, {"rotation": torch.tensor(batch["rotation"])}, settings_of(name, **changes)
    )
    return {key: term.numpy() for key, term in terms.items()}


def test_vector_loss_by_hand(batch):
    away = 10 * batch["front"] - 10 * batch["rotation"][:, :, 2]
    np.testing.assert_allclose(loss_of("vector", batch)["loss"], (away**2).mean(1))
    quarter = {
        "front": np.array([[0.0, 0.0, 1.0]]),
        "logits": np.zeros((1, 3, 66)),
        "rotation": rotation_from_euler(yaw=90.0, pitch=0.0, roll=0.0)[None],
    }
    assert loss_of("vector", quarter)["loss"] == pytest.approx(200 / 3)


def test_vector_bins_loss_by_hand(batch):
    expected = np.zeros(7)
    for n, axis in np.ndindex(7, 3):
        true = int((99 * batch["vector"][n, axis] + 99) // 3)
        expected[n] -= special.log_softmax(batch["logits"][n, axis])[true]
        expected[n] += 0.3 * (batch["front"][n, axis] - batch["rotation"][n, axis, 2]) ** 2
    got = loss_of("vector_bins", batch, regression_weight=0.3)
    np.testing.assert_allclose(got["loss"], expected, rtol=1e-6)


def test_vector_soft_bins_loss_by_hand(batch):
    expected = np.zeros(7)
    for n, axis in np.ndindex(7, 3):
        place = (99 * batch["vector"][n, axis] + 99) / 3 - 0.5
        q = np.exp(-np.abs(np.arange(66) - place) / 1.5)
        expected[n] -= (q / q.sum() * special.log_softmax(batch["logits"][n, axis])).sum()
        expected[n] += 0.3 * (batch["front"][n, axis] - batch["rotation"][n, axis, 2]) ** 2
    got = loss_of("vector_soft_bins", batch, metric="absolute", sigma=1.5, regression_weight=0.3)
    np.testing.assert_allclose(got["loss"], expected, rtol=1e-6)


def test_vector_soft_bins_published_loss_by_hand(batch):
    expected = np.zeros(7)
    ranks = np.arange(1, 67)
    for n, axis in np.ndindex(7, 3):
        c = (99 * batch["vector"][n, axis] + 99) // 3 + 1
        q = np.exp(-((np.log(c) - np.log(ranks)) ** 2))
        q /= q.sum()
        yes = special.expit(batch["logits"][n, axis])
        expected[n] -= (q * np.log(yes) + (1 - q) * np.log(1 - yes)).mean()
        expected[n] += (batch["front"][n, axis] - batch["rotation"][n, axis, 2]) ** 2
    got = loss_of("vector_soft_bins", batch, compat=True, metric="log", soft_loss="bce")
    np.testing.assert_allclose(got["loss"], expected, rtol=1e-4)  # labels are float32


def test_rectified_vector_cannot_look_to_the_right_of_the_picture():
    """The published SqueezeNet regression ends in a ReLU: its best answer there misses by the whole yaw."""
    target = torch.tensor(rotation_from_euler(yaw=-40.0, pitch=0.0, roll=0.0), dtype=torch.float32)[None]
    errors = {}
    for rectify in (False, True):
        settings = settings_of("vector", rectify=rectify)
        head = load_head("vector").build(4, settings)
        with torch.no_grad():
            head.vector.weight.zero_()
            head.vector.bias.copy_(vector_from_rotation(target)[0])
        front = head(torch.zeros(1, 4))["front"].detach()
        errors[rectify] = float(torch.rad2deg(torch.acos((front * target[:, :, 2]).sum().clamp(-1, 1))))
    assert errors[False] < 0.1
    assert errors[True] == pytest.approx(40, abs=0.1)


@pytest.mark.parametrize(
    ("name", "features", "parameters"),
    [("vector", 1280, 3843), ("vector_bins", 1280, 253_638), ("vector_soft_bins", 1024, 202_950)],
)
def test_heads_have_the_published_number_of_parameters(name, features, parameters):
    head = load_head(name).build(features, settings_of(name))
    assert sum(weight.numel() for weight in head.parameters()) == parameters


def test_dropout_acts_in_training_alone():
    head = load_head("vector_bins").build(64, settings_of("vector_bins", dropout=0.5))
    features = torch.ones(2, 64)
    first, second = (head.train()(features)["front"] for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(head.eval()(features)["front"], head(features)["front"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bins": 64}, "64 classes do not divide 198; take one of 2, 3, 6, 9, 11, 18, 22, 33, 66, 99, 198"),
        ({"bins": 1}, "1 classes do not divide 198"),
        ({"decode": "mean"}, "needs top_k"),
        ({"top_k": 67}, "top_k = 67 is more than the 66 classes"),
        ({"sigma": 1.0}, "sigma"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, words):
    with pytest.raises(ValidationError, match=words):
        VectorBinsSettings(name="vector_bins", **changes)
    recipe = {
        "schema": 1,
        "name": "x",
        "task": "pose",
        "licence": "CC0-1.0",
        "model": {"backbone": "compact", "variant": "nano"},
        "head": {"name": "vector_bins", **changes},
        "data": [{"path": "train"}],
        "optim": {"lr": 1e-3, "crops": 1},
    }
    with pytest.raises(RecipeError, match=words):
        recipe_from_dict(recipe, where="mine.toml")


# The vector lies within the class that is learned: half a class is 1.5 / 99, 0.9 degrees, on each axis.
@pytest.mark.parametrize(
    ("name", "changes", "limit"),
    [
        ("vector_bins", {"top_k": 5}, 1.6),
        ("vector_soft_bins", {"soft_loss": "kl"}, 0.3),
        ("vector_soft_bins", {"metric": "absolute"}, 0.3),
        ("vector_soft_bins", {"metric": "log", "soft_loss": "kl"}, 0.5),
        ("vector_soft_bins", {"decode": "mean", "top_k": 3}, 1.6),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
)
def test_a_handful_of_samples_can_be_learned_by_heart(name, changes, limit):
    torch.manual_seed(0)
    head, settings = load_head(name), settings_of(name, **changes)
    rng = np.random.default_rng(0)
    vectors = Rotation.from_euler("XY", rng.uniform(-60, 60, size=(6, 2)), degrees=True)
    target = {"rotation": torch.tensor(vectors.as_matrix(), dtype=torch.float32)}
    module, features = head.build(64, settings), torch.randn(6, 64, requires_grad=True)
    optimizer = torch.optim.Adam([features, *module.parameters()], lr=0.02)
    for _ in range(400):
        optimizer.zero_grad()
        loss = head.loss(module.train()(features), target, settings)["loss"].mean()
        loss.backward()
        optimizer.step()
    assert loss.isfinite()
    cosine = (module.eval()(features)["front"] * target["rotation"][:, :, 2]).sum(1)
    assert torch.rad2deg(torch.acos(cosine.clamp(-1, 1))).max() < limit


def test_soft_bins_take_every_setting_of_bins():
    assert set(VectorBinsSettings.model_fields) < set(VectorSoftBinsSettings.model_fields)
