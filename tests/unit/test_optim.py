"""Learning rates, groups, frozen parts and the average, against torch's own where it has them."""

import copy

import pytest
import torch
from torch import nn

from facing.errors import RecipeError
from facing.models.contracts import load_head
from facing.models.network import PoseNetwork
from facing.models.settings import ModelSettings
from facing.training.optim import (
    Average,
    build_optimizer,
    can_stand_still,
    freeze,
    group_factors,
    learning_rate,
    weight_groups,
)
from facing.training.recipe import OptimSettings
from facing.training.resume import optimizer_tensors, restore_optimizer


def settings(**changes):
    return OptimSettings(**({"lr": 0.1, "batch": 1, "crops": 60, "epoch_crops": 3, "warmup": 0.0} | changes))


def torch_rates(schedule, *, steps, steps_per_call):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    made = schedule(optimizer)
    rates = []
    for step in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if (step + 1) % steps_per_call == 0:
            made.step()
    return rates


@pytest.mark.parametrize(
    ("changes", "schedule", "steps_per_call"),
    [
        # System 3: StepLR(5, 0.2), stepped once per epoch of three steps.
        (
            {"schedule": "step", "gamma": 0.2, "gamma_epochs": 5},
            lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 5, gamma=0.2),
            3,
        ),
        # System 1: lr_decay multiplied in every epoch.
        (
            {"schedule": "step", "gamma": 0.9, "gamma_epochs": 1},
            lambda optimizer: torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9),
            3,
        ),
        (
            {"schedule": "cosine"},
            lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 60, eta_min=0.001),
            1,
        ),
        (
            {"schedule": "constant"},
            lambda optimizer: torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0),
            1,
        ),
    ],
    ids=["steps", "every-epoch", "cosine", "constant"],
)
def test_schedules_are_those_of_torch(changes, schedule, steps_per_call):
    ours = [learning_rate(settings(**changes), step) for step in range(60)]
    assert ours == pytest.approx(torch_rates(schedule, steps=60, steps_per_call=steps_per_call), rel=1e-9)


@pytest.mark.parametrize("schedule", ["cosine", "constant", "step"])
def test_warming_up_is_a_line(schedule):
    optim = settings(schedule=schedule, warmup=0.1)
    assert [learning_rate(optim, step) for step in range(6)] == pytest.approx(
        [0.1 * share / 7 for share in range(1, 7)]
    )
    assert learning_rate(optim, 6) == pytest.approx(0.1)


def test_the_published_freezing():
    optim = settings(freeze_epochs=2)
    assert group_factors(optim, 5) == {"stem": 0.0, "backbone": 1.0, "head": 5.0}
    assert group_factors(optim, 6) == {"stem": 1.0, "backbone": 1.0, "head": 1.0}
    assert can_stand_still(optim)
    assert not can_stand_still(settings())
    assert can_stand_still(settings(groups={"stem": 0.0}))


@pytest.fixture
def network():
    torch.manual_seed(0)
    head = load_head("rotation_6d").settings(name="rotation_6d")
    return PoseNetwork(ModelSettings(backbone="compact", variant="nano"), head)


def step_of(network, optimizer):
    """One step with a gradient of one everywhere; give how far each weight moved at most."""
    before = {name: weight.detach().clone() for name, weight in network.named_parameters()}
    for weight in network.parameters():
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    return {
        name: float((now.detach() - before[name]).abs().max()) for name, now in network.named_parameters()
    }


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_every_weight_moves_once_per_step(network, name):
    optim = settings(name=name, lr=1e-3, weight_decay=0.0)
    moved = step_of(network, build_optimizer(weight_groups(network, optim), optim))
    # Adam moves by the rate in its first step whatever the gradient, and plain descent by rate x gradient.
    assert moved == pytest.approx(dict.fromkeys(moved, 1e-3), rel=1e-3)


def test_published_groups_that_repeat_weights_move_them_further():
    """What systems 1 and 2 did, and why our groups share no weights: named k times it moves k times."""
    weight = nn.Parameter(torch.zeros(1))
    with pytest.warns(UserWarning, match="duplicate"):
        optimizer = torch.optim.Adam([weight, weight, weight], lr=1e-3, foreach=False)
    weight.grad = torch.ones(1)
    optimizer.step()
    assert float(weight.detach().abs()) == pytest.approx(3e-3, rel=0.1)


