"""A training may start from an exported file: what the file answers, the network answers."""

import numpy as np
import pytest
import torch

from facing.errors import ModelError
from facing.export.onnx import export_pose, pose_card
from facing.geometry.rotation import geodesic_deg
from facing.models.detection import DetectorSpec, HeadDetector
from facing.models.mirror import MirrorAverage
from facing.models.necks.weighted import Weighted
from facing.models.windows import WINDOWS, WindowAverage
from facing.runtime.session import Session
from facing.runtime.weights import weights_path
from facing.training.checkpoint import Checkpoint, save_checkpoint
from facing.training.recipe import recipe_from_dict
from facing.training.resume import start_from
from facing.training.task import load_task
from facing.training.unfold import folded, load_start, unfolded
from facing.training.widen import widened


def _started(path, *, side, count=32, model=None):
    recipe = recipe_from_dict(load_start(path).recipe | ({"model": model} if model else {}), where="card")
    network = load_task(recipe.task).network(recipe)
    coarse = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 255
    smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic").clamp(0, 255)
    picture = smooth.permute(0, 2, 3, 1).to(torch.uint8).contiguous()
    start = start_from(network, path, batch=lambda: {"picture": picture})
    return network, start, picture


@pytest.mark.parametrize("name", ["small", "base", "nano"])
def test_a_pose_network_answers_as_the_8_bit_file_it_started_from(name):
    session = Session(weights_path(name), kind="pose")
    network, start, picture = _started(weights_path(name), side=session.card.crop.side)
    assert start.missing == ("head.landmarks.weight", "head.landmarks.bias")
    assert not start.reshaped
    assert not start.left
    with torch.no_grad():
        network.eval()
        alone = network.head.numbers(network.features(picture))
        own = MirrorAverage(network)(picture)["rotation"].numpy()
        network.train()
        again = network.head.numbers(network.features(picture))
    # Noise is no head, and the file alone rounds activations; without one of its layers it is 90 degrees.
    assert np.median(geodesic_deg(own, session.run(picture.numpy())["rotation"])) < 5
    # In training, normalisation goes by the batch: the one whose statistics it took gives the same again.
    torch.testing.assert_close(again, alone, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("windows", WINDOWS)
def test_a_pose_network_answers_as_the_file_with_windows_it_started_from(tmp_path, windows):
    network, _, _ = _started(weights_path("nano"), side=96)
    checkpoint, out = tmp_path / "nano.safetensors", tmp_path / "windows.onnx"
    recipe = load_start(weights_path("nano")).recipe
    save_checkpoint(checkpoint, Checkpoint(network.state_dict(), recipe=recipe, digest="x", step=0))
    export_pose(checkpoint, out, card=pose_card(checkpoint), windows=windows)
    again, start, picture = _started(out, side=108)
    assert start.missing == ("head.landmarks.weight", "head.landmarks.bias")
    assert not start.left
    with torch.no_grad():
        own = WindowAverage(again, count=windows)(picture)["rotation"].numpy()
    assert geodesic_deg(own, Session(out, kind="pose").run(picture.numpy())["rotation"]).max() < 0.5


@pytest.mark.parametrize(
    "model", [None, {"widths": [16, 48, 80, 160], "depths": [2, 2, 3, 1], "neck": [24, 40, 72]}]
)
def test_a_detector_finds_what_the_file_finds_that_it_started_from(model):
    session = Session(weights_path("heads-float"), kind="heads")
    network, start, picture = _started(weights_path("heads-float"), side=128, count=4, model=model)
    assert start.reshaped == ()
    assert bool(start.missing) == bool(start.widened) == bool(model)
    with torch.no_grad():
        _, scores = network.eval()(picture)
    np.testing.assert_allclose(scores.numpy(), session.run(picture.numpy())["scores"], atol=0.02)


def test_what_the_file_has_seen_counts_as_seen():
    start = load_start(weights_path("small"))
    assert start.data == [dict(row) for row in Session(weights_path("small"), kind="pose").card.data]
    assert len(start.data) > 1


def test_files_that_are_none_are_named(tmp_path):
    with pytest.raises(ModelError, match=r"none\.onnx does not exist"):
        load_start(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(ModelError, match=r"text\.onnx is no model"):
        load_start(tmp_path / "text.onnx")


@pytest.mark.parametrize("grid", [(3, 3), (7, 7), (3, 5)])
def test_weights_of_a_map_of_another_grid_are_resized_back(grid):
    resized = torch.nn.functional.interpolate(
        torch.rand(1, 5, 4, 4, generator=torch.Generator().manual_seed(1)),
        grid,
        mode="bilinear",
        align_corners=True,
    )
    again = torch.nn.functional.interpolate(
        Weighted.from_grid(resized), grid, mode="bilinear", align_corners=True
    )
    torch.testing.assert_close(again, resized)


def test_what_is_folded_answers_alike_once_it_is_unfolded():
    network, _, picture = _started(weights_path("nano"), side=96, count=8)
    own = network.state_dict()
    again, layers = unfolded(network, folded(network, own))
    assert len(layers) == 13
    with torch.no_grad():
        network.eval()
        before = network(picture)["rotation"]
        assert not network.load_state_dict(again).missing_keys
        torch.testing.assert_close(network(picture)["rotation"], before, rtol=1e-4, atol=1e-4)


def test_a_wider_and_deeper_detector_answers_as_the_checkpoint_it_started_from(tmp_path):
    narrow, _, picture = _started(weights_path("heads-float"), side=128, count=4)
    path = tmp_path / "narrow.safetensors"
    save_checkpoint(path, Checkpoint(narrow.state_dict(), recipe={}, digest="x", step=0))
    wide = HeadDetector(DetectorSpec(widths=(16, 40, 96, 128), depths=(1, 3, 2, 2), neck=(24, 40, 64)))
    start = start_from(wide, path)
    assert all(name.startswith(("stages.1.3.", "stages.3.2.")) for name in start.missing)
    with torch.no_grad():
        before, after = narrow.eval().maps(picture), wide.eval().maps(picture)
    assert before.centre.std() > 0.2  # else nothing is seen, and all networks answer alike
    torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-3)


def test_layers_whose_places_have_a_meaning_are_not_widened():
    network = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Conv2d(2, 4, 3))
    arrays = {"0.weight": torch.zeros(3, 4), "1.weight": torch.zeros(3, 2, 1, 1)}
    assert widened(network, arrays) == {}
