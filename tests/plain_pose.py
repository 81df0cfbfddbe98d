"""A small pose network with random weights, and pictures for it: what export tests write to files."""

import numpy as np
from PIL import Image

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