def test_biases_and_norms_do_not_decay(network):
    optim = settings(name="adamw", weight_decay=0.5)
    groups = build_optimizer(weight_groups(network, optim), optim).param_groups
    decays = {weight.ndim > 1: set() for group in groups for weight in group["params"]}
    for group in groups:
        for weight in group["params"]:
            decays[weight.ndim > 1].add(group["weight_decay"])
    assert decays == {True: {0.5}, False: {0.0}}
    assert sum(len(group["params"]) for group in groups) == len(list(network.parameters()))


def test_what_stands_still_learns_nothing(network):
    still = {id(weight) for weight in network.groups()["stem"]}
    statistics = {
        name: buffer.clone() for name, buffer in network.named_buffers() if name.endswith("running_mean")
    }
    freeze(network, still, norm="with-groups")
    out = network(torch.randint(0, 256, (4, 64, 64, 3), dtype=torch.uint8))
    sum(values.square().sum() for values in out.values()).backward()
    for part, weights in network.groups().items():
        for weight in weights:
            assert (weight.grad is None) == (part == "stem")
    now = dict(network.named_buffers())
    kept = {name for name, before in statistics.items() if before.equal(now[name])}
    assert kept == {name for name in statistics if ".stem." in name}

    freeze(network, set(), norm="always")
    assert not any(layer.training for layer in network.modules() if isinstance(layer, nn.BatchNorm2d))
    assert network.head.training
    freeze(network, set(), norm="never")
    assert all(layer.training for layer in network.modules())
    assert all(weight.requires_grad for weight in network.parameters())


def test_a_network_without_parts_cannot_be_treated_by_parts():
    plain = nn.Linear(2, 2)
    assert list(weight_groups(plain, settings())) == ["backbone"]
    with pytest.raises(RecipeError, match="Linear has no parts"):
        weight_groups(plain, settings(freeze_epochs=1))
    with pytest.raises(RecipeError, match="Linear has no parts"):
        weight_groups(plain, settings(groups={"head": 5.0}))


def three_steps(network, optimizer, *, seed):
    random = torch.Generator().manual_seed(seed)
    for _ in range(3):
        for weight in network.parameters():
            weight.grad = torch.empty_like(weight).copy_(torch.randn(weight.shape, generator=random))
        optimizer.step()


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_a_restored_optimiser_goes_on_as_it_would_have(network, name):
    """Weights lie in the order that convolutions like, which files do not keep."""
    network.to(memory_format=torch.channels_last)
    optim = settings(name=name, lr=1e-3)
    slow, resumed = copy.deepcopy(network), copy.deepcopy(network)
    whole = build_optimizer(weight_groups(network, optim), optim)
    three_steps(network, whole, seed=1)
    saved = {key: value.clone().contiguous() for key, value in optimizer_tensors(whole).items()}
    resumed.load_state_dict(network.state_dict())
    three_steps(network, whole, seed=2)

    again = build_optimizer(weight_groups(resumed, optim), optim)
    restore_optimizer(again, saved)
    three_steps(resumed, again, seed=2)
    plain = build_optimizer(weight_groups(slow, optim), optim, fused=False)
    for seed in (1, 2):
        three_steps(slow, plain, seed=seed)
    for key, value in network.state_dict().items():
        assert value.equal(resumed.state_dict()[key]), key
        torch.testing.assert_close(value, slow.state_dict()[key], msg=key)


@pytest.mark.parametrize("memory", [0.0, 0.9])
def test_the_average_is_that_of_the_weights(memory):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    average = Average(network, memory=memory)
    expected = copy.deepcopy(network.state_dict())
    for step in range(1, 40):
        with torch.no_grad():
            for weight in network.parameters():
                weight.add_(torch.randn_like(weight))
        network(torch.randn(8, 3))
        average.update(network, step=step)
        share = min(memory, step / (step + 10))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                expected[name] = share * expected[name] + (1 - share) * value
            else:
                expected[name] = value.clone()
    for name, value in average.network.state_dict().items():
        torch.testing.assert_close(value, expected[name], msg=name)
