"""Rotation as two free vectors (Zhou et al. 2019) and the error to expect.

Gram-Schmidt turns six numbers into a rotation without jumps, so the whole sphere is one smooth target.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from pydantic import Field
from torch import Tensor, nn

from facing.losses.geodesic import geodesic_angle
from facing.losses.landmarks import landmark_loss
from facing.losses.spread import spread_loss
from facing.models.contracts import Head
from facing.models.settings import HeadSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LANDMARKS = 68
# Spread is the expected angle of error: below half a degree no label is that good, above pi none exists.
SPREAD_LOG_RANGE = (-4.75, 1.14)
# Mirroring a picture turns a rotation M into S M S with S = diag(-1, 1, 1).
MIRROR_SIGNS = ((1.0, -1.0, -1.0), (-1.0, 1.0, 1.0), (-1.0, 1.0, 1.0))


class Rotation6DSettings(HeadSettings):
    """Weights of the terms of the loss; `landmarks` above 0 adds 68 points as a second output in training."""

    geodesic: float = Field(default=1.0, ge=0)
    spread: float = Field(default=0.05, ge=0)
    landmarks: float = Field(default=0.0, ge=0)


class RotationHead(nn.Module):
    """Linear layers from features to the numbers of a rotation, spread and, in training, landmarks.

    Reading numbers and decoding them are apart, so that readings of a crop and of its mirror image can be
    averaged between the two (`facing.models.mirror`).
    """

    mirrored: Tensor

    def __init__(
        self,
        channels: int,
        *,
        upright: Tensor,
        mirrored: Tensor,
        rotation_from: Callable[[Tensor], Tensor],
        landmarks: bool,
    ) -> None:
        """Build it.

        Args:
            channels: of the features.
            upright: (K,) numbers of the identity, with which training starts.
            mirrored: (K,) signs that turn the numbers of a head into those of its mirror image.
            rotation_from: numbers (N, K) to rotations (N, 3, 3).
            landmarks: whether there are landmarks in training.
        """
        super().__init__()
        self.rotation = nn.Linear(channels, len(upright))
        self.spread = nn.Linear(channels, 1)
        self.landmarks = nn.Linear(channels, 2 * LANDMARKS) if landmarks else None
        self.rotation_from = rotation_from
        self.register_buffer("mirrored", torch.cat([mirrored, torch.ones(1)]), persistent=False)
        nn.init.normal_(self.rotation.weight, std=0.01)
        nn.init.zeros_(self.spread.weight)
        with torch.no_grad():
            self.rotation.bias.copy_(upright)

    def numbers(self, features: Tensor) -> Tensor:
        """Turn (N, channels) into (N, K + 1): numbers of the rotation, then the logarithm of the spread."""
        return torch.cat([self.rotation(features), self.spread(features)], dim=1)

    def answer(self, numbers: Tensor) -> dict[str, Tensor]:
        """Turn (N, K + 1) into `rotation` (N, 3, 3) and `spread` (N,) radians."""
        return {
            "rotation": self.rotation_from(numbers[:, :-1]),
            "spread": torch.exp(numbers[:, -1].clamp(*SPREAD_LOG_RANGE)),
        }

    def mean_answer(self, features: Tensor, *, mirrored: Sequence[bool]) -> dict[str, Tensor]:
        """Answer with the mean of several readings of each head, taken before it is decoded once.

        Args:
            features: (R N, channels), all heads of the first reading, then all of the second.
            mirrored: of each of the R readings, whether it is of the mirror image.

        Returns:
            What `answer` gives of N heads.
        """
        numbers = self.numbers(features)
        straight = torch.ones_like(self.mirrored)
        signs = torch.stack([self.mirrored if other else straight for other in mirrored])[:, None]
        return self.answer((numbers.reshape(len(mirrored), -1, numbers.shape[1]) * signs).mean(0))

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Turn (N, channels) into `rotation` (N, 3, 3), `spread` (N,) radians, and `landmarks` in training.

        Landmarks are (N, 68, 2) in crop coordinates: -1 to 1 from edge to edge, x right, y down.
        """
        out = self.answer(self.numbers(features))
        if self.training and self.landmarks is not None:
            out["landmarks"] = self.landmarks(features).unflatten(1, (LANDMARKS, 2))
        return out


def build_rotation_6d(channels: int, settings: Rotation6DSettings) -> RotationHead:
    """Build the head, weights random."""
    return RotationHead(
        channels,
        upright=torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
        mirrored=torch.tensor(MIRROR_SIGNS)[:, :2].T.flatten(),
        rotation_from=rotation_from_6d,
        landmarks=settings.landmarks > 0,
    )


def rotation_from_6d(six: Tensor) -> Tensor:
    """Turn (N, 6), the first two columns laid end to end, into rotations (N, 3, 3) by Gram-Schmidt.

    Written for few operators: at one crop a small network spends a quarter of its time on the dozens that
    `normalize`, `cross` and `stack` become in a graph.
    """
    first = _unit(six[:, :3])
    second = six[:, 3:]
    second = _unit(second - (first * second).sum(1, keepdim=True) * first)
    after, before = torch.tensor([1, 2, 0], device=six.device), torch.tensor([2, 0, 1], device=six.device)
    third = first.index_select(1, after) * second.index_select(1, before)
    third = third - first.index_select(1, before) * second.index_select(1, after)
    return torch.cat([first, second, third], dim=1).reshape(-1, 3, 3).transpose(1, 2)


def _unit(vector: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(vector, dim=1, keepdim=True)
    return vector / length.clamp_min(1e-6)


def rotation_6d_loss(
    out: Mapping[str, Tensor], target: Mapping[str, Tensor], settings: Rotation6DSettings
) -> dict[str, Tensor]:
    """Angle of error, likelihood of the stated spread, and distance of the landmarks, (N,) each."""
    angle = geodesic_angle(out["rotation"], target["rotation"])
    spread = spread_loss(out["spread"], angle)
    terms = {"loss": settings.geodesic * angle + settings.spread * spread, "spread": spread}
    if "landmarks" in out:
        away = landmark_loss(out["landmarks"], target["landmarks"], weight=target["landmark_weight"])
        terms["loss"] = terms["loss"] + settings.landmarks * away
        terms["landmarks"] = away
    return terms


HEAD = Head(
    title="rotation as six numbers, with spread (geodesic loss)",
    settings=Rotation6DSettings,
    outputs=("rotation", "spread"),
    build=build_rotation_6d,
    loss=rotation_6d_loss,
)
