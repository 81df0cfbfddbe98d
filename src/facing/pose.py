"""The record contract: what facing says about one head, and its JSON form.

Degrees, xyxy pixels of the upright picture and the rotation head -> camera of docs/conventions.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from facing.errors import BoxError, DataError
from facing.geometry.azimuth import azimuth_deg
from facing.geometry.rotation import euler_from_rotation, front_from_rotation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

SCHEMA = 1
ANGLES = frozenset({"yaw", "pitch", "roll"})
FACINGS = ("front", "left", "right", "back")

Facing = Literal["front", "left", "right", "back"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class HeadPose:
    """One head.

    Attributes:
        box: left, top, right, bottom of the bald head, pixels; it may leave the picture.
        score: how sure it is that this is a head, 0 to 1; 1 where the box was given.
        rotation: (3, 3) head -> camera, read-only float64.
        error_deg: expected geodesic error in degrees, None where the model states none. Where its card has
            no table of `facing calibrate`, this is the network's own estimate, `spread` in degrees, which
            nobody has measured.
        spread: what the network says about its own error, radians; it stays out of the JSON form, which
            has `error_deg`.
        orientation: probabilities of front, side and back, from models that tell them.
        track: number of the person in a video.
        time: of the frame in seconds.
        known: which angles the model can tell; a model that gives only the facing direction knows no roll.
    """

    box: tuple[float, float, float, float]
    score: float
    rotation: NDArray[np.float64]
    error_deg: float | None = None
    spread: float | None = None
    orientation: tuple[float, float, float] | None = None
    track: int | None = None
    time: float | None = None
    known: frozenset[str] = field(default=ANGLES)

    def __post_init__(self) -> None:
        """Check box, rotation and `known`, and hold plain floats and a read-only copy."""
        set_field = object.__setattr__
        set_field(self, "box", _box(self.box))
        set_field(self, "score", float(self.score))
        set_field(self, "rotation", _rotation(self.rotation))
        for name in ("error_deg", "spread", "time"):
            value = getattr(self, name)
            set_field(self, name, None if value is None else float(value))
        if self.orientation is not None:
            front, side, back = (float(share) for share in self.orientation)
            set_field(self, "orientation", (front, side, back))
        set_field(self, "track", None if self.track is None else int(self.track))
        set_field(self, "known", frozenset(self.known))
        if not self.known <= ANGLES:
            raise DataError(f"known holds {sorted(self.known - ANGLES)}; it may hold yaw, pitch and roll")

    @property
    def yaw(self) -> float | None:
        """Degrees, > 0 towards the left edge of the picture; None when not known."""
        return self._angle("yaw")

    @property
    def pitch(self) -> float | None:
        """Degrees, > 0 up; None when not known."""
        return self._angle("pitch")

    @property
    def roll(self) -> float | None:
        """Degrees, > 0 clockwise in the picture; None when not known."""
        return self._angle("roll")

    @property
    def front(self) -> NDArray[np.float64]:
        """Where the face points, (3,) unit vector: x right, y up, z to the viewer."""
        return np.asarray(front_from_rotation(self.rotation), dtype=np.float64)

    @property
    def facing(self) -> Facing:
        """The side the head faces, left and right as the viewer of the picture sees them.

        By the azimuth about the picture's upright axis (`facing.geometry.azimuth`): front up to 45
        degrees, back beyond 135, else left or right.
        """
        azimuth = float(azimuth_deg(self.rotation))
        if abs(azimuth) <= 45:
            return "front"
        if abs(azimuth) > 135:
            return "back"
        return "left" if azimuth > 0 else "right"

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON form: box to 0.01 px, angles to 0.01 degrees, rotation to 1e-6.

        Angles and facing are read off the rounded rotation, so that the record agrees with itself and
        `from_dict` followed by `to_dict` changes nothing. `orientation`, `track`, `time` and `known`
        appear only when they say something.
        """
        rotation = np.round(self.rotation, 6) + 0.0  # + 0.0 turns -0.0 into 0.0
        rounded = HeadPose(box=self.box, score=self.score, rotation=rotation, known=self.known)
        record: dict[str, Any] = {
            "box": [_rounded(edge, 2) for edge in self.box],
            "score": _rounded(self.score, 4),
            "yaw": _rounded(rounded.yaw, 2),
            "pitch": _rounded(rounded.pitch, 2),
            "roll": _rounded(rounded.roll, 2),
            "rotation": rotation.tolist(),
            "error_deg": _rounded(self.error_deg, 2),
            "facing": rounded.facing,
        }
        if self.orientation is not None:
            record["orientation"] = [_rounded(share, 4) for share in self.orientation]
        if self.track is not None:
            record["track"] = self.track
        if self.time is not None:
            record["time"] = _rounded(self.time, 4)
        if self.known != ANGLES:
            record["known"] = sorted(self.known)
        return record

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> HeadPose:
        """Read the JSON form. Angles and facing follow from the rotation and are not read.

        Raises:
            DataError: a field is missing or is not what it should be.
            BoxError: the box is no box.
        """
        try:
            return cls(
                box=record["box"],
                score=record["score"],
                rotation=record["rotation"],
                error_deg=record.get("error_deg"),
                orientation=record.get("orientation"),
                track=record.get("track"),
                time=record.get("time"),
                known=frozenset(record.get("known", ANGLES)),
            )
        except KeyError as error:
            raise DataError(f"a head record has no {error}; write it with HeadPose.to_dict") from error
        except (TypeError, ValueError) as error:
            raise DataError(
                f"a head record cannot be read ({error}); write it with HeadPose.to_dict"
            ) from error

    def __eq__(self, other: object) -> bool:
        """Two records are equal when all their fields are, the rotation to the last bit."""
        return self._key() == other._key() if isinstance(other, HeadPose) else NotImplemented

    def __hash__(self) -> int:
        """Hash what equality compares."""
        return hash(self._key())

    def _angle(self, name: str) -> float | None:
        return float(getattr(euler_from_rotation(self.rotation), name)) if name in self.known else None

    def _key(self) -> tuple[object, ...]:
        return (
            self.box,
            self.score,
            tuple(self.rotation.ravel().tolist()),
            self.error_deg,
            self.spread,
            self.orientation,
            self.track,
            self.time,
            self.known,
        )


