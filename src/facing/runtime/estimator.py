"""Picture -> the pose of every head: the one class most users need."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from facing.crop import checked_boxes, crop_heads
from facing.errors import BoxError, DataError, ModelError
from facing.geometry.boxes import area
from facing.geometry.camera import picture_from_ray
from facing.geometry.rotation import nearest_rotation, rotation_from_front
from facing.picture import load_picture
from facing.pose import ANGLES, HeadPose
from facing.runtime.calibration import error_deg_from_spread
from facing.runtime.card import REMEDY
from facing.runtime.detector import load_detector
from facing.runtime.lying import read_lying
from facing.runtime.second_opinion import Proposes, weighed
from facing.runtime.session import Session
from facing.runtime.tta import boxes_to_read, mean_answer
from facing.runtime.weights import weights_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from facing.crop import CropSpec
    from facing.picture import PictureSource
    from facing.runtime.card import Card
    from facing.runtime.detector import Detector


class PoseEstimator:
    """A detector of heads and a pose network behind one call.

    Where the network's stated error was measured, it also judges the detector's boxes (`second_opinion`).
    Heads of which it is unsure are read again in quarter turns (`lying`).

    >>> estimator = PoseEstimator()  # doctest: +SKIP
    >>> for head in estimator("photo.jpg"):  # doctest: +SKIP
    ...     print(head.yaw, head.pitch, head.roll, head.error_deg)

    Attributes:
        card: of the pose network.
        crop: how heads are cut for it, the card's own unless another was given.
        detector: what finds the heads; None where boxes are always given.
        max_error_deg: heads expected to be further off are left out.
        tta: whether every head is read in four boxes.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "small",
        detector: str | os.PathLike[str] | Detector | None = "heads",
        *,
        providers: Sequence[str] | None = None,
        threads: int | None = None,
        max_error_deg: float | None = None,
        batch_size: int = 64,
        crop: CropSpec | None = None,
        tta: bool = False,
    ) -> None:
        """Open the networks.

        Args:
            model: name of shipped weights or an .onnx file.
            detector: a name or file for `load_detector`, any object with `detect`, or None. One with
                `candidates` too, as ours have, gets a second opinion from the pose network.
            providers: of onnxruntime for both networks, best first; None means the processor.
            threads: of one network call; None leaves the choice to onnxruntime.
            max_error_deg: the estimator abstains from heads whose `error_deg` is larger: they are not in
                its result. None gives every head. A model that was not calibrated goes by its own estimate.
            batch_size: crops of one network call at most.
            crop: cuts heads by the rule of a published protocol in place of the card's, at the card's side;
                the network was not trained for it.
            tta: test-time augmentation: read every head in four boxes, each moved by 5 %, and answer the
                mean. Steadier and a little nearer to the truth; the network takes four times as long.

        Raises:
            ModelError: a model cannot be used, or it states no error and `max_error_deg` is given.
            UnknownNameError: no model or detector has this name.
        """
        self._session = Session(weights_path(model), kind="pose", threads=threads, providers=providers)
        self.card = self._session.card
        if not {"rotation", "front"} & set(self.card.outputs):
            raise ModelError(f"model {self.card.name!r} tells no direction; give one with rotation or front")
        if max_error_deg is not None and "spread" not in self.card.outputs:
            raise ModelError(f"model {self.card.name!r} states no error; leave max_error_deg out")
        if max_error_deg is not None and not max_error_deg > 0:
            raise ModelError(f"max_error_deg is {max_error_deg}; give degrees above 0")
        if batch_size < 1:
            raise ModelError(f"batch_size is {batch_size}; give 1 or more")
        assert self.card.crop is not None  # the card of a pose network has one
        self.crop = self.card.crop if crop is None else replace(crop, side=self.card.crop.side)
        if isinstance(detector, str | os.PathLike):
            detector = load_detector(detector, threads=threads, providers=providers)
        self.detector: Detector | None = detector
        self.max_error_deg = max_error_deg
        self._batch_size = batch_size
        self.tta = tta

    def __call__(
        self, source: PictureSource, *, boxes: ArrayLike | None = None, focal_px: float | None = None
    ) -> list[HeadPose]:
        """Estimate the pose of every head of one picture.

        Args:
            source: what `facing.load_picture` reads.
            boxes: head boxes to use instead of the detector, (K, 4) xyxy pixels; K may be 0.
            focal_px: focal length of the camera in pixels, its optical axis in the picture's centre. With it
                rotations are relative to the camera. Without it they are relative to the ray through each
                head, the habit of the field; the two differ by the angle of that ray.

        Returns:
            One record per head: found heads from the largest box to the smallest, equal ones from left to
            right; given boxes in the order given, with score 1. Rotations are proper.

        Raises:
            PictureError: the picture cannot be read.
            BoxError: a given box cannot be used.
        """
        return self._run([self._look(source, boxes=boxes, focal_px=focal_px)])[0]

    def batch(
        self,
        sources: Iterable[PictureSource],
        *,
        boxes: Iterable[ArrayLike | None] | None = None,
        focal_px: float | None = None,
    ) -> list[list[HeadPose]]:
        """Estimate the heads of many pictures, with one network call per batch of crops.

        Args:
            sources: as in a call; a generator is read picture by picture, and only crops are kept.
            boxes: for each picture its boxes, or None to detect them.
            focal_px: as in a call.

        Returns:
            For each picture what a call would give.

        Raises:
            PictureError: a picture cannot be read; to go on after one, load pictures first.
            BoxError: a given box cannot be used.
        """
        results: list[list[HeadPose]] = []
        waiting: list[_Seen] = []
        given = itertools.repeat(None) if boxes is None else iter(boxes)
        for number, source in enumerate(sources):
            try:
                own = next(given)
            except StopIteration as error:
                raise BoxError(f"boxes end at picture {number}; give one entry per picture") from error
            waiting.append(self._look(source, boxes=own, focal_px=focal_px))
            if sum(len(seen.crops) for seen in waiting) >= self._batch_size:
                results += self._run(waiting)
                waiting = []
        return results + self._run(waiting)

    def _look(self, source: PictureSource, *, boxes: ArrayLike | None, focal_px: float | None) -> _Seen:
        """Do all that needs the picture itself."""
        picture = load_picture(source)
        found, scores, least = self._found(picture) if boxes is None else (boxes, None, None)
        height, width = picture.shape[:2]
        found = checked_boxes(found, width=width, height=height)
        read = boxes_to_read(found, picture=picture) if self.tta else found[:, None]
        pixels = crop_heads(picture, read.reshape(-1, 4), self.crop).pixels
        crops = pixels.reshape(*read.shape[:2], *pixels.shape[1:])
        if scores is None:
            scores = np.ones(len(found))
        turns = np.broadcast_to(np.eye(3), (len(found), 3, 3))
        if focal_px is not None:
            middles = (found[:, :2] + found[:, 2:]) / 2
            turns = picture_from_ray(middles, focal_px=focal_px, principal_px=(width / 2, height / 2))
        return _Seen(crops, found, scores, least, turns)

    def _found(
        self, picture: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64] | None]:
        """Find boxes, from the largest to the smallest, their scores, and what those need to be.

        Nothing is needed where the detector has settled it, alone.
        """
        if self.detector is None:
            raise ModelError("this estimator has no detector; give boxes, or make it with one")
        least = None
        # A network whose errors were never measured may be sure of nothing, or of everything.
        if isinstance(self.detector, Proposes) and self.card.calibration is not None:
            boxes, scores, least = self.detector.candidates(picture)
        else:
            boxes, scores = self.detector.detect(picture)
        order = np.lexsort((boxes[:, 0], -area(boxes)))
        return (
            boxes[order].astype(np.float64),
            scores[order].astype(np.float64),
            None if least is None else least[order].astype(np.float64),
        )

    def _run(self, pictures: list[_Seen]) -> list[list[HeadPose]]:
        if not pictures:
            return []
        crops = np.concatenate([seen.crops for seen in pictures])
        outputs = self._read(crops)
        # A network that also gives `front` or classes has no rule yet for turning these back.
        if set(outputs) == {"rotation", "spread"}:
            outputs = read_lying(crops, outputs, read=self._read, error_deg=self._error_deg)
        results, start = [], 0
        for seen in pictures:
            end = start + len(seen.crops)
            own = {name: values[start:end] for name, values in outputs.items()}
            results.append(self._records(seen, own) if end > start else [])
            start = end
        return results

    def _read(self, crops: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Run the network on crops (K, V, S, S, 3) of heads, as many at once as a batch holds.

        Returns:
            One answer for each head, the mean of what is said of its V crops.
        """
        heads, views = crops.shape[:2]
        flat = crops.reshape(-1, *crops.shape[2:])
        chunks = [
            self._session.run(flat[start : start + self._batch_size])
            for start in range(0, len(flat), self._batch_size)
        ]
        outputs = {
            name: np.concatenate([chunk[name] for chunk in chunks]) for name in self.card.outputs if chunks
        }
        if views == 1:
            return outputs
        return mean_answer(
            {name: values.reshape(heads, views, *values.shape[1:]) for name, values in outputs.items()}
        )

    def _error_deg(self, spread: NDArray[np.float32]) -> NDArray[np.float64]:
        return error_deg_from_spread(spread, calibration=self.card.calibration)

    def _records(self, seen: _Seen, outputs: dict[str, NDArray[np.float32]]) -> list[HeadPose]:
        rotations = seen.picture_from_ray @ _rotations(outputs, card=self.card)
        spread, orientation = outputs.get("spread"), outputs.get("orientation")
        errors = None
        if spread is not None:
            errors = self._error_deg(spread)
        scores, kept = seen.scores, np.ones(len(rotations), dtype=bool)
        if seen.least is not None and errors is not None:
            scores = weighed(scores, errors)
            kept = scores >= seen.least
        heads = [
            HeadPose(
                box=seen.boxes[index],
                score=scores[index],
                rotation=rotation,
                error_deg=None if errors is None else errors[index],
                spread=None if spread is None else spread[index],
                orientation=None if orientation is None else orientation[index],
                known=ANGLES if "rotation" in outputs else frozenset({"yaw", "pitch"}),
            )
            for index, rotation in enumerate(rotations)
            if kept[index]
        ]
        limit = self.max_error_deg
        return [head for head in heads if limit is None or (head.error_deg or 0.0) <= limit]


class _Seen(NamedTuple):
    """What remains of one picture once its heads are cut out; K heads, V crops of each."""

    crops: NDArray[np.uint8]
    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    least: NDArray[np.float64] | None
    picture_from_ray: NDArray[np.float64]


def _rotations(outputs: dict[str, NDArray[np.float32]], *, card: Card) -> NDArray[np.float64]:
    """Give proper rotations: quantised networks leave SO(3) by more than the record allows."""
    try:
        if "rotation" in outputs:
            return np.asarray(nearest_rotation(outputs["rotation"].astype(np.float64)), dtype=np.float64)
        return np.asarray(rotation_from_front(outputs["front"].astype(np.float64)), dtype=np.float64)
    except DataError as error:
        raise ModelError(f"model {card.name!r} gave no direction ({error}); {REMEDY}") from error
