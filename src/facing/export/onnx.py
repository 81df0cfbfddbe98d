"""A trained pose network -> one ONNX file with its card, proved equal to the network."""

from __future__ import annotations

import dataclasses
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.crop import CropSpec
from facing.errors import MissingExtraError, ModelError
from facing.export.card_file import write_model
from facing.runtime.card import Card
from facing.training.checkpoint import load_checkpoint
from facing.training.recipe import changed_settings, recipe_from_dict
from facing.training.seen import licence_of
from facing.training.task import load_task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import onnx
    from numpy.typing import NDArray
    from torch import nn

    from facing.training.recipe import Recipe

OPSET = 18
# Arrays of up to this many values stay float32: halving them saves nothing.
SMALL = 256
# How far file and network may differ per output; weights with 11 bits move the pose by hundredths of a
# degree, so more is a fault.
UNITS = {
    "rotation": ("rotation_deg", 0.5),
    "front": ("front_deg", 0.5),
    "spread": ("spread_deg", 0.5),
    "orientation": ("orientation", 0.02),
}
TAIL = "head."
# Their networks read one head from its crop, as the graph contract's pose networks do.
CROP_TASKS = frozenset({"pose", "orientation"})


def pose_card(
    checkpoint: Path,
    *,
    name: str | None = None,
    data: Sequence[Mapping[str, str]] = (),
    measured: Mapping[str, Any] | None = None,
    notes: str = "",
    changes: Sequence[str] = (),
) -> Card:
    """Fill in the card of a trained pose network.

    Args:
        checkpoint: a `.safetensors` file or run folder of `facing train`.
        name: of the weights, such as "small-1"; the recipe's where None.
        data: what it was trained on, each {"name": ..., "licence": ...}; empty for what the training noted.
            They alone decide the licence.
        measured: figures by name; those of the validation during training stand beside them.
        notes: free words.
        changes: to settings of the head, such as "head.top_k=5": another way to decode what was trained.

    Raises:
        ModelError: the checkpoint cannot be used or holds no pose network, or a change is none of the head.
        RecipeError: the head has no such setting, or not with this value.
    """
    found = load_checkpoint(checkpoint)
    for change in changes:
        if not change.startswith(TAIL):
            raise ModelError(f"{change}: a trained network is what it is, only {TAIL}* can still be changed")
    settings = changed_settings(found.recipe, changes)
    recipe = _pose_recipe(settings, where=checkpoint)
    seen = tuple(dict(row) for row in data or found.data)
    return Card(
        name=name or recipe.name,
        kind="pose",
        outputs=_outputs(recipe),
        licence=licence_of(seen, recipe=recipe),
        crop=CropSpec(side=recipe.crop.side, scale=recipe.crop.scale),
        recipe=settings,
        recipe_hash=recipe.digest() if changes else found.digest,
        data=seen,
        seed=recipe.seed,
        commit=found.commit,
        created=datetime.now(UTC).date().isoformat(),
        measured={"validation": found.figures, "steps": found.step, **(measured or {})},
        notes=notes,
        labels=recipe.labels if recipe.task == "orientation" else (),
    )


def export_pose(
    checkpoint: Path,
    out: Path,
    *,
    card: Card,
    pictures: NDArray[np.uint8] | None = None,
    half: bool = True,
    mirror: bool = False,
    windows: int = 0,
) -> Card:
    """Write a pose network as ONNX: uint8 crops in, rotation and spread out, any number at once.

    Args:
        checkpoint: a `.safetensors` file or run folder of `facing train`.
        out: the .onnx file, written whole or not at all.
        card: what to say about it; `pose_card` makes one. The network is built as its recipe says.
        pictures: crops (K, S, S, 3) uint8 on which the file must agree with the network, cut by
            `facing.models.windows.windowed_crop` for windows; smooth noise where None.
        mirror: let the graph read every crop and its mirror image and answer with the mean: half a degree
            better, twice the time.
        windows: let the graph read two or three windows of every crop: as good, and steadier when the box
            moves, as many times the time. Crops grow by what windows lie apart. 0: the crop alone.
        half: keep the weights of the backbone as float16; they are computed with as float32 all the same.

    Returns:
        The card that lies in the file: with "export" in `measured`, the largest difference of both.

    Raises:
        ModelError: the checkpoint cannot be used, or not in this way, or the file does not compute what the
            network does.
        MissingExtraError: onnx is not installed.
    """
    crop = card.crop
    assert crop is not None
    found = load_checkpoint(checkpoint)
    recipe = _pose_recipe(card.recipe, where=checkpoint)
    network = load_task(recipe.task).network(recipe)
    try:
        network.load_state_dict(found.weights)
    except RuntimeError as error:
        before = found.recipe.get("overrides", ())
        changes = ", ".join(change for change in recipe.overrides if change not in before)
        raise ModelError(
            f"{checkpoint} has other weights than its card's recipe ({changes or 'unchanged'}); train it so"
        ) from error
    if mirror or windows:
        try:
            network, crop = _averaged(network, windows=windows, crop=crop)
        except ModelError as error:
            raise ModelError(f"{checkpoint} gives {', '.join(card.outputs)}; {error}") from error
    network.eval()
    model = pose_graph(network, side=crop.side, outputs=card.outputs)
    if half:
        store_halves(model, keep=TAIL)
    crops = _noise(crop.side) if pictures is None else pictures
    difference = _difference(network, model, crops)
    if any(difference[UNITS[name][0]] > UNITS[name][1] for name in card.outputs):
        raise ModelError(
            f"{out} would differ from its network by {difference}; export with half=False (--full)"
        )
    read = {"mirror_average": mirror} | ({"windows": windows} if windows else {})
    card = dataclasses.replace(card, crop=crop, measured={**card.measured, "export": difference, **read})
    write_model(model, card, out)
    return card


