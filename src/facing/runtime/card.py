"""The model card: what a runtime must know about a model file and what its user may ask about it.

The card is JSON in the custom metadata of the ONNX file under `facing_card`. `facing export` writes it.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, Literal, get_args

from facing.crop import CropSpec
from facing.errors import DataError, ModelError
from facing.runtime.calibration import Calibration

METADATA_KEY = "facing_card"
SCHEMA = 1
CONVENTION = "rotation: head -> camera, x right, y up, z to the viewer; angles: 300W-LP"
REMEDY = "export it again with: facing export"

Kind = Literal["pose", "heads"]
# Shapes as in ARCHITECTURE.md; N heads or pictures, K boxes.
OUTPUTS: dict[Kind, tuple[str, ...]] = {
    "pose": ("rotation", "front", "orientation", "spread"),
    "heads": ("boxes", "scores"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """How a head detector wants to be used.

    Attributes:
        stride: height and width of its input are multiples of this, pixels.
        long_side: longer side to which a picture is scaled unless the user says otherwise, pixels.
        score_threshold: boxes below are dropped, 0 to 1.
        overlap_limit: of two boxes that overlap more, the better one stays, 0 to 1.
        near_long_side: longer side of a smaller look where the first is sure of nothing, for heads that fill
            the picture; 0 for none.
        near_score_threshold: as `score_threshold`, for boxes of that look; None for the same.
        close_long_side: longer side of a further, larger look at pictures in which small heads show; 0 for
            none.
        close_score_threshold: as `score_threshold`, for boxes of that look; None for the same.
        rise: boxes are moved up by this share of their longer side; what they sit too low on photographs.
    """

    stride: int
    long_side: int
    score_threshold: float
    overlap_limit: float
    near_long_side: int = 0
    near_score_threshold: float | None = None
    close_long_side: int = 0
    close_score_threshold: float | None = None
    rise: float = 0.0

    def __post_init__(self) -> None:
        """Check every field."""
        for name in ("stride", "long_side"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ModelError(f"detector {name} is {value!r}; give a whole number of pixels above 0")
        if not isinstance(self.near_long_side, int) or not 0 <= self.near_long_side <= self.long_side:
            raise ModelError(
                f"detector near_long_side is {self.near_long_side!r}; give 0 or up to {self.long_side} pixels"
            )
        close = self.close_long_side
        if isinstance(close, bool) or not isinstance(close, int) or (close and close < self.long_side):
            raise ModelError(
                f"detector close_long_side is {close!r}; give 0, or {self.long_side} pixels or more"
            )
        limits = ("near_score_threshold", "close_score_threshold")
        for name in ("score_threshold", "overlap_limit", "rise", *limits):
            value = getattr(self, name)
            if value is None and name in limits:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise ModelError(f"detector {name} is {value!r}; give a number from 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What travels inside a model file.

    Attributes:
        name: of the model, such as "small-1"; weights never change under a name.
        kind: "pose" or "heads".
        outputs: names of the graph's outputs.
        licence: of the weights.
        crop: how heads are cut for it; pose networks have one, detectors none.
        detection: how it finds heads; detectors have one, pose networks none.
        calibration: from spread to degrees; None where it was never measured, so that the spread itself is
            given for the expected error.
        convention: of the rotations, always `CONVENTION`.
        recipe: the resolved recipe it was trained with.
        recipe_hash: of that recipe.
        data: what it was trained on, each {"name": ..., "licence": ...}.
        seed: of the training run.
        commit: of facing, when it was trained.
        created: date of the export, ISO 8601.
        measured: figures by name, as the evaluation gave them.
        notes: free words.
        labels: names of the classes of `orientation`, in the order of its columns; empty where the network
            has no such output, or where they are the usual front, side and back.
    """

    name: str
    kind: Kind
    outputs: tuple[str, ...]
    licence: str
    schema: int = SCHEMA
    crop: CropSpec | None = None
    detection: Detection | None = None
    calibration: Calibration | None = None
    convention: str = CONVENTION
    recipe: dict[str, Any] = field(default_factory=dict)
    recipe_hash: str = ""
    data: tuple[dict[str, str], ...] = ()
    seed: int | None = None
    commit: str = ""
    created: str = ""
    measured: dict[str, Any] = field(default_factory=dict)
    notes: str = ""
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check what the runtime relies on; lists become tuples."""
        if self.schema != SCHEMA:
            raise ModelError(f"card {self.name!r} has schema {self.schema!r}, not {SCHEMA}; {REMEDY}")
        _check_texts(self)
        object.__setattr__(self, "outputs", _tuple("outputs", self.outputs, of=str))
        object.__setattr__(self, "data", _tuple("data", self.data, of=dict))
        object.__setattr__(self, "labels", _tuple("labels", self.labels, of=str))
        if self.kind not in get_args(Kind):
            raise ModelError(
                f"card {self.name!r} is of kind {self.kind!r}; known: {', '.join(get_args(Kind))}"
            )
        if self.convention != CONVENTION:
            raise ModelError(f"card {self.name!r} has convention {self.convention!r}; {REMEDY}")
        _check_outputs(self)
        _check_labels(self)
        if (self.crop is None) == (self.kind == "pose") or (self.detection is None) == (self.kind == "heads"):
            wants = "crop and no detection" if self.kind == "pose" else "detection and no crop"
            raise ModelError(f"card {self.name!r} is of kind {self.kind}, which has {wants}; {REMEDY}")
        if self.calibration is not None and "spread" not in self.outputs:
            raise ModelError(f"card {self.name!r} calibrates a spread that is no output; {REMEDY}")
        for row in self.data:
            if set(row) != {"name", "licence"}:
                raise ModelError(
                    f"card {self.name!r}: a row of data holds {sorted(row)}; give name and licence"
                )

    def to_json(self) -> str:
        """Give the text that goes into the metadata; `from_json` reads it back equal.

        Raises:
            ModelError: recipe or measured hold what JSON cannot.
        """
        values = asdict(self)
        if self.crop is not None:
            values["crop"] = self.crop.to_dict()
        if not self.labels:
            del values["labels"]  # versions that do not know the field read such models too
        try:
            return json.dumps(values, ensure_ascii=False, sort_keys=True, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ModelError(
                f"card {self.name!r} does not go into JSON ({error}); give plain values"
            ) from error

    @classmethod
    def from_json(cls, text: str, *, source: str = "the card") -> Card:
        """Read a card, strictly: unknown and missing fields are errors.

        Args:
            text: what `to_json` gives.
            source: the file it came from, for the error.

        Raises:
            ModelError: the text is no card, or one of another version.
        """
        try:
            values = json.loads(text)
        except ValueError as error:
            raise ModelError(f"{source}: its card is no JSON ({error}); {REMEDY}") from error
        if not isinstance(values, dict):
            raise ModelError(f"{source}: its card is no JSON object; {REMEDY}")
        schema = values.get("schema")
        if isinstance(schema, int) and schema > SCHEMA:
            raise ModelError(
                f"{source}: its card has schema {schema}, this version reads {SCHEMA}; "
                "upgrade: pip install --upgrade facing"
            )
        known = {entry.name: entry for entry in fields(cls)}
        required = {
            name
            for name, entry in known.items()
            if entry.default is MISSING and entry.default_factory is MISSING
        } | {"schema"}
        odd = sorted(set(values) - set(known)) or sorted(required - set(values))
        if odd:
            state = "unknown to this version" if odd[0] in values else "missing"
            raise ModelError(f"{source}: {', '.join(odd)} in its card is {state}; {REMEDY}")
        try:
            for name, read in (
                ("crop", CropSpec.from_dict),
                ("detection", _detection),
                ("calibration", _calibration),
            ):
                if values.get(name) is not None:
                    values[name] = read(values[name])
            return cls(**values)
        except (ModelError, DataError, TypeError, AttributeError) as error:
            raise ModelError(f"{source}: {error}") from error


def _detection(values: dict[str, Any]) -> Detection:
    return Detection(**values)


def _calibration(values: dict[str, Any]) -> Calibration:
    return Calibration(**values)


def _check_texts(card: Card) -> None:
    for name in ("name", "licence", "convention", "recipe_hash", "commit", "created", "notes"):
        if not isinstance(getattr(card, name), str):
            raise ModelError(f"card field {name} is {getattr(card, name)!r}; give a text")
    for name in ("name", "licence"):
        if not getattr(card, name):
            raise ModelError(f"card field {name} is empty; a model states its {name}")
    for name in ("recipe", "measured"):
        if not isinstance(getattr(card, name), dict):
            raise ModelError(f"card field {name} is {getattr(card, name)!r}; give a table")
    if card.seed is not None and (isinstance(card.seed, bool) or not isinstance(card.seed, int)):
        raise ModelError(f"card field seed is {card.seed!r}; give a whole number")


def _check_labels(card: Card) -> None:
    if not card.labels:
        return
    if "orientation" not in card.outputs:
        raise ModelError(f"card {card.name!r} names classes of an orientation that is no output; {REMEDY}")
    if len(card.labels) < 2 or len(set(card.labels)) != len(card.labels) or not all(card.labels):
        raise ModelError(f"card {card.name!r} has labels {list(card.labels)}; give two or more, each once")


def _tuple(name: str, values: Any, *, of: type) -> tuple[Any, ...]:
    if not isinstance(values, list | tuple) or not all(isinstance(value, of) for value in values):
        raise ModelError(f"card field {name} is {values!r}; give a list of {of.__name__}")
    return tuple(values)


def _check_outputs(card: Card) -> None:
    allowed = OUTPUTS[card.kind]
    wrong = [name for name in card.outputs if name not in allowed]
    if wrong or len(set(card.outputs)) != len(card.outputs):
        raise ModelError(
            f"card {card.name!r} has outputs {', '.join(card.outputs)}; a {card.kind} model gives each of "
            f"{', '.join(allowed)} once at most"
        )
    if card.kind == "heads" and len(card.outputs) != len(allowed):
        raise ModelError(f"card {card.name!r} has outputs {', '.join(card.outputs)}; a detector gives both")
    if card.kind == "pose" and not {"rotation", "front", "orientation"} & set(card.outputs):
        raise ModelError(f"card {card.name!r} gives neither rotation nor front nor orientation; {REMEDY}")
