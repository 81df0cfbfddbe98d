"""Every head exports with its decoder: the ONNX file gives what torch gives, for any number of crops."""

import numpy as np
import onnxruntime
import pytest
import torch

from facing import registry
from facing.export.onnx import pose_graph
from facing.models.contracts import load_head
from facing.models.network import PoseNetwork
from facing.models.settings import ModelSettings

SIDE = 32
# Branches of decoders that the default settings do not take.
FURTHER = [
    ("vector_bins", {"top_k": 5}),
    ("vector_bins", {"top_k": 5, "decode": "mean"}),
    ("euler_bins", {"full_yaw": True}),
]


@pytest.mark.parametrize(
    ("name", "changes"),
    [*((name, {}) for name in registry.names("facing.models.heads")), *FURTHER],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value.values())) or "default",
)
def test_file_equals_torch(name, changes):
    torch.manual_seed(4)
    head = load_head(name)
    settings = head.settings(name=name, **changes)
    network = PoseNetwork(ModelSettings(backbone="compact", variant="nano"), settings)
    with torch.no_grad():
        for weight in network.head.parameters():
            weight.normal_(std=0.5)  # spread out, as after training
    network.eval()
    graph = pose_graph(network, side=SIDE, outputs=head.outputs)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    for count in (1, 5):
        crops = np.random.default_rng(count).integers(0, 256, size=(count, SIDE, SIDE, 3), dtype=np.uint8)
        got = session.run(list(head.outputs), {"picture": crops})
        with torch.no_grad():
            expected = network(torch.from_numpy(crops))
        for key, value in zip(head.outputs, got, strict=True):
            # Sums are taken in another order; what decodes them magnifies that a few times.
            np.testing.assert_allclose(value, expected[key], atol=1e-4, err_msg=key)