def pose_graph(network: nn.Module, *, side: int, outputs: Sequence[str]) -> onnx.ModelProto:
    """Trace a network in eval mode with a free batch size, and simplify it.

    The graph names no file of the machine that made it.

    Raises:
        MissingExtraError: onnx is not installed.
    """
    try:
        import onnxslim
        import torch
    except ImportError as error:
        raise MissingExtraError.of(need="exporting a network", extra="export") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter warns about its own parts
        program = torch.onnx.export(
            network,
            (torch.zeros(2, side, side, 3, dtype=torch.uint8),),
            dynamo=True,
            input_names=["picture"],
            output_names=list(outputs),
            dynamic_shapes=({0: torch.export.Dim("N", min=1, max=65536)},),
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    model: onnx.ModelProto = onnxslim.slim(program.model_proto)
    _forget_origin(model)
    return model


def store_halves(model: onnx.ModelProto, *, keep: str) -> None:
    """Keep large float32 arrays as float16 and widen them where the graph begins, in place.

    Runtimes do the widening once, when they load the file.

    Args:
        model: any ONNX model.
        keep: arrays whose name starts so stay as they are.
    """
    import onnx
    from onnx import numpy_helper

    casts = []
    for array in model.graph.initializer:
        values = numpy_helper.to_array(array)
        if array.data_type != onnx.TensorProto.FLOAT or values.size <= SMALL or array.name.startswith(keep):
            continue
        name = array.name
        array.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name=f"{name}.half"))
        casts.append(onnx.helper.make_node("Cast", [array.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _averaged(network: nn.Module, *, windows: int, crop: CropSpec) -> tuple[nn.Module, CropSpec]:
    """Wrap a network such that it answers with the mean of several readings of the crop that is returned."""
    from facing.models.mirror import MirrorAverage
    from facing.models.windows import WindowAverage, windowed_crop

    if windows:
        return WindowAverage(network, count=windows), windowed_crop(crop)
    return MirrorAverage(network), crop


def _pose_recipe(settings: dict[str, Any], *, where: Path) -> Any:
    recipe: Recipe = recipe_from_dict(settings, where=str(where))
    if recipe.task not in CROP_TASKS:
        raise ModelError(f"{where} holds a {recipe.task} network, no pose network; export it as such")
    return recipe


def _outputs(recipe: Any) -> tuple[str, ...]:
    from facing.models.contracts import load_head

    return load_head(recipe.head.name).outputs


def _forget_origin(model: onnx.ModelProto) -> None:
    """Drop stack traces and module paths, which torch writes into every node."""
    graph = model.graph
    for part in (
        model,
        graph,
        *graph.node,
        *graph.initializer,
        *graph.input,
        *graph.output,
        *graph.value_info,
    ):
        part.doc_string = ""
        del part.metadata_props[:]


def _difference(network: nn.Module, model: onnx.ModelProto, crops: NDArray[np.uint8]) -> dict[str, float]:
    import torch

    from facing.runtime.session import QUIET

    try:
        import onnxruntime
    except ImportError as error:  # pragma: no cover - part of the default install
        raise MissingExtraError.of(need="checking an export", extra="export") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = QUIET
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    got = dict(zip(names, session.run(names, {"picture": crops}), strict=True))
    with torch.no_grad():
        wanted = network(torch.from_numpy(crops.copy()))
    return {
        "crops": float(len(crops)),
        **{UNITS[name][0]: round(_distance(name, got[name], wanted[name].numpy()), 5) for name in names},
    }


def _distance(name: str, got: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    from facing.geometry.rotation import geodesic_deg

    if name == "rotation":
        return float(np.max(geodesic_deg(got, wanted)))
    if name == "front":
        # The angle of a short chord; both are unit vectors.
        return float(np.rad2deg(2 * np.arcsin(np.clip(np.linalg.norm(got - wanted, axis=1) / 2, 0, 1)).max()))
    gap = float(np.abs(got - wanted).max())
    return float(np.rad2deg(gap)) if name == "spread" else gap


def _noise(side: int) -> NDArray[np.uint8]:
    from PIL import Image

    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, size=(8, side // 8, side // 8, 3), dtype=np.uint8)
    crops = [Image.fromarray(one).resize((side, side), Image.Resampling.BICUBIC) for one in coarse]
    return np.stack([np.asarray(crop) for crop in crops])
