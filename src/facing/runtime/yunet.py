"""YuNet, a small face detector (Wu et al. 2023, Machine Intelligence Research 20), as a head detector.

The weights do not ship: give the file of ShiqiYu/libfacedetection.train, onnx/yunet_n_dynamic.onnx.
It finds faces, so heads seen from behind stay unseen.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facing.errors import ModelError
from facing.runtime.detections import Detections, best_first, fit_picture, meets
from facing.runtime.session import open_onnx

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

STRIDES = (8, 16, 32)
OVERLAP_LIMIT = 0.3  # of the demo of its makers
MOST = 1000
# What `head_from_face` measured.
HEAD_SIDE = 1.16
HEAD_RISE = 0.15
HEAD_ASPECT = 0.78


def head_from_face(faces: NDArray[np.floating]) -> NDArray[np.float64]:
    """Widen face boxes of YuNet to head boxes.

    Medians of 163 heads of AFLW2000 at 640 px, YuNet-n, against the head boxes fitted to their landmarks:
    the longer side of the head is 1.16 (sd 0.17) times that of the face, its centre 0.15 (sd 0.11) of that
    side higher, its width 0.78 (sd 0.08) of its height. Beyond 45 degrees of yaw the centre also lies 0.2
    of that side behind the face; a box does not tell to which side, so that stays.

    Args:
        faces: (K, 4) xyxy.

    Returns:
        (K, 4) xyxy.
    """
    face_side = np.max(faces[:, 2:] - faces[:, :2], axis=-1, keepdims=True)
    centre = (faces[:, :2] + faces[:, 2:]) / 2 - face_side * (0.0, HEAD_RISE)
    half = face_side * HEAD_SIDE / 2 * (HEAD_ASPECT, 1.0)
    return np.concatenate([centre - half, centre + half], axis=-1)


class YuNetDetector:
    """Faces found by YuNet, widened to heads."""

    def __init__(
        self,
        file: str | os.PathLike[str],
        *,
        threshold: float | None = None,
        long_side: int | None = None,
        threads: int | None = None,
        providers: Sequence[str] | None = None,
    ) -> None:
        """Open the model.

        Args:
            file: YuNet with dynamic input size.
            threshold: least score of a face, 0 to 1; None is 0.6.
            long_side: to which pictures are scaled, pixels; None is 640.
            threads: of one call.
            providers: of onnxruntime, best first.

        Raises:
            ModelError: the file is missing or no YuNet.
        """
        self.threshold = 0.6 if threshold is None else threshold
        self.long_side = 640 if long_side is None else long_side
        self._session = open_onnx(Path(file), threads=threads, providers=providers)
        self._outputs = [f"{part}_{stride}" for stride in STRIDES for part in ("cls", "obj", "bbox")]
        inputs = self._session.get_inputs()
        missing = set(self._outputs) - {entry.name for entry in self._session.get_outputs()}
        if missing or len(inputs) != 1 or isinstance(inputs[0].shape[2], int):
            raise ModelError(f"{file} is no YuNet of free input size; use its file yunet_n_dynamic.onnx")
        self._input = inputs[0].name

    def detect(self, picture: NDArray[np.uint8]) -> Detections:
        """Find the heads of an upright RGB picture, (H, W, 3) uint8."""
        fitted = fit_picture(picture, long_side=self.long_side, stride=max(STRIDES))
        bgr = fitted.pixels[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32)
        values = self._session.run(self._outputs, {self._input: bgr})
        width = fitted.pixels.shape[1]
        levels = [
            _decoded(*(value[0] for value in values[3 * level : 3 * level + 3]), stride=stride, width=width)
            for level, stride in enumerate(STRIDES)
        ]
        faces = np.concatenate([boxes for boxes, _ in levels])
        scores = np.concatenate([scores for _, scores in levels])
        sure = scores >= self.threshold
        faces, scores = faces[sure] / np.tile(fitted.input_from_picture, 2), scores[sure]
        kept = best_first(faces, scores, overlap_limit=OVERLAP_LIMIT, most=MOST)
        heads, scores = head_from_face(faces[kept]), scores[kept]
        seen = meets(heads, picture=picture)
        return Detections(heads[seen].astype(np.float32), scores[seen].astype(np.float32))


def _decoded(
    cls: NDArray[np.float32],
    obj: NDArray[np.float32],
    bbox: NDArray[np.float32],
    *,
    stride: int,
    width: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Read one level of C cells by rows: cls and obj (C, 1), bbox (C, 4: dx, dy, log w, log h in strides)."""
    scores = np.sqrt(np.clip(cls[:, 0], 0, 1) * np.clip(obj[:, 0], 0, 1)).astype(np.float64)
    rows, columns = np.divmod(np.arange(len(bbox)), width // stride)
    centre = (np.stack([columns, rows], axis=-1) + bbox[:, :2]) * stride
    half = np.exp(bbox[:, 2:].astype(np.float64)) * stride / 2
    return np.concatenate([centre - half, centre + half], axis=-1), scores
