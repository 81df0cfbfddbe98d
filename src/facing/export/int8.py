"""A model file -> the same network with 8-bit convolutions: half the file and half the time.

Static quantisation by onnxruntime: weights int8 per channel, activations uint8 whose ranges come from
labelled pictures. The head and all decoding stay float32, and so do normalisation and the first convolution
where it would gain nothing from bytes (`byte_input`).
"""

from __future__ import annotations

import dataclasses
import math
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.crop import crop_heads
from facing.datasets.sample import LeftOut, sample_pixels
from facing.errors import BoxError, DataError, MissingExtraError, ModelError
from facing.export.byte_input import find_byte_input, read_bytes
from facing.export.card_file import write_model
from facing.geometry.boxes import overlap
from facing.geometry.rotation import geodesic_deg
from facing.runtime.card import METADATA_KEY, REMEDY, Card
from facing.runtime.detections import fit_picture
from facing.runtime.session import INPUT, Session, open_onnx

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import onnx
    from numpy.typing import NDArray

    from facing.datasets.sample import Reader, Sample

    Inputs = Sequence[NDArray[np.uint8]]
    """What a network reads, one array (N, H, W, 3) per call."""

    Answers = list[dict[str, NDArray[np.float32]]]

SUFFIX = "-int8"
READINGS = ("mirror_average", "windows")
"""What a card measures under these names is how the graph reads a picture."""
BATCH = 8
LEAST = 8
"""Pictures below which the ranges of activations are chance."""
QUANTISED = ("Conv", "Add", "Relu", "MaxPool", "Concat", "Resize", "Slice", "Split")
"""Operators that run faster on bytes; others between them stay float."""
FLOAT_PARTS = ("head.", "edges.", "centre.")
"""Layers that state the answer: head of a pose network, decoder of a detector. They stay float."""
SAME_HEAD = 0.5
"""Overlap from which two boxes are of one head."""


def calibration_inputs(
    reader: Reader, folder: Path, *, card: Card, count: int = 256
) -> list[NDArray[np.uint8]]:
    """Prepare labelled pictures as a network reads them, evenly spread over a set.

    Args:
        reader: of the set.
        folder: where its files are.
        card: of the network; a pose network gets head crops by the crop contract, a detector whole pictures.
        count: pictures at most.

    Returns:
        Arrays (N, H, W, 3) uint8, N at most 8 crops or 1 picture.

    Raises:
        DataError: the folder does not hold the set, or fewer than 8 of its pictures can be used.
        PictureError: a picture cannot be read.
    """
    inputs: list[NDArray[np.uint8]] = []
    for sample in _spread(reader.samples(folder), count=count):
        pixels = sample_pixels(sample)
        if card.detection is not None:
            fitted = fit_picture(pixels, long_side=card.detection.long_side, stride=card.detection.stride)
            inputs.append(fitted.pixels[None])
            continue
        assert card.crop is not None
        height, width = pixels.shape[:2]
        for head in sample.heads:
            try:
                inputs.append(crop_heads(pixels, [head.box or (0, 0, width, height)], card.crop).pixels)
            except BoxError:
                continue  # a label outside its picture; others remain
    inputs = inputs[:count]
    if len(inputs) < LEAST:
        raise DataError(
            f"{folder} gives {len(inputs)} pictures to calibrate on; give a set of {LEAST} or more"
        )
    if card.detection is not None:
        return inputs
    return [np.concatenate(inputs[start : start + BATCH]) for start in range(0, len(inputs), BATCH)]


