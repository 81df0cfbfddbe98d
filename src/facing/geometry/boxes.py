"""Boxes: overlap, squaring, clipping, suppression.

A box is xyxy: left, top, right, bottom in float pixels. Coordinates are those of pixel edges: the
first pixel covers 0 to 1, its centre is at 0.5, and a picture of width W ends at W. A box may leave
the picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from facing.errors import BoxError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Boxes = NDArray[np.float64]


def overlap(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Divide the common area of each pair of boxes by the area they cover together.

    Args:
        a: (N, 4) xyxy; N may be 0.
        b: (M, 4) xyxy; M may be 0.

    Returns:
        (N, M), 0 to 1. Boxes without area overlap nothing, not even themselves.

    Raises:
        BoxError: an input is not (N, 4).
    """
    first, second = _boxes(a), _boxes(b)
    start = np.maximum(first[:, None, :2], second[None, :, :2])
    end = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = np.prod(np.clip(end - start, 0.0, None), axis=-1)
    together = area(first)[:, None] + area(second)[None, :] - common
    return np.asarray(common / np.where(together > 0, together, 1.0))


def area(boxes: ArrayLike) -> NDArray[np.float64]:
    """Measure boxes, (N, 4) -> (N,) square pixels; a box turned inside out has 0."""
    xyxy = _boxes(boxes)
    return np.asarray(np.prod(np.clip(xyxy[:, 2:] - xyxy[:, :2], 0.0, None), axis=-1))


def square(boxes: ArrayLike) -> Boxes:
    """Widen the shorter side to the longer one about the centre, (N, 4) -> (N, 4)."""
    xyxy = _boxes(boxes)
    half = np.max(xyxy[:, 2:] - xyxy[:, :2], axis=-1, keepdims=True) / 2
    centre = (xyxy[:, :2] + xyxy[:, 2:]) / 2
    return np.concatenate([centre - half, centre + half], axis=-1)


def clip(boxes: ArrayLike, *, width: float, height: float) -> Boxes:
    """Cut boxes to the picture.

    Args:
        boxes: (N, 4) xyxy.
        width: of the picture, pixels.
        height: of the picture, pixels.

    Returns:
        (N, 4); a box outside the picture keeps its place in the list and has no area.
    """
    return np.clip(_boxes(boxes), 0.0, np.array([width, height, width, height], dtype=np.float64))


def shrink(boxes: ArrayLike, factor: float) -> Boxes:
    """Scale boxes about their centres.

    Args:
        boxes: (N, 4) xyxy.
        factor: of both sides; above 1 it widens.

    Returns:
        (N, 4) xyxy.
    """
    xyxy = _boxes(boxes)
    centre, half = (xyxy[:, :2] + xyxy[:, 2:]) / 2, (xyxy[:, 2:] - xyxy[:, :2]) / 2 * factor
    return np.concatenate([centre - half, centre + half], axis=-1)


def suppress(boxes: ArrayLike, scores: ArrayLike, *, overlap_limit: float) -> NDArray[np.intp]:
    """Keep the best of boxes that cover one another.

    Args:
        boxes: (N, 4) xyxy; N may be 0.
        scores: (N,), higher is better; of equal scores the earlier box wins.
        overlap_limit: a box goes when its overlap with a kept one is larger than this.

    Returns:
        Indices of the kept boxes, best first.

    Raises:
        BoxError: the number of scores is not that of the boxes.
    """
    xyxy, rank = _boxes(boxes), np.asarray(scores, dtype=np.float64)
    if rank.shape != xyxy.shape[:1]:
        raise BoxError(f"{len(xyxy)} boxes came with scores of shape {rank.shape}; give one score per box")
    shared = overlap(xyxy, xyxy)
    free = np.ones(len(xyxy), dtype=bool)
    kept = []
    for index in np.argsort(-rank, kind="stable"):
        if free[index]:
            kept.append(index)
            free &= shared[index] <= overlap_limit
    return np.array(kept, dtype=np.intp)


def _boxes(boxes: ArrayLike) -> Boxes:
    xyxy = np.asarray(boxes, dtype=np.float64)
    if xyxy.size == 0:
        return xyxy.reshape(0, 4)
    if xyxy.ndim != 2 or xyxy.shape[1] != 4:
        raise BoxError(f"boxes came with shape {xyxy.shape}; give (N, 4): left, top, right, bottom")
    return xyxy


def quarter_turned(boxes: NDArray[Any], *, width: float) -> NDArray[Any]:
    """Turn boxes with their picture by 90 degrees anticlockwise, as `numpy.rot90` turns it.

    Args:
        boxes: xyxy, (N, 4).
        width: of the picture before the turn, pixels.
    """
    x0, y0, x1, y1 = boxes.T
    return np.stack([y0, width - x1, y1, width - x0], axis=1)


def moved_boxes(boxes: NDArray[np.float64], view: tuple[float, float, float]) -> NDArray[np.float64]:
    """Move boxes and change their size, by shares of their longer sides.

    Args:
        boxes: (N, 4) xyxy.
        view: right, down and larger; (0.05, 0, -0.1) moves a box of 100 pixels by 5 to the right and takes
            a tenth off both of its sides.

    Returns:
        (N, 4).
    """
    right, down, larger = view
    sides = (boxes[:, 2:] - boxes[:, :2]).max(1, keepdims=True)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2 + np.array([right, down]) * sides
    half = (boxes[:, 2:] - boxes[:, :2]) / 2 * (1 + larger)
    return np.concatenate([middle - half, middle + half], axis=1)
