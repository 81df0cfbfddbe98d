"""Heads that lie on a side or upside down: what a network is unsure of, it reads again in quarter turns.

Networks see few such heads in training and state large errors for them, so the turn in which the stated error
is least is the one in which the head is upright. On photographs turned by 90, 180 and 270 degrees answers
come to 9, 5 and 9 degrees from those of the upright picture, from 21, 41 and 22; upright, one head in 200
changes (docs/log.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facing.geometry.rotation import rotation_from_euler

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Outputs = dict[str, NDArray[np.float32]]

DOUBTFUL_DEG = 15.0
"""Stated error above which a head is read again."""
SURER = 0.5
"""Share of the stated error below which another turn is taken to be the head's own."""


def read_lying(
    crops: NDArray[np.uint8],
    outputs: Outputs,
    *,
    read: Callable[[NDArray[np.uint8]], Outputs],
    error_deg: Callable[[NDArray[np.float32]], NDArray[np.floating]],
) -> Outputs:
    """Read doubtful heads again in quarter turns, and take the turn of which the network is surest.

    Args:
        crops: (N, ..., S, S, 3), one or more crops of each head.
        outputs: of these crops, with `rotation` (N, 3, 3) and `spread` (N,).
        read: gives the outputs, one of each head, of crops.
        error_deg: expected errors of spreads.

    Returns:
        Outputs of the same names; rotations are those of the crops as given.
    """
    errors = error_deg(outputs["spread"])
    rows = np.flatnonzero(errors > DOUBTFUL_DEG)
    if len(rows) == 0:
        return outputs
    found = {name: values.copy() for name, values in outputs.items()}
    least = SURER * errors[rows]
    for quarters in (1, 2, 3):
        own = read(np.ascontiguousarray(np.rot90(crops[rows], quarters, axes=(-3, -2))))
        stated = error_deg(own["spread"])
        surer = stated < least
        # Pictures were turned anticlockwise, which is where roll is negative; this turns back.
        back = rotation_from_euler(yaw=0.0, pitch=0.0, roll=90.0 * quarters)
        own["rotation"] = (back @ own["rotation"].astype(np.float64)).astype(np.float32)
        for name, values in own.items():
            found[name][rows[surer]] = values[surer]
        least = np.where(surer, stated, least)
    return found
