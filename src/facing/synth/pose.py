"""How a figure stands before the camera: head and body turns, distance, place in the frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facing.geometry.rotation import rotation_from_euler

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from facing.synth.figure import Figure

# How far a neck turns against the chest, degrees: anatomy books give 70 to 90, 40 to 60 and 35 to 45.
_NECK_LIMIT = np.array([65.0, 38.0, 32.0])
_CHEST_PITCH = 28.0
_FILL = {"portrait": (0.60, 0.64), "bust": (0.34, 0.46)}
_SHIFT = {"portrait": (0.0, 0.0), "bust": (0.0, 0.19)}


@dataclass(frozen=True, slots=True)
class Stance:
    """A posed figure seen by a camera at the origin that looks along -z."""

    rotation: NDArray[np.float64]  # the label: head -> camera, (3, 3)
    bones: NDArray[np.float64]  # camera <- mesh for body, neck, head, (3, 4, 4)
    focal: float  # in picture sides
    centre: tuple[float, float]  # principal point in picture sides, y down
    tilt: NDArray[np.float64]  # camera <- level axes, (3, 3)
    box: tuple[float, float, float, float]  # head box in picture sides


def sample_angles(rng: Generator) -> tuple[float, float, float]:
    """Draw yaw, pitch and roll in degrees: the full turn, with more weight near the front."""
    kind = rng.random()
    if kind < 0.36:
        yaw = rng.normal(0, 35)
    elif kind < 0.54:
        yaw = rng.uniform(-110, 110)
    elif kind < 0.78:  # profiles: networks are weakest there
        yaw = rng.choice([-1, 1]) * rng.uniform(50, 115)
    else:
        yaw = rng.uniform(-180, 180)
    pitch = rng.normal(0, 17) if rng.random() < 0.68 else rng.uniform(-65, 65)
    roll = rng.normal(0, 11) if rng.random() < 0.70 else rng.uniform(-60, 60)
    return float((yaw + 180) % 360 - 180), float(np.clip(pitch, -70, 70)), float(np.clip(roll, -60, 60))


def _turn(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    """Roll outermost: turn about the vertical, then nod, then lean in the picture."""
    parts = (
        rotation_from_euler(yaw=0, pitch=0, roll=roll),
        rotation_from_euler(yaw=yaw, pitch=pitch, roll=0),
    )
    return np.asarray(parts[0] @ parts[1], np.float64)


def sample_stance(rng: Generator, *, figure: Figure, framing: str) -> Stance:
    """Draw a pose of head, neck and body and a camera that has the head in the frame.

    Args:
        rng: source of chance.
        figure: who is posed.
        framing: "portrait" (the head fills three fifths of the frame) or "bust" (two fifths, with shoulders).
    """
    angles = np.array(sample_angles(rng))
    rotation = _turn(*angles)
    relative = rng.uniform(-0.2, 1.0, 3) * angles + rng.normal(0, 7, 3)
    # Chests lean less than heads, and a chest seen from far below shows where it was cut off.
    relative[1] = np.clip(relative[1], angles[1] - _CHEST_PITCH, angles[1] + _CHEST_PITCH)
    relative = np.clip(relative, -_NECK_LIMIT, _NECK_LIMIT)
    body_angles = angles - relative
    body = _turn(*body_angles)
    neck = _turn(*(angles - relative / 2))
    tilt = _turn(0.0, float(body_angles[1]), float(body_angles[2]))

    head_turn = rotation @ figure.frame
    bones = np.zeros((3, 4, 4))
    pivot_neck, pivot_head = np.array(figure.neck), np.array(figure.head)
    bones[0] = _about(body, pivot=pivot_neck, lands=np.zeros(3))
    bones[1] = _about(neck, pivot=pivot_neck, lands=np.zeros(3))
    bones[2] = _about(head_turn, pivot=pivot_head, lands=neck @ (pivot_head - pivot_neck))

    points = figure.head_points @ bones[2, :3, :3].T + bones[2, :3, 3]
    distance = float(np.exp(rng.uniform(np.log(5.0), np.log(30.0))))
    middle = (points.min(0) + points.max(0)) / 2
    bones[:, :3, 3] += np.array([0, 0, -distance]) - middle
    points = points + np.array([0, 0, -distance]) - middle
    for _ in range(2):  # bring the middle of the box onto the axis: the label is relative to that ray
        flat = points[:, :2] / -points[:, 2:]
        off = (flat.min(0) + flat.max(0)) / 2 * distance
        bones[:, :2, 3] -= off
        points[:, :2] -= off
    flat = points[:, :2] / -points[:, 2:]
    size = float((flat.max(0) - flat.min(0)).max())
    focal = float(rng.uniform(*_FILL[framing])) / size
    along = np.array([np.sin(np.deg2rad(body_angles[2])), np.cos(np.deg2rad(body_angles[2]))])
    shift = rng.uniform(*_SHIFT[framing]) * along  # leave room where the shoulders are
    centre = (0.5 + float(shift[0]), 0.5 - float(shift[1]))
    low, high = flat.min(0) * focal, flat.max(0) * focal
    box = (centre[0] + low[0], centre[1] - high[1], centre[0] + high[0], centre[1] - low[1])
    return Stance(rotation=rotation, bones=bones, focal=focal, centre=centre, tilt=tilt, box=_four(box))


def _four(box: tuple[float, ...]) -> tuple[float, float, float, float]:
    a, b, c, d = (float(v) for v in box)
    return a, b, c, d


def _about(
    turn: NDArray[np.float64], *, pivot: NDArray[np.float64], lands: NDArray[np.float64]
) -> NDArray[np.float64]:
    out = np.eye(4)
    out[:3, :3] = turn
    out[:3, 3] = lands - turn @ pivot
    return out


def project(
    points: NDArray[np.floating], *, bone: NDArray[np.float64], stance: Stance
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Project points that follow one bone.

    Returns:
        picture coordinates in picture sides (N, 2), x right, y down, and depth along the view (N,).
    """
    seen = points @ bone[:3, :3].T + bone[:3, 3]
    depth = -seen[:, 2]
    x = stance.centre[0] + stance.focal * seen[:, 0] / depth
    y = stance.centre[1] - stance.focal * seen[:, 1] / depth
    return np.stack([x, y], 1), depth
