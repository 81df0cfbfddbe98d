"""Picture -> head boxes: our own detector, YuNet, or the whole picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facing.errors import ModelError, UnknownNameError
from facing.runtime.detections import Detections, Detector, best_first, fit_picture, meets
from facing.runtime.given_boxes import read_boxes
from facing.runtime.second_opinion import CANDIDATE_SHARE, Candidates
from facing.runtime.session import Session
from facing.runtime.weights import shipped, weights_path
from facing.runtime.yunet import YuNetDetector

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Look = tuple[NDArray[np.floating], NDArray[np.floating]]

__all__ = [
    "Detections",
    "Detector",
    "HeadDetector",
    "WholeImage",
    "YuNetDetector",
    "load_detector",
    "read_boxes",
]

MOST = 1000  # boxes of one picture that are looked at, best first
# A look at a smaller scale, for heads that fill the frame, is taken where the first is sure of nothing. Taken
# always, it found one more of 1,190 heads on the development photographs, and four more boxes that are none.
NEAR_FROM = 0.3
"""Share of the picture's longer side from which on its boxes count."""
# A close look is worth its time where the first one saw, however vaguely, heads that are small on its input.
SMALL_PX, HINT = 24.0, 0.5
"""Longer side, pixels of the input; share of the threshold from which a box is a hint."""
ENLARGED = 2.0
"""The close look enlarges pictures up to so many times: on the development photographs of at most 960 px that
found 0.855 of the heads instead of 0.811, with 0.20 further boxes instead of 0.22."""
MIDDLE = 2
"""Where a close look is taken, one at so many times the first scale is, too."""
SURE = 0.55
"""Boxes of these looks count only in pictures of which some box has this score: where nobody is, nothing is
that sure. No head of the development photographs is lost by it, and a sixth of the boxes where nobody is."""
# Longer sides of the heads that count from each look, pixels of the first look's input. A head that stands in
# two looks is suppressed like any double.
FIRST_FROM_PX = 32.0
MIDDLE_PX = (24.0, 96.0)
CLOSE_PX = (0.0, 48.0)
LEAST_PX = 10.0
"""Least longer side of a head in the picture itself: letters and lamps, enlarged, pass for smaller ones."""


