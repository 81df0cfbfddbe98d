"""ImageNet weights reach the backbones whole, from torchvision's names and from timm's."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file

from facing.errors import ModelError, RecipeError
from facing.models.contracts import build_backbone, load_backbone, load_head
from facing.models.network import PoseNetwork
from facing.models.settings import ModelSettings

SHARED = Path(__file__).parents[2].parent / "shared"
WEIGHTS = SHARED / "weights"
GENUINE = [
    ("mobilenet_v2", "1.0", "mobilenet_v2", "mobilenet_v2-imagenet.npz"),
    ("squeezenet", "1.1", "squeezenet1_1", "squeezenet1_1-imagenet.npz"),
]
CLOSED = "http://127.0.0.1:9"


def pretrain(name, variant, where, *, compat=False):
    """Build, load, and give the backbone and the sentence."""
    backbone = build_backbone(name, variant=variant, compat=compat).eval()
    return backbone, load_backbone(name).pretrained(backbone, variant, str(where))


def random_file(path, name, *, half=False, **changes):
    """Write torchvision's arrays of a network with random weights, and give the network."""
    torch.manual_seed(3)
    network = torchvision.models.get_model(name, weights=None).eval()
    arrays = {key: value.half() if half else value for key, value in network.state_dict().items()} | changes
    if path.suffix == ".npz":
        np.savez(path, **{key: value.numpy() for key, value in arrays.items()})
    elif path.suffix == ".safetensors":
        save_file(arrays, path)
    else:
        torch.save(arrays, path)
    return network


@pytest.mark.parametrize(("name", "variant", "model", "file"), GENUINE)
def test_genuine_files_give_torchvisions_own_features(name, variant, model, file):
    if not (WEIGHTS / file).is_file():
        pytest.skip(f"{file} is not beside this checkout")
    backbone, report = pretrain(name, variant, WEIGHTS / file)
    oracle = torchvision.models.get_model(model, weights=None).eval()
    with np.load(WEIGHTS / file) as stored:
        oracle.load_state_dict(
            {
                key: torch.from_numpy(stored[key].astype(np.float32) if stored[key].ndim else stored[key])
                for key in stored.files
            }
        )
    picture = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = oracle.features(picture)
        torch.testing.assert_close(backbone(picture)[-1], expected)
    assert expected.std() > 0.05
    arrays = [key for key in backbone.state_dict() if not key.endswith("num_batches_tracked")]
    assert report.endswith(f"{file}: {len(arrays)} of {len(arrays)} arrays of the backbone loaded")


def test_published_layers_take_the_genuine_file_too():
    file = WEIGHTS / "mobilenet_v2-imagenet.npz"
    if not file.is_file():
        pytest.skip(f"{file.name} is not beside this checkout")
    published, report = pretrain("mobilenet_v2", "1.0", file, compat=True)
    standard, _ = pretrain("mobilenet_v2", "1.0", file)
    assert "260 of 260" in report
    mine, theirs = published.state_dict(), standard.state_dict()
    assert all(mine[key].equal(theirs[key]) for key in theirs)


@pytest.mark.parametrize(
    ("name", "variant", "model", "ending"),
    [
        ("resnet", "18", "resnet18", ".npz"),
        ("resnet", "18", "resnet18", ".pth"),
        ("resnet", "18", "resnet18", ".safetensors"),
        ("shufflenet_v2", "0.5", "shufflenet_v2_x0_5", ".safetensors"),
        ("efficientnet_v2", "s", "efficientnet_v2_s", ".safetensors"),
    ],
)
def test_every_kind_of_file_is_read(tmp_path, name, variant, model, ending):
    file = tmp_path / f"weights{ending}"
    oracle = random_file(file, model)
    backbone, report = pretrain(name, variant, file)
    theirs = oracle.state_dict()
    assert all(theirs[key].equal(value) for key, value in backbone.state_dict().items())
    assert "not in the file" not in report
    assert ("in the file, not in the backbone: features.6" in report) == (name == "efficientnet_v2")


def test_what_does_not_match_is_said(tmp_path):
    file = tmp_path / "weights.safetensors"
    random_file(file, "resnet18", **{"conv1.weight": torch.zeros(64, 1, 7, 7), "extra": torch.zeros(2)})
    backbone = build_backbone("resnet", variant="18")
    before = backbone.conv1.weight.clone()
    report = load_backbone("resnet").pretrained(backbone, "18", str(file))
    assert "99 of 100 arrays" in report
    assert "of another shape there: conv1.weight" in report
    assert "in the file, not in the backbone: extra" in report
    assert before.equal(backbone.conv1.weight)


