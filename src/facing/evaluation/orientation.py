"""Models that tell classes and no direction, behind the call that evaluation measures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from facing.crop import crop_heads
from facing.errors import ModelError
from facing.evaluation.outcomes import Classed
from facing.runtime.orientation import ORIENTATIONS
from facing.runtime.session import Session
from facing.runtime.weights import weights_path

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from facing.crop import CropSpec
    from facing.runtime.detector import Detector


class OrientationEstimator:
    """A network of coarse classes, for many heads and with the crop of a protocol.

    Attributes:
        card: of the network.
        labels: its classes, in the order of its output.
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        detector: Detector | None = None,
        *,
        threads: int | None = None,
        crop: CropSpec | None = None,
    ) -> None:
        """Open the network.

        Args:
            model: name of shipped weights or an .onnx file with the output "orientation".
            detector: finds heads where no boxes are given.
            threads: of one network call.
            crop: in place of the card's, at the card's side.

        Raises:
            ModelError: the model cannot be used or tells no orientation.
        """
        self._session = Session(weights_path(model), kind="pose", threads=threads)
        self.card = self._session.card
        if "orientation" not in self.card.outputs or self.card.crop is None:
            raise ModelError(f"model {self.card.name!r} tells no orientation; give one with that output")
        self.labels = self.card.labels or ORIENTATIONS
        self._crop = self.card.crop if crop is None else replace(crop, side=self.card.crop.side)
        self._detector = detector

    def __call__(
        self, picture: NDArray[np.uint8], /, *, boxes: Sequence[ArrayLike] | None = None
    ) -> list[Classed]:
        """Classify the heads of an upright (H, W, 3) RGB picture, in the order of `boxes`."""
        found = np.asarray(self._boxes(picture) if boxes is None else boxes, dtype=np.float64).reshape(-1, 4)
        if not len(found):
            return []
        shares = self._session.run(crop_heads(picture, found, self._crop).pixels)["orientation"]
        return [
            Classed((left, top, right, bottom), self.labels[int(share.argmax())])
            for (left, top, right, bottom), share in zip(found.tolist(), shares, strict=True)
        ]

    def _boxes(self, picture: NDArray[np.uint8]) -> NDArray[np.floating]:
        if self._detector is None:
            raise ModelError("no detector is there; give boxes, or make it with one")
        return self._detector.detect(picture).boxes
