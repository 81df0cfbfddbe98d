"""The head detector: a picture in, head boxes and scores out.

One centre map and one map of distances to the four edges, both at a quarter of the picture's side.
Plain 3 x 3 convolutions only: on a CPU, depthwise layers train several times slower and save little.

Sources: Zhou et al. 2019, "Objects as Points" (peaks of a centre map instead of suppression);
Liu et al. 2020, "Training-Time-Friendly Network" (edge distances at every cell near a centre).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from torch import Tensor

STRIDE = 32
"""Height and width of the input must be multiples of this, the stride of the deepest stage."""
CELL = 4
"""Pixels between two cells of the output maps."""
HEADS = 200
"""Boxes the graph gives per picture, the weak ones included."""
EDGE_UNIT_PX = 16.0
"""Edge distances are exp(output) times this, so an untrained net predicts boxes of 32 px."""


class Maps(NamedTuple):
    """What the network says at every cell, before decoding."""

    centre: Tensor
    """(N, 1, H / 4, W / 4), logits: is the middle of a head in this cell?"""
    edges: Tensor
    """(N, 4, H / 4, W / 4), left, top, right, bottom from the middle of the cell, pixels, positive."""


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """Size of a head detector; it travels in the recipe."""

    widths: tuple[int, int, int, int] = (16, 40, 80, 128)
    """Channels at strides 4, 8, 16, 32."""
    depths: tuple[int, int, int, int] = (1, 2, 2, 1)
    """Residual blocks at these strides."""
    neck: tuple[int, int, int] = (16, 40, 64)
    """Channels on the way back up, at strides 4, 8, 16."""


class HeadDetector(nn.Module):
    """Anchor-free network for head boxes; `forward` is the exported graph."""

    def __init__(self, spec: DetectorSpec | None = None) -> None:
        """Build it untrained.

        Args:
            spec: its size; None is the size of the shipped detector.
        """
        super().__init__()
        spec = spec or DetectorSpec()
        self.stem = nn.Sequential(_convolution(3, 16, stride=2), _convolution(16, spec.widths[0], stride=2))
        self.stages = nn.ModuleList()
        before = spec.widths[0]
        for index, (width, depth) in enumerate(zip(spec.widths, spec.depths, strict=True)):
            down = [] if index == 0 else [_convolution(before, width, stride=2)]
            self.stages.append(nn.Sequential(*down, *(_Residual(width) for _ in range(depth))))
            before = width
        deep = (spec.neck[1], spec.neck[2], spec.widths[3])
        self.across = nn.ModuleList(
            nn.Conv2d(wide, out, 1) for wide, out in zip(spec.widths[:3], spec.neck, strict=True)
        )
        self.up = nn.ModuleList(nn.Conv2d(wide, out, 1) for wide, out in zip(deep, spec.neck, strict=True))
        self.mix = nn.ModuleList(_convolution(out, out) for out in spec.neck)
        self.tower = _convolution(spec.neck[0], 2 * spec.neck[0])
        self.centre = nn.Conv2d(2 * spec.neck[0], 1, 1)
        self.edges = nn.Conv2d(2 * spec.neck[0], 4, 1)
        # A share of 0.01 of the cells hold a centre: without this the first steps only unlearn 0.5.
        nn.init.constant_(_bias(self.centre), -4.6)
        nn.init.normal_(self.edges.weight, std=0.01)
        nn.init.zeros_(_bias(self.edges))

    def maps(self, picture: Tensor) -> Maps:
        """Give the raw maps, which the losses read.

        Args:
            picture: (N, H, W, 3) uint8 RGB; H and W are multiples of `STRIDE`.
        """
        x = (picture.permute(0, 3, 1, 2).to(self.centre.weight.dtype) - 127.5) / 64
        x = self.stem(x)
        levels = []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        for across, up, mix, level in reversed(
            list(zip(self.across, self.up, self.mix, levels[:3], strict=True))
        ):
            x = mix(F.relu(across(level) + F.interpolate(up(x), scale_factor=2.0, mode="nearest")))
        x = self.tower(x)
        edges = self.edges(x).float().clamp(-6.0, 6.0).exp() * EDGE_UNIT_PX
        return Maps(self.centre(x).float(), edges)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Find heads.

        Args:
            picture: (N, H, W, 3) uint8 RGB; H and W are multiples of `STRIDE`.

        Returns:
            `boxes` (N, K, 4) xyxy in pixels of the input, they may leave it, and `scores` (N, K) in
            0..1, best first, with K = `HEADS`. Rows without a peak have score 0.
        """
        return decode(self.maps(picture))


def cell_boxes(edges: Tensor) -> Tensor:
    """Give the box that every cell predicts.

    Args:
        edges: (N, 4, H, W), as in `Maps`.

    Returns:
        (N, H, W, 4) xyxy, pixels of the input.
    """
    x = (torch.arange(edges.shape[3], device=edges.device) + 0.5) * CELL
    y = (torch.arange(edges.shape[2], device=edges.device) + 0.5)[:, None] * CELL
    left, top, right, bottom = edges.unbind(1)
    return torch.stack([x - left, y - top, x + right, y + bottom], dim=-1)


def decode(maps: Maps) -> tuple[Tensor, Tensor]:
    """Turn maps into boxes: peaks of the centre map, each with the edge distances of its cell.

    Args:
        maps: of one batch.

    Returns:
        boxes (N, K, 4) and scores (N, K), as `HeadDetector.forward` gives them.
    """
    score = maps.centre.sigmoid()
    peak = score * (score == F.max_pool2d(score, 3, stride=1, padding=1))
    boxes = cell_boxes(maps.edges).flatten(1, 2)
    # Small pictures have fewer cells than rows wanted: empty rows fill up.
    scores = F.pad(peak.flatten(1), (0, HEADS))
    best, index = scores.topk(HEADS, dim=1)
    rows = F.pad(boxes, (0, 0, 0, HEADS))
    return rows.gather(1, index[..., None].expand(-1, -1, 4)), best


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _convolution(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def pass_on(self) -> None:
        """Become the identity: what comes here is positive already."""
        normalisation = self.second[1]
        assert isinstance(normalisation, nn.BatchNorm2d)
        nn.init.zeros_(normalisation.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


def _convolution(wide: int, out: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(wide, out, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()
    )


def _bias(layer: nn.Conv2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias
