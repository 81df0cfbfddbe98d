"""`facing models describe` counts what is there and says what it means."""

import json
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from facing.cli import main
from facing.errors import RecipeError
from facing.models.contracts import load_head
from facing.models.describe import count, describe_network, description_lines, folded, output_of
from facing.models.describe_graph import describe_graph
from facing.models.network import PoseNetwork
from facing.models.settings import ModelSettings
from facing.runtime.card import Card
from facing.runtime.session import Session, open_onnx
from facing.runtime.weights import weights_path
from facing.training.describe import describe_recipe
from facing.training.recipe import load_recipe
from facing.training.task import load_task

RECIPE = """
schema = 1
name = "mine"
task = "pose"
licence = "CC0-1.0"
data = [{ path = "train" }]
optim = { lr = 1e-3, crops = 1000 }
crop = { side = 96 }
model = { backbone = "resnet:18" }
head = { name = "rotation_6d", landmarks = 0.5 }
"""


def run(*arguments):
    """Run the command to its end, and give its exit code."""
    try:
        main(["models", "describe", *arguments])
    except SystemExit as end:
        return end.code or 0
    return 0


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(RECIPE)
    return str(path)


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        # Weights times places, by hand.
        (nn.Conv2d(4, 6, 3, stride=2, padding=1), (1, 4, 9, 9), 6 * 4 * 9 * 25),
        (nn.Conv2d(4, 8, 3, groups=4, bias=False), (1, 4, 6, 6), 8 * 1 * 9 * 16),
        (nn.ConvTranspose2d(4, 6, 2, 2), (1, 4, 5, 5), 4 * 6 * 4 * 25),
        (nn.Conv1d(1, 1, 3, padding=1), (1, 1, 10), 3 * 10),
        (nn.Linear(7, 5), (1, 7), 35),
        (nn.Linear(7, 5), (1, 11, 7), 35 * 11),
        (nn.BatchNorm2d(4), (1, 4, 5, 5), 0),
    ],
)
def test_layers_are_counted_as_by_hand(layer, shape, expected):
    layers, _, _ = count(nn.Sequential(layer).eval(), torch.zeros(shape))
    assert [found.multiply_adds for found in layers] == [expected]
    assert layers[0].parameters == sum(weights.numel() for weights in layer.parameters())


def test_a_layer_that_runs_twice_costs_twice_and_is_stored_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.same = nn.Linear(3, 3)

        def forward(self, x):
            return self.same(self.same(x))

    layers, _, _ = count(Twice(), torch.zeros(1, 3))
    assert (layers[0].parameters, layers[0].multiply_adds) == (12, 18)


def test_nothing_is_left_hanging_on_the_network():
    network = nn.Sequential(nn.Linear(3, 3))
    count(network, torch.zeros(1, 3))
    assert not network[0]._forward_hooks


@pytest.fixture(scope="module")
def description():
    head = load_head("rotation_6d").settings(name="rotation_6d")
    return describe_network(PoseNetwork(ModelSettings(backbone="resnet:18"), head), size=(96, 96))


@pytest.mark.parametrize("depth", [1, 2, 3, 9])
def test_folding_loses_nothing(description, depth):
    rows = folded(description, depth)
    assert sum(row.parameters for row in rows) == description.parameters
    assert sum(row.multiply_adds for row in rows) == description.multiply_adds
    assert len({row.path for row in rows}) == len(rows)
    assert max(row.path.count(".") + 1 for row in rows) <= depth


def test_a_block_shows_its_own_kind_and_shape(description):
    rows = {row.path: row for row in folded(description, 3)}
    assert rows["backbone.layer4.0"].kind == "BasicBlock"
    assert rows["backbone.layer4.0"].shape == (512, 3, 3)
    assert {row.path for row in folded(description, 1)} == {"backbone", "head"}


