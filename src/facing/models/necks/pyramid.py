"""The neck of the pyramid system: FPAS, ASPP, then the mean, 256 features.

It reads four maps at strides s, 2s, 4s and 4s, as efficientnet_v2 gives them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from facing.errors import RecipeError
from facing.models.contracts import Neck
from facing.models.necks._aspp import Aspp
from facing.models.necks._fpas import Fpas

if TYPE_CHECKING:
    from collections.abc import Sequence

FEATURES = 256
RATIOS = (1, 2, 4, 4)


class Pyramid(nn.Module):
    """Feature pyramid and atrous pooling over four maps."""

    def __init__(self, channels: tuple[int, ...], strides: tuple[int, ...]) -> None:
        super().__init__()
        if tuple(stride / strides[0] for stride in strides) != RATIOS:
            raise RecipeError(
                "model.neck = 'pyramid' needs four maps with strides such as 4, 8, 16, 16, and this backbone "
                f"gives {', '.join(map(str, strides))}; take efficientnet_v2 or the pool neck"
            )
        self.features = FEATURES
        self.fpas = Fpas(channels)
        self.aspp = Aspp(channels[-1], FEATURES)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Turn four maps, the last (N, C, H, W), into (N, 256)."""
        x: Tensor = self.aspp(self.fpas(tuple(maps)))
        return x.mean((2, 3))


NECK = Neck(build=Pyramid, multiple=16)
