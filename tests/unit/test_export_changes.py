"""`facing export --set`: a trained network decoded in another way."""

import numpy as np
import pytest
import torch

from facing.cli import main
from facing.errors import ModelError, RecipeError
from facing.export.onnx import export_pose, pose_card
from facing.models.heads.vector_bins import VectorBins, VectorBinsSettings
from facing.runtime.session import Session
from facing.training.checkpoint import Checkpoint, save_checkpoint
from facing.training.recipe import recipe_from_dict
from facing.training.task import load_task
from plain_pose import SETTINGS, SIDE


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder with weights of a class head that is far from undecided."""
    settings = SETTINGS | {
        "name": "changes-test",
        "head": {"name": "vector_bins", "bins": 33},
        "overrides": ["head.bins=33"],
    }
    recipe = recipe_from_dict(settings, where="test")
    torch.manual_seed(0)
    network = load_task("pose").network(recipe)
    with torch.no_grad():
        for parameter in network.head.parameters():
            parameter.normal_(std=1.0)
    folder = tmp_path_factory.mktemp("run")
    weights = network.state_dict()
    save_checkpoint(
        folder / "best.safetensors", Checkpoint(weights, recipe.to_dict(), recipe.digest(), step=1)
    )
    return folder, network.eval()


def crops():
    return np.random.default_rng(0).integers(0, 256, size=(5, SIDE, SIDE, 3), dtype=np.uint8)


def test_the_graph_decodes_as_asked_and_the_card_says_so(run, tmp_path):
    folder, network = run
    given = ["changes-test", "--set", "head.top_k=3", "--full"]
    with pytest.raises(SystemExit) as left:
        main(["export", str(folder), "--out", str(tmp_path / "k.onnx"), "--name", *given])
    assert not left.value.code
    session = Session(tmp_path / "k.onnx", kind="pose")
    card = session.card
    assert card.recipe["head"]["top_k"] == 3
    assert card.recipe["overrides"] == ["head.bins=33", "head.top_k=3"]
    assert card.recipe_hash != pose_card(folder).recipe_hash
    head = VectorBins(
        network.head.state_dict()["axes.weight"].shape[1],
        VectorBinsSettings(name="vector_bins", bins=33, top_k=3),
    ).eval()
    head.load_state_dict(network.head.state_dict())
    with torch.no_grad():
        plain = network(torch.from_numpy(crops()))["front"].numpy()
        network.head, kept = head, network.head
        wanted = network(torch.from_numpy(crops()))["front"].numpy()
        network.head = kept
    found = session.run(crops())["front"]
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    assert np.abs(found - plain).max() > 0.02


@pytest.mark.parametrize(
    ("task", "words", "option"),
    [
        ("pose", ["--threshold", "0"], "--threshold"),
        ("pose", ["--near-threshold", "0.3"], "--near-threshold"),
        ("pose", ["--close-long-side", "0"], "--close-long-side"),
        ("pose", ["--close-threshold", "0.3"], "--close-threshold"),
        ("pose", ["--rise", "0"], "--rise"),
        ("pose", ["--long-side", "320"], "--long-side"),
        ("detection", ["--mirror"], "--mirror"),
        ("detection", ["--full"], "--full"),
        ("detection", ["--check", "a.jpg"], "--check"),
        ("detection", ["--set", "head.bins=3"], "--set"),
    ],
)
def test_options_of_the_other_kind_of_network_are_refused(tmp_path, capsys, task, words, option):
    run = tmp_path / "best.safetensors"
    save_checkpoint(run, Checkpoint({"a": torch.zeros(1)}, {"task": task, "name": "toy"}, "", step=1))
    with pytest.raises(SystemExit) as left:
        main(["export", str(run), "--out", str(tmp_path / "x.onnx"), *words])
    assert left.value.code == 2
    assert f"{option} does nothing here" in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_only_what_keeps_the_weights_can_be_changed(run, tmp_path):
    folder, _ = run
    with pytest.raises(ModelError, match=r"optim\.lr=1: .* only head"):
        pose_card(folder, changes=["optim.lr=1"])
    with pytest.raises(RecipeError, match=r"head\.topk is no setting"):
        pose_card(folder, changes=["head.topk=3"])
    card = pose_card(folder, changes=["head.bins=66"])
    with pytest.raises(ModelError, match=r"other weights than its card's recipe \(head\.bins=66\)"):
        export_pose(folder, tmp_path / "x.onnx", card=card)
    assert not (tmp_path / "x.onnx").exists()