class HeadDetector:
    """Heads found by one of our own networks.

    Attributes:
        threshold: least score, 0 to 1.
        long_side: to which pictures are scaled, pixels; small pictures are enlarged to it as well, since the
            network was trained on heads of that scale.
        looks_again: at other scales, where the first look is sure of nothing or small heads show.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "heads",
        *,
        threshold: float | None = None,
        long_side: int | None = None,
        threads: int | None = None,
        providers: Sequence[str] | None = None,
    ) -> None:
        """Open a detector.

        Args:
            model: name of shipped weights or an .onnx file.
            threshold: None takes the card's.
            long_side: look once, at this scale, in the same time for every picture; larger finds smaller
                heads and takes longer. None takes the card's, with further looks where they are worth it.
            threads: of one call.
            providers: of onnxruntime, best first.

        Raises:
            ModelError: the model cannot be used, or a setting is out of range.
        """
        self._session = Session(weights_path(model), kind="heads", threads=threads, providers=providers)
        detection = self._session.card.detection
        assert detection is not None  # the card of a detector has one
        self._detection = detection
        self.threshold = detection.score_threshold if threshold is None else threshold
        self._near_threshold, self._close_threshold = (
            self.threshold if threshold is not None or own is None else own
            for own in (detection.near_score_threshold, detection.close_score_threshold)
        )
        self.long_side = detection.long_side if long_side is None else long_side
        self.looks_again = long_side is None
        self._sure = SURE if threshold is None else self.threshold
        check_settings(threshold=self.threshold, long_side=self.long_side)

    def detect(self, picture: NDArray[np.uint8]) -> Detections:
        """Find the heads of an upright RGB picture, (H, W, 3) uint8."""
        return Detections(*self._find(picture, share=1.0)[:2])

    def candidates(self, picture: NDArray[np.uint8]) -> Candidates:
        """Find what may be heads, for a pose network to judge, in an upright RGB picture, (H, W, 3) uint8."""
        return self._find(picture, share=CANDIDATE_SHARE)

    def _find(self, picture: NDArray[np.uint8], *, share: float) -> Candidates:
        """Take all looks; boxes stay from a share of the threshold of their look on."""
        detection, side = self._detection, max(picture.shape[:2])
        boxes, scores = self._look(picture, long_side=self.long_side)
        on_input = _longer_sides(boxes) * self.long_side / side
        hints = (scores >= HINT * self.threshold) & (on_input < SMALL_PX)
        strong = scores >= share * self.threshold
        looks = []
        close = min(detection.close_long_side, round(ENLARGED * side))
        if self.looks_again and close > self.long_side and hints.any():
            looks = self._closer(picture, close=close, share=share)
            if max(scores.max(initial=0), *(look.scores.max(initial=0) for look in looks)) >= self._sure:
                strong &= on_input >= FIRST_FROM_PX
            else:
                looks = []
        near = min(detection.near_long_side, self.long_side)
        if self.looks_again and near and not (scores >= self.threshold).any():
            own, values = self._look(picture, long_side=near)
            fills = _longer_sides(own) >= NEAR_FROM * side
            fills &= values >= share * self._near_threshold
            looks.append(_those(own, values, fills, least=self._near_threshold))
        looks.append(_those(boxes, scores, strong, least=self.threshold))
        boxes, scores, least = (np.concatenate(parts) for parts in zip(*looks, strict=True))
        kept = best_first(boxes, scores, overlap_limit=detection.overlap_limit, most=MOST)
        boxes = boxes[kept]
        boxes[:, 1::2] -= detection.rise * _longer_sides(boxes)[:, None]
        inside = meets(boxes, picture=picture)
        parts = (boxes, scores[kept], least[kept])
        return Candidates(*(values[inside].astype(np.float32) for values in parts))

    def _closer(self, picture: NDArray[np.uint8], *, close: int, share: float) -> list[Candidates]:
        """Look at larger scales, for the heads that are small at the first one."""
        found = []
        per_pixel = self.long_side / max(picture.shape[:2])
        for long_side, (low, high) in ((MIDDLE * self.long_side, MIDDLE_PX), (close, CLOSE_PX)):
            if long_side > close:
                continue
            boxes, scores = self._look(picture, long_side=long_side)
            sides = _longer_sides(boxes)
            fits = (sides * per_pixel >= low) & (sides * per_pixel < high) & (sides >= LEAST_PX)
            fits &= scores >= share * self._close_threshold
            found.append(_those(boxes, scores, fits, least=self._close_threshold))
        return found

    def _look(self, picture: NDArray[np.uint8], *, long_side: int) -> Look:
        """Run the network at one scale: boxes (K, 4) in pixels of the picture and scores (K,)."""
        fitted = fit_picture(picture, long_side=long_side, stride=self._detection.stride)
        outputs = self._session.run(fitted.pixels[None])
        boxes, scores = outputs["boxes"][0], outputs["scores"][0]
        boxes = boxes / np.tile(fitted.input_from_picture, 2)
        inside = meets(boxes, picture=picture)
        return boxes[inside], scores[inside]


def _those(
    boxes: NDArray[np.floating], scores: NDArray[np.floating], chosen: NDArray[np.bool_], *, least: float
) -> Candidates:
    boxes, scores = boxes[chosen], scores[chosen]
    return Candidates(boxes, scores, np.full(len(scores), least))


def _longer_sides(boxes: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).max(-1, initial=0))


class WholeImage:
    """Takes the whole picture for one head: for pictures that are head crops already."""

    def detect(self, picture: NDArray[np.uint8]) -> Detections:
        """Give one box, the frame of the picture, with score 1."""
        height, width = picture.shape[:2]
        return Detections(np.array([[0, 0, width, height]], dtype=np.float32), np.ones(1, dtype=np.float32))


def load_detector(
    name: str | os.PathLike[str] = "heads",
    *,
    model_file: str | os.PathLike[str] | None = None,
    threshold: float | None = None,
    long_side: int | None = None,
    threads: int | None = None,
    providers: Sequence[str] | None = None,
) -> Detector:
    """Make a detector by name.

    Args:
        name: "heads" or other shipped weights of that kind, an .onnx file of ours, "yunet", or "whole-image".
        model_file: the weights of "yunet", which do not ship, or other weights for "heads".
        threshold: least score, 0 to 1.
        long_side: to which pictures are scaled, pixels; our detectors then look once.
        threads: of one call.
        providers: of onnxruntime, best first.

    Raises:
        UnknownNameError: there is no such detector.
        ModelError: its weights cannot be used, or a setting that "whole-image" does not have is given.
    """
    if name == "whole-image":
        if any(setting is not None for setting in (model_file, threshold, long_side)):
            raise ModelError(
                "detector whole-image looks for no heads; leave model_file, threshold and long_side out"
            )
        return WholeImage()
    if name == "yunet":
        if model_file is None:
            raise ModelError("the weights of yunet do not ship; give model_file, its yunet_n_dynamic.onnx")
        check_settings(threshold=threshold, long_side=long_side)
        return YuNetDetector(
            model_file, threshold=threshold, long_side=long_side, threads=threads, providers=providers
        )
    try:
        return HeadDetector(
            name if model_file is None else model_file,
            threshold=threshold,
            long_side=long_side,
            threads=threads,
            providers=providers,
        )
    except UnknownNameError as error:
        own = [model.name for model in shipped() if model.kind == "heads"]
        known = [*own, "yunet", "whole-image"]
        raise UnknownNameError.among(str(name), kind="detector", known=known) from error


def check_settings(*, threshold: float | None, long_side: int | None) -> None:
    """Refuse settings that no detector can work with.

    Raises:
        ModelError: the threshold is not in 0..1 or the longer side not in 32..8192.
    """
    if threshold is not None and not 0 <= threshold <= 1:
        raise ModelError(f"detector threshold is {threshold}; give a number from 0 to 1")
    if long_side is not None and not 32 <= long_side <= 8192:
        raise ModelError(f"detector long_side is {long_side}; give 32 to 8192 pixels")
