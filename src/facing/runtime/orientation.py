"""Picture -> the class of a head's direction: front, side or back, or whatever the model's card names."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import numpy as np

from facing.crop import crop_heads
from facing.errors import BoxError, ModelError
from facing.geometry.azimuth import azimuth_deg
from facing.picture import load_picture
from facing.runtime.detector import load_detector
from facing.runtime.estimator import PoseEstimator
from facing.runtime.session import Session
from facing.runtime.weights import weights_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from facing.picture import PictureSource
    from facing.pose import HeadPose
    from facing.runtime.detector import Detector

ORIENTATIONS = ("front", "side", "back")
FRONT_MAX_DEG, BACK_MIN_DEG = 45.0, 135.0
"""Azimuths between which a pose is a side, as in `HeadPose.facing`."""
# Mean length of an isotropic normal vector in three dimensions over its standard deviation per axis: turns
# the expected error of a pose into that of its azimuth.
MEAN_LENGTH = math.sqrt(8 / math.pi)


class OrientationClassifier:
    """A network that tells classes of direction, behind one call.

    >>> facing.OrientationClassifier("orientation.onnx").predict("photo.jpg")  # doctest: +SKIP
    'back'

    Pose networks answer as well: by the azimuth of the face, front up to 45 degrees, back beyond 135, else
    side.

    Attributes:
        labels: the classes, in the order of the network's output.
        detector: what finds the head; None where boxes are given or pictures are heads.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "small",
        detector: str | os.PathLike[str] | Detector | None = None,
        *,
        front_max_deg: float = FRONT_MAX_DEG,
        back_min_deg: float = BACK_MIN_DEG,
        providers: Sequence[str] | None = None,
        threads: int | None = None,
    ) -> None:
        """Open the networks.

        Args:
            model: name of shipped weights or an .onnx file.
            detector: a name or file for `load_detector`, any object with `detect`, or None: without a box the
                whole picture is the head.
            front_max_deg: azimuth up to which the pose of a pose network is a front, degrees; networks of
                classes have learned theirs.
            back_min_deg: azimuth beyond which it is a back, degrees.
            providers: of onnxruntime for both networks, best first; None means the processor.
            threads: of one network call; None leaves the choice to onnxruntime.

        Raises:
            ModelError: a model cannot be used, or the two azimuths leave no room for a side.
            UnknownNameError: no model or detector has this name.
        """
        if not 0 < front_max_deg < back_min_deg < 180:
            raise ModelError(
                f"front ends at {front_max_deg:g} and back begins at {back_min_deg:g} degrees; "
                "give 0 < front < back < 180"
            )
        self._borders = (front_max_deg, back_min_deg)
        if isinstance(detector, str | os.PathLike):
            detector = load_detector(detector, threads=threads, providers=providers)
        self.detector: Detector | None = detector
        self._session = Session(weights_path(model), kind="pose", threads=threads, providers=providers)
        self.card = self._session.card
        self._pose: PoseEstimator | None = None
        if "orientation" not in self.card.outputs:
            self._pose = PoseEstimator(model, None, threads=threads, providers=providers)
        self.labels: tuple[str, ...] = self.card.labels or ORIENTATIONS

    def predict(self, source: PictureSource, box: ArrayLike | None = None) -> str:
        """Give the likeliest class of the head.

        Args:
            source: what `facing.load_picture` reads.
            box: of the head, left, top, right, bottom in pixels. Without it the detector's best head counts,
                and without a detector the whole picture.

        Raises:
            PictureError: the picture cannot be read.
            BoxError: the box cannot be used, or the detector finds no head.
        """
        shares = self.probabilities(source, box)
        return max(shares, key=lambda label: shares[label])

    def probabilities(self, source: PictureSource, box: ArrayLike | None = None) -> dict[str, float]:
        """Give the probability of every class, in the order of `labels`; they add up to 1.

        Those of a pose network follow from its pose and the error it states: the azimuth is taken as normal
        about its estimate. A network that states no error is sure.

        Args:
            source: as in `predict`.
            box: as in `predict`.

        Raises:
            PictureError: the picture cannot be read.
            BoxError: the box cannot be used, or the detector finds no head.
        """
        picture = load_picture(source)
        boxes = self._boxes(picture, box)
        if self._pose is not None:
            shares = _from_pose(self._pose(picture, boxes=boxes)[0], *self._borders)
        else:
            assert self.card.crop is not None  # the card of such a network has one
            crops = crop_heads(picture, boxes, self.card.crop).pixels
            shares = self._session.run(crops)["orientation"][0].tolist()
        return dict(zip(self.labels, shares, strict=True))

    def _boxes(self, picture: NDArray[np.uint8], box: ArrayLike | None) -> NDArray[np.float64]:
        if box is not None:
            given = np.asarray(box, dtype=np.float64)
            if given.shape != (4,):
                raise BoxError(f"the box has shape {given.shape}; give left, top, right, bottom of one head")
            return given[None]
        if self.detector is None:
            height, width = picture.shape[:2]
            return np.array([[0.0, 0.0, width, height]])
        found = self.detector.detect(picture).boxes
        if len(found) == 0:
            raise BoxError("the detector finds no head in the picture; give a box")
        return np.asarray(found[:1], dtype=np.float64)


def _from_pose(head: HeadPose, front_max: float, back_min: float, /) -> list[float]:
    """Give the probabilities of front, side and back."""
    azimuth = float(azimuth_deg(head.rotation))
    if not head.error_deg:
        front, back = float(abs(azimuth) <= front_max), float(abs(azimuth) > back_min)
    else:
        sd = head.error_deg / MEAN_LENGTH
        front = _share(-front_max, front_max, mean=azimuth, sd=sd)
        back = _share(back_min, 360 - back_min, mean=azimuth, sd=sd)
    return [front, max(1 - front - back, 0.0), back]


def _share(low: float, high: float, *, mean: float, sd: float) -> float:
    """Give how much of a normal distribution around a circle of degrees lies in a range."""
    edges = [
        [(edge + turn - mean) / (sd * math.sqrt(2)) for edge in (low, high)]
        for turn in (-720, -360, 0, 360, 720)
    ]
    return sum((math.erf(b) - math.erf(a)) / 2 for a, b in edges)
