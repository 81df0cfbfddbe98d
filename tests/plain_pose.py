"""A small pose network with random weights, and pictures for it: what export tests write to files."""

import numpy as np
import torch
from PIL import Image

from facing.models.contracts import load_head
from facing.models.network import PoseNetwork
from facing.models.settings import ModelSettings

SIDE = 64
SETTINGS = {
    "schema": 1,
    "name": "plain",
    "task": "pose",
    "licence": "CC0-1.0",
    "crop": {"side": SIDE},
    "model": {"backbone": "compact", "variant": "nano"},
    "head": {"name": "rotation_6d", "landmarks": 1.0},
    "data": [{"path": "train"}],
    "optim": {"lr": 1e-3, "crops": 1},
}


def smooth(count, height=SIDE, width=SIDE):
    """Pictures (count, height, width, 3) of coarse noise, the same ones for the same count."""
    rng = np.random.default_rng(count)
    coarse = rng.integers(0, 256, size=(count, 6, 6, 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(one).resize((width, height))) for one in coarse])


def settled_network(backbone, variant, head, *, crops):
    """A network with random weights that has seen crops and answers to what it sees."""
    torch.manual_seed(0)
    alone = PoseNetwork(
        ModelSettings(backbone=backbone, variant=variant), load_head(head).settings(name=head)
    ).train()
    with torch.no_grad():
        for _ in range(3):  # statistics of normalisations that are not 0 and 1
            alone(crops)
        for layer in alone.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.weight.uniform_(0.5, 1.5)
                layer.bias.normal_(std=0.2)
        if hasattr(alone.head, "rotation"):
            alone.head.rotation.weight.normal_(std=0.5)
            alone.head.spread.weight.normal_(std=0.05)
    return alone.eval()