def record_schema() -> dict[str, Any]:
    """Give the JSON schema of one head (`HeadPose.to_dict`), draft 2020-12."""
    number, angle = {"type": "number"}, {"type": ["number", "null"], "minimum": -180, "maximum": 180}
    share = {"type": "number", "minimum": 0, "maximum": 1}
    properties = {
        "box": _list_of(number, 4),
        "score": share,
        "yaw": angle,
        "pitch": angle,
        "roll": angle,
        "rotation": _list_of(_list_of({"type": "number", "minimum": -1, "maximum": 1}, 3), 3),
        "error_deg": {"type": ["number", "null"], "minimum": 0},
        "facing": {"enum": list(FACINGS)},
        "orientation": _list_of(share, 3),
        "track": {"type": "integer"},
        "time": number,
        "known": {"type": "array", "items": {"enum": sorted(ANGLES)}, "uniqueItems": True},
    }
    optional = ("orientation", "track", "time", "known")
    return _object(properties, required=[name for name in properties if name not in optional])


def line_schema() -> dict[str, Any]:
    """Give the JSON schema of one line of `facing estimate --format jsonl`, one picture with its heads."""
    size = {"type": ["integer", "null"], "minimum": 1}
    properties = {
        "schema": {"const": SCHEMA},
        "file": {"type": "string"},
        "width": size,
        "height": size,
        "heads": {"type": "array", "items": record_schema()},
        "error": {"type": ["string", "null"]},
    }
    schema = _object(properties, required=list(properties))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _object(properties: dict[str, Any], *, required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _list_of(items: dict[str, Any], count: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": count, "maxItems": count}


def _box(box: ArrayLike) -> tuple[float, float, float, float]:
    edges = np.asarray(box, dtype=np.float64)
    if edges.shape != (4,) or not np.all(np.isfinite(edges)):
        raise BoxError(f"box {edges.tolist()} is not four finite numbers; give left, top, right, bottom")
    left, top, right, bottom = edges.tolist()
    if right <= left or bottom <= top:
        raise BoxError(f"box {edges.tolist()} has no area; give left, top, right, bottom")
    return left, top, right, bottom


def _rotation(rotation: ArrayLike) -> NDArray[np.float64]:
    matrix = np.array(rotation, dtype=np.float64)
    # 1e-3 lets float32 networks and printed matrices through and stops scaled or mirrored ones.
    if (
        matrix.shape != (3, 3)
        or not np.abs(matrix @ matrix.T - np.eye(3)).max() <= 1e-3  # also true of NaN
        or np.linalg.det(matrix) < 0
    ):
        raise DataError(f"{matrix.tolist()} is no rotation; use facing.geometry.rotation.nearest_rotation")
    matrix.flags.writeable = False
    return matrix


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(float(value), digits) + 0.0