def test_the_text_says_figures_and_meanings(description):
    text = "\n".join(description_lines(description))
    assert "picture (N, 96, 96, 3), uint8" in text
    assert "spread    (N,)       angle of error to expect, radians" in text
    assert f"parameters     {description.parameters:,}" in text
    assert "M at 96 x 96" in text


def test_classes_are_named():
    assert output_of("orientation", (3,)).meaning.endswith("front, side, back")
    assert output_of("orientation", (2,), labels=("left", "right")).meaning.endswith("left, right")
    assert ":" not in output_of("orientation", (5,)).meaning


def test_a_recipe_is_described_without_training(recipe, capsys):
    assert run(recipe, "--set", "crop.side=128", "--depth", "2") == 0
    text = capsys.readouterr().out
    assert "mine, task pose" in text
    assert "picture (N, 128, 128, 3)" in text
    assert "backbone.layer4" in text
    assert "backbone.layer4.0" not in text
    assert run(recipe, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    # Backbone, rotation, spread, and the landmarks of training, which run in no graph.
    expected = 11_176_512 + 513 * (6 + 1 + 136)
    assert found["network"]["parameters"] == expected
    assert found["recipe"]["head"]["landmarks"] == 0.5
    shapes = {layer["path"]: layer["shape"] for layer in found["network"]["layers"]}
    assert shapes["head.landmarks"] is None


def test_shipped_names_are_weights_unless_a_recipe_is_asked_for(capsys):
    assert run("heads", "--recipe") == 0
    assert "task detection" in capsys.readouterr().out
    assert run("heads") == 0
    text = capsys.readouterr().out
    assert f"file: {weights_path('heads').name}" in text
    side = Session(weights_path("heads"), kind="heads").card.detection.long_side
    assert f"M at {side} x {side}" in text


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["smal"], 2, "no model or recipe is called 'smal'. Did you mean 'small'?"),
        (["smal", "--recipe"], 2, "no recipe is called 'smal'. Did you mean 'small'?"),
        (["gone.toml"], 2, "gone.toml cannot be read"),
        (["gone.onnx"], 3, "gone.onnx does not exist"),
    ],
)
def test_unknown_names_are_named(arguments, code, says, capsys):
    assert run(*arguments) == code
    assert says in capsys.readouterr().err


def test_a_recipe_whose_side_does_not_fit_is_refused(recipe):
    loaded = load_recipe(Path(recipe), overrides=["model.backbone=simple_cnn:7"])
    with pytest.raises(RecipeError, match="from 222 on"):
        describe_recipe(loaded)


@pytest.mark.parametrize("name", ["small", "nano", "heads"])
def test_graph_and_recipe_of_shipped_weights_cost_the_same(name):
    """The graph is counted in its nodes, the network in its layers: two counts of one thing."""
    path = weights_path(name)
    metadata = open_onnx(path, threads=1).get_modelmeta().custom_metadata_map["facing_card"]
    card = Card.from_json(metadata)
    graph = describe_graph(path, card)
    recipes = path.parents[1] / "recipes"
    loaded = load_recipe(recipes / f"{name}.toml")
    network = describe_network(load_task(loaded.task).network(loaded), size=graph.size)
    # Both ways, the first convolution reads three pairs of pixels where three pixels count.
    times, first = (2, 4) if card.measured.get("mirror_average") else (1, 1)
    stem, *others = (layer.multiply_adds for layer in graph.layers)
    assert stem == first * network.layers[0].multiply_adds
    assert sum(others) == times * (network.multiply_adds - network.layers[0].multiply_adds)
    assert bool(graph.note) == (times == 2)
    assert [out.name for out in graph.outputs] == list(card.outputs)
    assert [out.shape for out in graph.outputs] == [out.shape for out in network.outputs]


def test_without_onnx_the_card_is_still_printed(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert run("small") == 0
    said = capsys.readouterr()
    assert 'pip install "facing[export]"' in said.err
    assert f"name: {weights_path('small').stem}" in said.out
    assert "multiply-adds" not in said.out
