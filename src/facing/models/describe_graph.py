"""What an exported model file costs and says, counted in its graph."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from facing.errors import MissingExtraError, ModelError
from facing.models.describe import Description, Layer, output_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from facing.runtime.card import Card

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
DEQUANTIZE = "DequantizeLinear"
WRAPPER = "network."
"""How the weights of a network begin that reads every picture and its mirror image."""
MIRRORED = (
    "the graph reads every picture and its mirror image: multiply-adds count both, "
    "half of the first convolution's for zeros"
)
WINDOWED = (
    "the graph reads {} windows of every picture: multiply-adds count all, "
    "a quarter of the first convolution's for zeros"
)


def describe_graph(path: Path, card: Card) -> Description:
    """Count the layers of a model file; it is run once, on a black picture.

    Batch normalisation lies folded in the convolutions, so a graph has fewer numbers than its network.

    Args:
        path: the .onnx file.
        card: of that file; it says the size of the picture.

    Raises:
        MissingExtraError: onnx is not installed.
        ModelError: the file cannot be read or run.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError.of(need="the layer table of a model file", extra="export") from error
    try:
        graph = onnx.load(path).graph
    except Exception as error:  # protobuf raises its own kinds
        raise ModelError(f"{path} cannot be read ({error}); export it again") from error
    arrays = {array.name: array for array in graph.initializer}
    # Weights stored as halves or bytes are widened before they are used.
    widened = {
        node.output[0]: arrays[node.input[0]]
        for node in graph.node
        if node.op_type in ("Cast", DEQUANTIZE) and node.input[0] in arrays
    }
    weights = {**arrays, **widened}
    used = [
        node
        for node in graph.node
        if node.output[0] not in widened and node.op_type not in (DEQUANTIZE, "QuantizeLinear")
    ]
    values = {name for node in used if node.op_type in WEIGHTED for name in (node.input[0], node.output[0])}
    size = _size(card)
    results = _run(path, size=size, further=sorted(values - set(weights) - {"picture"}))
    known: set[str] = set()
    layers = []
    for node in used:
        own = [name for name in node.input if name in weights and _is_weight(name) and name not in known]
        known |= set(own)
        cost = _multiply_adds(node, results, weights=weights)
        if own or cost:
            numbers = sum(prod(weights[name].dims) for name in own)
            out = results.get(node.output[0])
            shape = None if out is None else tuple(out.shape[1:])
            layers.append(Layer(_path(own[0] if own else node.name), node.op_type, shape, numbers, cost))
    given = graph.input[0].type.tensor_type.shape.dim
    dims = ", ".join(dim.dim_param or str(dim.dim_value) for dim in given)
    return Description(
        input=f"picture ({dims}), uint8, red, green, blue",
        outputs=tuple(output_of(name, results[name].shape[1:], labels=card.labels) for name in card.outputs),
        parameters=sum(layer.parameters for layer in layers),
        multiply_adds=sum(layer.multiply_adds for layer in layers),
        size=size,
        layers=tuple(layers),
        note=_note(card),
    )


def _note(card: Card) -> str:
    windows = card.measured.get("windows")
    if windows:
        return WINDOWED.format(windows)
    return MIRRORED if card.measured.get("mirror_average") else ""


def _size(card: Card) -> tuple[int, int]:
    if card.crop is not None:
        return card.crop.side, card.crop.side
    assert card.detection is not None
    side = -(-card.detection.long_side // card.detection.stride) * card.detection.stride
    return side, side


def _run(path: Path, *, size: tuple[int, int], further: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """Run the graph with some inner values as outputs, and give all by name."""
    import numpy as np
    import onnx
    import onnxruntime

    from facing.runtime.session import QUIET

    model = onnx.load(path)
    names = [output.name for output in model.graph.output]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in further if name not in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = QUIET
    picture = np.zeros((1, *size, 3), dtype=np.uint8)
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        names = [output.name for output in session.get_outputs()]
        values = session.run(names, {"picture": picture})
    except Exception as error:  # onnxruntime raises its own kinds
        raise ModelError(f"{path} does not run on pictures of {size} ({error}); export it again") from error
    return dict(zip(names, values, strict=True))


def _is_weight(name: str) -> bool:
    """Tell weights, named by module and role, from the shapes, axes and constants that graphs hold too."""
    return "." in name


def _multiply_adds(
    node: Any, results: Mapping[str, NDArray[np.float32]], *, weights: Mapping[str, Any]
) -> int:
    weight = weights.get(node.input[1]) if node.op_type in WEIGHTED else None
    if weight is None:
        return 0
    numbers = prod(weight.dims)
    if node.op_type == "ConvTranspose":
        inside = results[node.input[0]].shape
        return int(numbers * inside[0] * prod(inside[2:]))
    out = results[node.output[0]].shape
    # Convolutions: places of the output; matrix products: its rows.
    places = out[0] * prod(out[2:]) if node.op_type == "Conv" else prod(out[:-1])
    return int(numbers * places)


def _path(name: str) -> str:
    """Give the module of a weight's name, as torch's exporter made it."""
    return name.removeprefix(WRAPPER).removesuffix(f"_{DEQUANTIZE}_Output").removesuffix(".weight")
