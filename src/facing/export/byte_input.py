"""The first convolution of an 8-bit graph reads the picture's own bytes.

A network normalises pixels to floats, (byte - mean) / deviation. In a graph with 8-bit convolutions these
floats would become bytes again: the picture's bytes are that already, with scale 1 / deviation and zero point
mean.

Only a convolution over pairs of pixels (`facing.models.mirror`) gains from it. One over three colours takes
as long in bytes as in floats (docs/log.md), since its pieces of three bytes are collected one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.runtime.session import INPUT

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

COLOURS = 3


@dataclass(frozen=True, slots=True)
class ByteInput:
    """Where bytes enter a graph.

    Attributes:
        convolution: name of the first convolution's node.
        pixels: name of the bytes as the convolution needs them, (N, 3, H, W).
        floats: name of the normalised pixels that it reads.
        step: of the float per grey level.
        zero: the byte that stands for 0.
    """

    convolution: str
    pixels: str
    floats: str
    step: float
    zero: int

    @property
    def ranges(self) -> dict[str, list[dict[str, Any]]]:
        """Scale and zero point as onnxruntime's quantiser takes them."""
        scale = {"scale": np.array(self.step, np.float32), "zero_point": np.array(self.zero, np.uint8)}
        return {self.floats: [scale]}


def find_byte_input(model: onnx.ModelProto) -> ByteInput | None:
    """Find where a float graph turns bytes into floats, and prepare it for bytes, in place.

    The zero point is a whole grey level; what the mean is off that moves into the bias of the convolution.
    Padding is off by as much, half a level at most.

    Returns:
        The place; None where bytes gain nothing, or where the graph normalises channels by different figures
        or in another order. Then it is left as it is.
    """
    from onnx import numpy_helper

    nodes = list(model.graph.node)
    arrays = {array.name: array for array in model.graph.initializer}
    makers = {name: node for node in nodes for name in node.output}
    first = next((node for node in nodes if node.op_type == "Conv"), None)
    if first is None or len(first.input) < 3 or {*first.input[1:3]} - {*arrays}:
        return None
    weights, bias = (arrays[name] for name in first.input[1:3])
    if weights.dims[1] <= COLOURS:
        return None
    scaled = makers.get(first.input[0])
    moved = makers.get(scaled.input[0]) if scaled is not None else None
    cast = makers.get(moved.input[0]) if moved is not None else None
    if scaled is None or moved is None or cast is None:
        return None
    if (moved.op_type, cast.op_type) != ("Sub", "Cast") or scaled.op_type not in {"Mul", "Div"}:
        return None
    mean, factor = (_same(arrays.get(node.input[1])) for node in (moved, scaled))
    if mean is None or factor is None or not _bytes_from_picture(cast.input[0], makers):
        return None
    step = factor if scaled.op_type == "Mul" else 1 / factor
    zero = int(np.ceil(mean))
    off = numpy_helper.to_array(weights).astype(np.float64).sum((1, 2, 3)) * (zero - mean) * step
    bias.CopyFrom(
        numpy_helper.from_array((numpy_helper.to_array(bias) + off).astype(np.float32), name=bias.name)
    )
    level = arrays[moved.input[1]]
    level.CopyFrom(numpy_helper.from_array(np.full_like(numpy_helper.to_array(level), zero), name=level.name))
    return ByteInput(first.name, cast.input[0], scaled.output[0], float(step), zero)


def read_bytes(model: onnx.ModelProto, entry: ByteInput) -> None:
    """Let the 8-bit graph's first convolution read the picture itself, in place; the floats are gone."""
    nodes = list(model.graph.node)
    makers = {name: node for node in nodes for name in node.output}
    scaled = makers[entry.floats]
    moved = makers[scaled.input[0]]
    gone = [scaled, moved, makers[moved.input[0]]]
    coded = next(node for node in nodes if node.op_type == "QuantizeLinear" and node.input[0] == entry.floats)
    gone.append(coded)
    for node in nodes:
        if node.op_type == "DequantizeLinear" and node.input[0] == coded.output[0]:
            node.input[0] = entry.pixels
    kept = [node for node in nodes if not any(node is other for other in gone)]
    used = {name for node in kept for name in node.input}
    arrays = [array for array in model.graph.initializer if array.name in used]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(kept)
    model.graph.initializer.extend(arrays)


def _same(array: onnx.TensorProto | None) -> float | None:
    """Give the one value that an array holds, None for none or several."""
    from onnx import numpy_helper

    if array is None:
        return None
    values: NDArray[np.float32] = numpy_helper.to_array(array)
    return float(values.flat[0]) if np.all(values == values.flat[0]) else None


def _bytes_from_picture(name: str, makers: dict[str, onnx.NodeProto]) -> bool:
    """Tell whether only moving stands between the graph's input and these values: they are its bytes."""
    while name != INPUT:
        node = makers.get(name)
        if node is None or node.op_type not in {"Transpose", "Reshape", "Concat"}:
            return False
        name = node.input[0]
    return True
