"""Figures as published scripts compute them, faults included.

They are for comparison with published tables, never to judge by. Each differs from the
right figure in a way that its docstring states and a test shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from facing.errors import DataError
from facing.geometry.rotation import front_from_rotation, wrap_deg

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Float = NDArray[np.float64]


def mae_forgiving_180(differences: ArrayLike) -> float | None:
    """Average absolute angle differences that are forgiven a half turn, each angle by itself.

    A head at yaw -80 that is taken for one at 90 counts 10 degrees instead of 170.

    Args:
        differences: (N, 3), estimated minus true, degrees.

    Returns:
        Degrees, never above 90; None where N is 0.

    Source: validation in `train.py` of the pyramid system and `test.py` of 6DRepNet: the least of |d|,
    |d +- 180| and |d +- 360|.
    """
    size = np.abs(wrap_deg(differences))
    return float(np.minimum(size, np.abs(180 - size)).mean()) if size.size else None


def analysis_angle_deg(front: ArrayLike, name: Literal["yaw", "pitch", "roll"]) -> Float:
    """Read an angle off a facing direction the way the compact system's analysis does.

    Its yaw and pitch each ignore the third component, so both differ from Euler angles as soon as the head
    is turned and tilted. What it calls roll is no angle: a direction has none.

    Args:
        front: (..., 3), unit vectors: x right, y up, z to the viewer.
        name: "yaw" or "pitch".

    Returns:
        (...), degrees, with our signs: yaw > 0 towards the left edge of the picture, pitch > 0 up. As in the
        original a direction without that component gives 0, from behind too.

    Raises:
        DataError: `name` is "roll".

    Source: `test.py` of the compact system (sevenHsu/HeadPoseNet).
    """
    if name == "roll":
        raise DataError('a facing direction has no roll; ask for its "yaw" or "pitch"')
    x, y, z = np.moveaxis(np.asarray(front, dtype=np.float64), -1, 0)
    across = -x if name == "yaw" else y
    length = np.hypot(across, z)
    cosine = np.divide(z, length, out=np.ones_like(length), where=length > 0)
    return np.asarray(np.sign(across) * np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def compat_figures(
    estimated: ArrayLike, true: ArrayLike, *, differences: ArrayLike | None
) -> dict[str, float | None]:
    """Give the figures of published scripts under names that say what they are.

    Args:
        estimated: (N, 3, 3); directions at least must be known.
        true: (N, 3, 3).
        differences: (N, 3) of `facing.evaluation.metrics.angle_differences`; None where not all angles are
            known.
    """
    first, second = (np.asarray(front_from_rotation(rotation)) for rotation in (estimated, true))
    figures = {"mae_forgiving_180": None if differences is None else mae_forgiving_180(differences)}
    names: tuple[Literal["yaw", "pitch"], ...] = ("yaw", "pitch")
    for name in names:
        off = np.abs(wrap_deg(analysis_angle_deg(first, name) - analysis_angle_deg(second, name)))
        figures[f"analysis_{name}"] = float(off.mean()) if len(off) else None
    return figures
