"""Centre map of a detector: what it should look like, and the focal loss on it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

SPREAD = 0.54
"""Share of a box, each side, over which its bump reaches: alpha of Liu et al. 2020, section 3.2."""


class CentreTargets(NamedTuple):
    """Targets of one batch; H and W count cells."""

    heat: Tensor
    """(N, H, W), 1 in the cell of a centre, falling off around it."""
    owner: Tensor
    """(N, H, W) int64, row of the box whose bump is highest."""
    counts: Tensor
    """(N, H, W), 0 in cells that lie in an ignored box and in no bump, 1 elsewhere."""


def centre_targets(boxes: Tensor, ignore: Tensor, *, shape: tuple[int, int], cell: int) -> CentreTargets:
    """Draw the centre map.

    Args:
        boxes: (N, M, 4) xyxy, pixels of the input; rows without area are empty. Centres outside of the
            frame move to its edge.
        ignore: (N, J, 4) xyxy, as `boxes`; heads that are neither right nor wrong.
        shape: cells of the map, H and W.
        cell: pixels per cell.
    """
    height, width = shape
    size = (boxes[..., 2:] - boxes[..., :2]).clamp_min(0) / cell
    centre = (boxes[..., :2] + boxes[..., 2:]) / (2 * cell)
    x = centre[..., 0].floor().clamp(0, width - 1)
    y = centre[..., 1].floor().clamp(0, height - 1)
    spread = (SPREAD * size + 1) / 6  # diameter of the bump over 6, as CenterNet does
    columns = torch.arange(width, device=boxes.device, dtype=boxes.dtype)
    rows = torch.arange(height, device=boxes.device, dtype=boxes.dtype)
    across = torch.exp(-((columns - x[..., None]) ** 2) / (2 * spread[..., :1] ** 2))
    down = torch.exp(-((rows - y[..., None]) ** 2) / (2 * spread[..., 1:] ** 2))
    real = (size > 0).all(-1).to(boxes.dtype)
    bumps = down[..., :, None] * across[..., None, :] * real[..., None, None]
    heat, owner = bumps.max(1)
    inside = _inside(ignore / cell, columns=columns + 0.5, rows=rows + 0.5)
    counts = 1 - inside * (heat < 0.05).to(boxes.dtype)
    return CentreTargets(heat, owner, counts)


def heatmap_loss(logits: Tensor, targets: CentreTargets) -> Tensor:
    """Give the focal loss of centre maps.

    Args:
        logits: (N, H, W).
        targets: of the same batch.

    Returns:
        (N,), for each picture the sum over its cells, divided by the root of its number of centres:
        divided by the number itself, a batch would be all crowd and no portrait.

    Source: Zhou et al. 2019, "Objects as Points", equation 1, with alpha 2 and beta 4; the root is ours.
    """
    score = logits.sigmoid()
    centre = targets.heat >= 1
    found = (1 - score) ** 2 * functional.logsigmoid(logits)
    quiet = (1 - targets.heat) ** 4 * score**2 * functional.logsigmoid(-logits)
    terms = torch.where(centre, found, quiet) * targets.counts
    return -terms.sum((1, 2)) / centre.sum((1, 2)).clamp_min(1).sqrt()


def _inside(boxes: Tensor, *, columns: Tensor, rows: Tensor) -> Tensor:
    """Mark cells (N, H, W) whose middle lies in one of the boxes (N, J, 4), in cells."""
    if boxes.shape[1] == 0:
        return boxes.new_zeros(boxes.shape[0], len(rows), len(columns))
    across = (columns > boxes[..., :1]) & (columns < boxes[..., 2:3])
    down = (rows > boxes[..., 1:2]) & (rows < boxes[..., 3:])
    return (down[..., :, None] & across[..., None, :]).any(1).to(boxes.dtype)


LOSS = heatmap_loss