def test_new_layers_of_the_extended_squeezenet_stay_as_they_are(tmp_path):
    file = tmp_path / "weights.npz"
    random_file(file, "squeezenet1_1", half=True)
    backbone, report = pretrain("squeezenet", "1.1-extended", file)
    assert "50 of 62 arrays" in report
    assert "features.14.squeeze.weight" in report
    assert "and 9 more" in report
    assert backbone.features[0].weight.dtype == torch.float32


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda _: None, "there is no such file"),
        (lambda path: path.write_bytes(b"no weights"), "cannot be read as weights"),
        (lambda path: random_file(path, "squeezenet1_1"), "this is another network's file"),
    ],
)
@pytest.mark.parametrize("ending", [".npz", ".safetensors", ".pth"])
def test_files_that_cannot_be_used_are_named(tmp_path, make, says, ending):
    file = tmp_path / f"weights{ending}"
    make(file)
    with pytest.raises(ModelError, match=says) as caught:
        pretrain("mobilenet_v2", "0.5", file)
    assert file.name in str(caught.value)


def test_pickled_objects_are_not_run(tmp_path):
    file = tmp_path / "weights.pth"
    torch.save(torch.nn.Linear(2, 2), file)
    with pytest.raises(ModelError, match="cannot be read as weights"):
        pretrain("resnet", "18", file)


def test_other_kinds_of_files_are_named():
    with pytest.raises(ModelError, match=r"'weights\.onnx' is no \.pth, \.pt, \.safetensors, \.npz file"):
        pretrain("resnet", "18", "weights.onnx")


def test_without_a_network_the_file_its_address_and_its_place_are_named(tmp_path, monkeypatch):
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, CLOSED)
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    with pytest.raises(ModelError) as caught:
        pretrain("resnet", "18", "imagenet")
    said = str(caught.value)
    assert "https://download.pytorch.org/models/resnet18-f37072fd.pth" in said
    assert str(tmp_path / "checkpoints") in said
    assert 'model.pretrained = "resnet18-f37072fd.pth"' in said


def test_a_file_laid_where_the_error_says_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    oracle = random_file(folder / "resnet18-f37072fd.pth", "resnet18")
    backbone, report = pretrain("resnet", "18", "imagenet")
    assert report == "resnet18-f37072fd.pth: 100 of 100 arrays of the backbone loaded"
    assert backbone.conv1.weight.equal(oracle.conv1.weight)


def test_widths_without_weights_say_which_have_them():
    with pytest.raises(ModelError, match=r"weights for 1\.0, none for 0\.5"):
        pretrain("mobilenet_v2", "0.5", "imagenet")


@pytest.mark.parametrize("model", ["mobilenetv3_small_050", "convnext_atto", "vit_tiny_patch16_224"])
def test_files_in_timms_names_give_timms_own_maps(tmp_path, model):
    timm = pytest.importorskip("timm")
    torch.manual_seed(4)
    whole = timm.create_model(model, pretrained=False).eval()
    file = tmp_path / "model.safetensors"
    save_file(whole.state_dict(), file)
    backbone, report = pretrain("timm", model, file)
    assert "not in the file" not in report
    picture = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        _, expected = whole.forward_intermediates(picture)
        torch.testing.assert_close(backbone(picture)[-1], expected[-1])


def test_without_a_network_timms_address_is_named(monkeypatch):
    pytest.importorskip("timm")
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", "/nowhere")
    with pytest.raises(ModelError, match=r"timm/resnet18\.a1_in1k/resolve/main/model\.safetensors"):
        pretrain("timm", "resnet18", "imagenet")


def test_a_network_loads_what_its_settings_say(tmp_path):
    file = tmp_path / "weights.safetensors"
    oracle = random_file(file, "resnet18")
    head = load_head("rotation_6d").settings(name="rotation_6d")
    network = PoseNetwork(ModelSettings(backbone="resnet:18", pretrained=str(file)), head)
    assert "100 of 100" in network.load_pretrained()
    assert network.backbone.conv1.weight.equal(oracle.conv1.weight)
    plain = PoseNetwork(ModelSettings(backbone="compact:nano", pretrained=str(file)), head)
    with pytest.raises(RecipeError, match="compact has no ImageNet weights"):
        plain.load_pretrained()