def quantise(
    path: Path,
    out: Path,
    *,
    inputs: Inputs,
    source: str,
    name: str | None = None,
    measured: Mapping[str, Any] | None = None,
    notes: str = "",
) -> Card:
    """Write a model file with 8-bit convolutions.

    Weights keep 7 of the 8 bits: x86 processors without VNNI add products in 16 bits and would overflow. That
    costs a few hundredths of a degree and makes the file answer the same everywhere.

    Args:
        path: an .onnx file of `facing export`, a pose network or a detector.
        out: the .onnx file to write, whole or not at all.
        inputs: of `calibration_inputs`; ranges of activations are their extremes, and both files are compared
            on them.
        source: what the inputs are, for the card, such as "shards".
        name: of the weights; the file's own where None. It ends in "-int8".
        measured: figures of the 8-bit file by name.
        notes: free words that follow those of the card.

    Returns:
        The card that lies in the file. `measured` holds "float", all that was measured before, and "int8":
        pictures, megabytes of both files and the turn between their answers in degrees; of a detector, the
        share of heads found again and the overlap of their boxes.

    Raises:
        ModelError: the file is none of ours, or has no convolution to quantise.
        MissingExtraError: onnx is not installed.

    Source: onnxruntime, "Quantize ONNX models", on U8S8 and reduce_range.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError.of(need="quantising a model", extra="export") from error
    before = open_model(path)
    model = onnx.load_model(path)
    _widen_weights(model)
    nodes = _nodes_to_quantise(model)
    if not nodes:
        raise ModelError(f"{path} has no convolution behind its first to quantise; keep it as it is")
    quantised = _quantised(model, nodes, inputs=inputs)
    name = name or before.card.name
    count = sum(len(pixels) for pixels in inputs)
    told = (
        f"Convolutions in int8 (onnxruntime, per channel, 7 bits, extremes of {count} pictures of {source})."
    )
    card = dataclasses.replace(
        before.card,
        name=name if name.endswith(SUFFIX) else name + SUFFIX,
        created=datetime.now(UTC).date().isoformat(),
        notes=" ".join(text for text in (before.card.notes, told, notes) if text),
    )
    with tempfile.TemporaryDirectory() as folder:
        unmeasured = Path(folder) / "model.onnx"
        write_model(quantised, card, unmeasured)
        figures = {
            "pictures": count,
            "float_mb": round(path.stat().st_size / 1e6, 3),
            "mb": round(unmeasured.stat().st_size / 1e6, 3),
            **differences(before, open_model(unmeasured), inputs=inputs),
        }
    # What the graph does to its input stays where readers of a card look for it.
    stays = {name: value for name, value in before.card.measured.items() if name in READINGS}
    card = dataclasses.replace(
        card, measured={**(measured or {}), **stays, "float": before.card.measured, "int8": figures}
    )
    write_model(quantised, card, out)
    return card


def open_model(path: Path) -> Session:
    """Open a pose network or a detector, whichever the file holds.

    Raises:
        ModelError: the file cannot be used.
    """
    text = open_onnx(path, threads=1).get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        raise ModelError(f"{path} carries no facing card; {REMEDY}")
    return Session(path, kind=Card.from_json(text, source=str(path)).kind, threads=1)


def differences(before: Session, after: Session, *, inputs: Inputs) -> dict[str, float]:
    """Compare what two files answer to the same pictures.

    Returns:
        Pose networks: mean and largest turn in degrees, of `rotation` where there is one, else of `front`; of
        class networks the share of equal answers. Detectors: the share of the first file's heads that the
        second finds as well, the mean overlap of their boxes, and the boxes of each per picture.
    """
    first, second = ([session.run(pixels) for pixels in inputs] for session in (before, after))
    if before.card.detection is not None:
        return _box_differences(first, second, threshold=before.card.detection.score_threshold)
    one, two = (_joined(answers) for answers in (first, second))
    if "rotation" in one:
        turns = geodesic_deg(one["rotation"], two["rotation"])
    elif "front" in one:
        turns = np.rad2deg(
            2 * np.arcsin(np.clip(np.linalg.norm(one["front"] - two["front"], axis=1) / 2, 0, 1))
        )
    else:
        same = one["orientation"].argmax(1) == two["orientation"].argmax(1)
        return {"same_class": round(float(same.mean()), 4)}
    return {"turn_mean_deg": round(float(turns.mean()), 3), "turn_max_deg": round(float(turns.max()), 3)}


def _box_differences(first: Answers, second: Answers, *, threshold: float) -> dict[str, float]:
    shared: list[float] = []
    counts = [0, 0]
    for one, two in zip(first, second, strict=True):
        boxes, others = (answer["boxes"][0][answer["scores"][0] >= threshold] for answer in (one, two))
        counts[0] += len(boxes)
        counts[1] += len(others)
        if len(boxes):
            shared.extend(overlap(boxes, others).max(1, initial=0).tolist())
    same = [value for value in shared if value >= SAME_HEAD]
    return {
        "found_again": round(len(same) / max(len(shared), 1), 4),
        "overlap": round(math.fsum(same) / max(len(same), 1), 4),
        "boxes_float": round(counts[0] / len(first), 3),
        "boxes_int8": round(counts[1] / len(first), 3),
    }


def _joined(answers: Answers) -> dict[str, NDArray[np.float32]]:
    return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}


def _spread(entries: Iterable[Sample | LeftOut], *, count: int) -> list[Sample]:
    """Take every k-th picture with a head or a box, k the least power of two that gives at most `count`."""
    kept: list[Sample] = []
    step, seen = 1, 0
    for entry in entries:
        if isinstance(entry, LeftOut):
            continue
        if seen % step == 0:
            kept.append(entry)
        seen += 1
        if len(kept) > count:
            kept, step = kept[::2], 2 * step
    return kept


def _widen_weights(model: onnx.ModelProto) -> None:
    """Undo `facing.export.onnx.store_halves`: weights must be constants to be quantised."""
    import onnx
    from onnx import numpy_helper

    graph = model.graph
    arrays = {array.name: array for array in graph.initializer}
    kept = []
    for place, node in enumerate(graph.node):
        node.name = node.name or f"node_{place}"  # nodes are chosen by name
        array = arrays.get(node.input[0]) if node.op_type == "Cast" else None
        if array is None or array.data_type != onnx.TensorProto.FLOAT16:
            kept.append(node)
            continue
        values = numpy_helper.to_array(array).astype(np.float32)
        array.CopyFrom(numpy_helper.from_array(values, name=node.output[0]))
    del graph.node[:]
    graph.node.extend(kept)


def _nodes_to_quantise(model: onnx.ModelProto) -> list[str]:
    """Name the convolutions but the first and those of the head, and what lies between them."""
    nodes = list(model.graph.node)  # in topological order, as ONNX demands
    behind: set[str] = set()
    for node in nodes:
        if node.op_type == "Conv" or behind.intersection(node.input):
            behind.update(node.output)
    ahead: set[str] = set()
    chosen = []
    for node in reversed(nodes):
        states_answer = node.op_type == "Conv" and node.input[1].removeprefix("network.").startswith(
            FLOAT_PARTS
        )
        if (node.op_type == "Conv" and not states_answer) or ahead.intersection(node.output):
            ahead.update(node.input)
            if node.op_type in QUANTISED and behind.intersection(node.input):
                chosen.append(node.name)
    return chosen[::-1]


def _quantised(model: onnx.ModelProto, nodes: list[str], *, inputs: Inputs) -> onnx.ModelProto:
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.quant_utils import add_pre_process_metadata

    calls = iter(inputs)

    class Calls(quantization.CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> dict[str, Any] | None:
            pixels = next(calls, None)
            return None if pixels is None else {INPUT: pixels}

    entry = find_byte_input(model)
    add_pre_process_metadata(model)  # the exporter has simplified it; otherwise a warning says to do so
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "int8.onnx"
        quantization.quantize_static(
            model,
            out,
            Calls(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTISED),
            nodes_to_quantize=nodes if entry is None else [entry.convolution, *nodes],
            per_channel=True,
            reduce_range=True,
            # On x86 uint8 x int8 takes 0.5 of the float's time, int8 x int8 1.1 of it (docs/log.md).
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=quantization.CalibrationMethod.MinMax,
            extra_options={} if entry is None else {"TensorQuantOverrides": entry.ranges},
        )
        quantised = onnx.load_model(out)
    if entry is not None:
        read_bytes(quantised, entry)
    kept = [
        (entry.key, entry.value) for entry in quantised.metadata_props if not entry.key.startswith("onnx.")
    ]
    del quantised.metadata_props[:]
    for key, value in kept:
        quantised.metadata_props.add(key=key, value=value)
    return quantised
