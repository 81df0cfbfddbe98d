"""One model file in onnxruntime, checked against its card."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facing.errors import ModelError
from facing.runtime.card import METADATA_KEY, REMEDY, Card

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import onnxruntime
    from numpy.typing import NDArray

    from facing.runtime.card import Kind

log = logging.getLogger(__name__)

CPU = "CPUExecutionProvider"
QUIET = 3  # onnxruntime's scale: errors only; its warnings name inner nodes and helped nobody
INPUT = "picture"
# Shapes behind the batch; None is any number of boxes. A card with labels has as many orientations as labels.
SHAPES: dict[str, tuple[int | None, ...]] = {
    "rotation": (3, 3),
    "front": (3,),
    "orientation": (3,),
    "spread": (),
    "boxes": (None, 4),
    "scores": (None,),
}


class Session:
    """A model that runs.

    Attributes:
        path: of the file.
        card: what the file says about itself.
        providers: the onnxruntime providers in use, best first.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        kind: Kind,
        threads: int | None = None,
        providers: Sequence[str] | None = None,
    ) -> None:
        """Open a model and check its graph against its card.

        Args:
            path: ONNX file with a facing card.
            kind: "pose" or "heads"; a model of the other kind is refused.
            threads: of one call; None leaves the choice to onnxruntime.
            providers: names such as "cuda" or "CUDAExecutionProvider", best first; None means the processor.

        Raises:
            ModelError: the file is missing, no ONNX, without a card, of the wrong kind, or its graph is not
                what the card says; or a provider is not there.
        """
        self.path = Path(path)
        self._session = open_onnx(self.path, threads=threads, providers=providers)
        self.providers: tuple[str, ...] = tuple(self._session.get_providers())
        text = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        if text is None:
            raise ModelError(f"{self.path} carries no facing card; {REMEDY}")
        self.card = Card.from_json(text, source=str(self.path))
        if self.card.kind != kind:
            raise ModelError(
                f"{self.path} is a {self.card.kind!r} model where a {kind!r} model is needed; "
                "list the others with: facing models"
            )
        self._check_graph()

    def run(self, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Run the network.

        Args:
            pixels: (N, H, W, 3) uint8 RGB; N is at least 1, H and W are those the card asks for.

        Returns:
            The card's outputs by name, shapes as in ARCHITECTURE.md.

        Raises:
            ModelError: the pixels do not fit the model, or it gives a value that is no number.
        """
        self._check_pixels(pixels)
        names = list(self.card.outputs)
        try:
            values = self._session.run(names, {INPUT: np.ascontiguousarray(pixels)})
        except Exception as error:
            raise ModelError(f"{self.path} failed on input {pixels.shape} ({error}); {REMEDY}") from error
        outputs = {
            name: np.asarray(value, dtype=np.float32) for name, value in zip(names, values, strict=True)
        }
        for name, value in outputs.items():
            if not _fits(value.shape, (len(pixels), *self._shape(name))) or not np.all(np.isfinite(value)):
                raise ModelError(f"{self.path} gave a broken {name} of shape {value.shape}; {REMEDY}")
        return outputs

    def _shape(self, name: str) -> tuple[int | None, ...]:
        if name == "orientation" and self.card.labels:
            return (len(self.card.labels),)
        return SHAPES[name]

    def _check_pixels(self, pixels: NDArray[np.uint8]) -> None:
        shape = pixels.shape
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or shape[3] != 3:
            raise ModelError(
                f"{self.path} reads (N, H, W, 3) uint8, not {shape} {pixels.dtype}; convert them"
            )
        crop, detection = self.card.crop, self.card.detection
        if crop is not None and shape[1:3] != (crop.side, crop.side):
            raise ModelError(
                f"{self.path} reads crops of side {crop.side}, not {shape[1:3]}; use its card's crop"
            )
        if detection is not None and (shape[1] % detection.stride or shape[2] % detection.stride):
            raise ModelError(f"{self.path} reads multiples of {detection.stride}, not {shape[1:3]}; pad them")

    def _check_graph(self) -> None:
        inputs = self._session.get_inputs()
        if [entry.name for entry in inputs] != [INPUT] or inputs[0].type != "tensor(uint8)":
            seen = ", ".join(f"{entry.name} {entry.type}" for entry in inputs)
            raise ModelError(f"{self.path} has inputs {seen}, not one {INPUT!r} of uint8; {REMEDY}")
        shape = inputs[0].shape
        if len(shape) != 4 or shape[3] != 3:
            raise ModelError(f"{self.path} reads {shape}, not (N, H, W, 3); {REMEDY}")
        crop = self.card.crop
        sides = [side for side in shape[1:3] if isinstance(side, int)]
        if crop is not None and any(side != crop.side for side in sides):
            raise ModelError(f"{self.path} reads {shape}, but its card says side {crop.side}; {REMEDY}")
        given = [entry.name for entry in self._session.get_outputs()]
        if sorted(given) != sorted(self.card.outputs):
            said = ", ".join(self.card.outputs)
            raise ModelError(f"{self.path} gives {', '.join(given)}, but its card says {said}; {REMEDY}")


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        want is None or side == want for side, want in zip(shape, wanted, strict=True)
    )


def open_onnx(
    path: Path, *, threads: int | None = None, providers: Sequence[str] | None = None
) -> onnxruntime.InferenceSession:
    """Open any ONNX file, with or without a card.

    Args:
        path: the file.
        threads: of one call; None leaves the choice to onnxruntime.
        providers: as in `Session`.

    Raises:
        ModelError: the file cannot be opened, or a provider is not there.
    """
    import onnxruntime

    if not path.is_file():
        raise ModelError(f"model file {path} does not exist; check the name")
    if threads is not None and threads < 1:
        raise ModelError(f"threads is {threads}; give a number above 0, or None")
    wanted = _providers(providers, available=onnxruntime.get_available_providers())
    onnxruntime.set_default_logger_severity(QUIET)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = QUIET
    options.intra_op_num_threads = threads or 0
    options.inter_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(path, sess_options=options, providers=wanted)
    except Exception as error:
        raise ModelError(f"{path} is no model that onnxruntime can open ({error}); {REMEDY}") from error
    missing = [name for name in wanted if name not in session.get_providers()]
    if missing:
        raise ModelError(f"{', '.join(missing)} did not start; check its driver or leave it out")
    log.debug("opened %s on %s", path, ", ".join(wanted))
    return session


def _providers(given: Sequence[str] | None, *, available: list[str]) -> list[str]:
    if given is None:
        return [CPU]
    if isinstance(given, str):
        given = [given]
    by_name: dict[str, Any] = {name.lower(): name for name in available}
    by_name |= {name.lower().removesuffix("executionprovider"): name for name in available}
    chosen = []
    for name in given:
        if name.lower() not in by_name:
            raise ModelError(f"provider {name!r} is not there; available: {', '.join(available)}")
        chosen.append(by_name[name.lower()])
    return [*chosen, CPU] if CPU not in chosen else chosen
