"""A trained head detector -> one ONNX file with its card."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.errors import MissingExtraError, ModelError
from facing.export.card_file import write_model
from facing.export.onnx import OPSET, store_halves
from facing.geometry.boxes import overlap
from facing.models.detection import STRIDE
from facing.runtime.card import Card, Detection
from facing.training.checkpoint import load_checkpoint
from facing.training.recipe import recipe_from_dict
from facing.training.seen import licence_of
from facing.training.task import load_task

if TYPE_CHECKING:
    from pathlib import Path

    import onnx
    from torch import nn

DECODER = "edges."
"""The layer that gives distances stays float32: the runtime multiplies its error by the size of a head."""
LARGEST_SIDE = 200 * STRIDE
"""Pixels; larger pictures would need more memory than a detector should take."""
STRONG = 0.1
SAME_OVERLAP = 0.95
SAME_SCORE = 0.01
"""How far the file may be from the network: its weights are kept with 11 bits."""
MOVED_SHARE, NEIGHBOUR = 0.05, 0.3
"""Where two cells side by side score alike, the peak may move to the other one, whose box is another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorRelease:
    """What is decided when a detector is exported.

    Attributes:
        name: of the weights, such as "heads-1".
        score_threshold: boxes below are dropped; chosen on a named development set.
        long_side: to which pictures are scaled unless the user says otherwise, pixels.
        overlap_limit: of two boxes that overlap more, the better one stays.
        near_long_side: of a second, smaller look for heads that fill the picture; 0 for one look, None
            for half of `long_side`.
        near_score_threshold: as `score_threshold`, for the second look; None for the same.
        close_long_side: of a larger look at pictures in which small heads show; 0 for none.
        close_score_threshold: as `score_threshold`, for that look; None for the same.
        rise: boxes are moved up by this share of their longer side, measured on a named development set.
        data: what it was trained on, each {"name": ..., "licence": ...}; it decides the licence.
        measured: figures by name.
        notes: free words, such as where the threshold comes from.
    """

    name: str
    score_threshold: float
    long_side: int = 320
    overlap_limit: float = 0.4
    near_long_side: int | None = None
    near_score_threshold: float | None = None
    close_long_side: int = 0
    close_score_threshold: float | None = None
    rise: float = 0.0
    data: tuple[dict[str, str], ...] = ()
    measured: dict[str, Any] = field(default_factory=dict)
    notes: str = ""


def export_detector(checkpoint: Path, out: Path, *, release: DetectorRelease) -> Card:
    """Write a detector as ONNX: uint8 pictures in, boxes and scores out, any batch, height and width.

    Weights are kept as float16 and computed with as float32, so the file is half as large and as exact as
    the runtime needs.

    Args:
        checkpoint: a `.safetensors` file or run folder of `facing train`.
        out: the .onnx file.
        release: name, threshold and what else goes on the card.

    Returns:
        The card that lies in the file.

    Raises:
        ModelError: the checkpoint cannot be used, or the file does not compute what the network does.
        MissingExtraError: onnx is not installed.
    """
    found = load_checkpoint(checkpoint)
    recipe = recipe_from_dict(found.recipe, where=str(checkpoint))
    if recipe.task != "detection":
        raise ModelError(f"{checkpoint} holds a {recipe.task} network, no detector; export it as such")
    network = load_task(recipe.task).network(recipe)
    network.load_state_dict(found.weights)
    network.eval()
    card = Card(
        name=release.name,
        kind="heads",
        outputs=("boxes", "scores"),
        licence=licence_of(release.data, recipe=recipe),
        detection=Detection(
            stride=STRIDE,
            long_side=release.long_side,
            score_threshold=release.score_threshold,
            overlap_limit=release.overlap_limit,
            near_long_side=release.long_side // 2
            if release.near_long_side is None
            else release.near_long_side,
            near_score_threshold=release.near_score_threshold,
            close_long_side=release.close_long_side,
            close_score_threshold=release.close_score_threshold,
            rise=release.rise,
        ),
        recipe=found.recipe,
        recipe_hash=found.digest,
        data=release.data,
        seed=recipe.seed,
        commit=found.commit,
        created=datetime.now(UTC).date().isoformat(),
        measured=release.measured,
        notes=release.notes,
    )
    model = detector_graph(network)
    checked = out.with_name(f".{out.name}.unchecked")
    write_model(model, card, checked)
    try:
        _check_equal(network, checked)
        checked.replace(out)
    finally:
        checked.unlink(missing_ok=True)
    return card


def detector_graph(network: nn.Module) -> onnx.ModelProto:
    """Trace a detector and store its weights as float16.

    Args:
        network: a `HeadDetector` in eval mode.

    Raises:
        MissingExtraError: onnx is not installed.
    """
    try:
        import onnxslim
        import torch
    except ImportError as error:
        raise MissingExtraError.of(need="exporting a detector", extra="export") from error
    count, height, width = (torch.export.Dim(name, min=1, max=LARGEST_SIDE // STRIDE) for name in "nhw")
    picture = torch.zeros(2, 4 * STRIDE, 5 * STRIDE, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter warns about its own parts
        program = torch.onnx.export(
            network,
            (picture,),
            dynamo=True,
            input_names=["picture"],
            output_names=["boxes", "scores"],
            dynamic_shapes=({0: count, 1: STRIDE * height, 2: STRIDE * width},),
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    model: onnx.ModelProto = onnxslim.slim(program.model_proto)
    store_halves(model, keep=DECODER)
    return model


def _check_equal(network: nn.Module, path: Path) -> None:
    """Compare the file with the network on smooth noise of two sizes."""
    import torch
    from PIL import Image

    from facing.runtime.session import Session

    session = Session(path, kind="heads")
    rng = np.random.default_rng(0)
    for height, width in ((3 * STRIDE, 4 * STRIDE), (8 * STRIDE, 10 * STRIDE)):
        coarse = Image.fromarray(rng.integers(0, 256, size=(height // 8, width // 8, 3), dtype=np.uint8))
        picture = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))[None]
        with torch.no_grad():
            boxes, scores = (part.numpy() for part in network(torch.from_numpy(picture.copy())))
        got = session.run(picture)
        apart = float(np.abs(got["scores"] - scores).max())
        # Rows of nearly equal scores may change places, the last ones with those that found none: each box is
        # compared with the one that fits best.
        least = max(STRONG, float(scores[0, -1]) + SAME_SCORE)
        strong = boxes[0][scores[0] > least]
        shared = overlap(strong, got["boxes"][0]).max(1, initial=0)
        moved = shared < SAME_OVERLAP
        if apart > SAME_SCORE or moved.sum() > MOVED_SHARE * len(moved) or shared.min(initial=1) < NEIGHBOUR:
            raise ModelError(
                f"{path} differs from its network by {apart:.4f} in scores; {moved.sum()} of {len(moved)} "
                f"boxes overlap by {shared.min(initial=1):.3f} or more only; report this as a fault"
            )
