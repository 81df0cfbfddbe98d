import dataclasses
import json

import pytest

from facing.crop import CropSpec
from facing.errors import ModelError
from facing.runtime.calibration import Calibration
from facing.runtime.card import SCHEMA, Card, Detection

POSE = Card(
    name="tiny-1",
    kind="pose",
    outputs=("rotation", "spread"),
    licence="Apache-2.0 AND MIT",
    crop=CropSpec(side=64, margins=(0.1, 0.2, 0.1, 0.0)),
    calibration=Calibration(spread_rad=(0.1, 0.4), error_deg=(3.0, 20.0)),
    recipe={"name": "tiny", "optim": {"lr": 0.001}},
    recipe_hash="abc",
    data=({"name": "renders", "licence": "CC0-1.0"},),
    seed=7,
    commit="0123abc",
    created="2026-11-21",
    measured={"aflw2000": {"mae": 6.5}},
    notes="für Tests",
)
HEADS = Card(
    name="finder-1",
    kind="heads",
    outputs=("boxes", "scores"),
    licence="Apache-2.0",
    detection=Detection(stride=16, long_side=320, score_threshold=0.5, overlap_limit=0.4),
)


@pytest.mark.parametrize("card", [POSE, HEADS], ids=lambda card: card.kind)
def test_a_card_comes_back_equal(card):
    text = card.to_json()
    assert Card.from_json(text) == card
    assert json.loads(text)["schema"] == SCHEMA
    assert Card.from_json(text).to_json() == text


def changed(**values):
    return json.dumps(json.loads(POSE.to_json()) | values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON .* export it again with: facing export"),
        ("[]", "no JSON object"),
        (changed(schema=SCHEMA + 1), "has schema 2, this version reads 1; upgrade: pip install"),
        (changed(schema="1"), "schema '1'"),
        (changed(colour="red"), "colour in its card is unknown to this version"),
        (json.dumps({"schema": 1, "name": "x"}), "kind, licence, outputs in its card is missing"),
        (changed(kind="cats"), "of kind 'cats'; known: pose, heads"),
        (changed(kind="heads"), "outputs rotation, spread; a heads model"),
        (changed(outputs=["rotation", "boxes"]), "a pose model gives each of"),
        (changed(outputs=["spread"]), "neither rotation nor front"),
        (changed(outputs=["rotation"]), "calibrates a spread that is no output"),
        (changed(outputs="rotation"), "give a list of str"),
        (changed(convention="opencv"), "has convention 'opencv'; export it again"),
        (changed(crop=None), "which has crop and no detection"),
        (changed(crop={"side": 0}), "m.onnx: crop side is 0"),
        (changed(crop={"sides": 9}), "m.onnx: crop has no setting sides"),
        (changed(calibration={"spread_rad": [1], "error_deg": [1]}), "two or more pairs"),
        (changed(calibration={"table": 3}), "m.onnx: .*table"),
        (changed(data=[{"name": "x"}]), r"holds \['name'\]; give name and licence"),
        (changed(licence=""), "field licence is empty"),
        (changed(seed=True), "seed is True"),
        (changed(measured=[]), "measured is .* give a table"),
        (changed(notes=None), "notes is None; give a text"),
    ],
)
def test_wrong_cards_are_named(text, message):
    with pytest.raises(ModelError, match=message) as caught:
        Card.from_json(text, source="m.onnx")
    assert str(caught.value).startswith("m.onnx")


@pytest.mark.parametrize(
    ("field", "value"), [("stride", 0), ("long_side", 3.5), ("score_threshold", 1.5), ("overlap_limit", "x")]
)
def test_wrong_detector_fields_are_named(field, value):
    values = dataclasses.asdict(HEADS.detection) | {field: value}
    with pytest.raises(ModelError, match=f"detector {field} is"):
        Detection(**values)


def test_what_json_cannot_hold_is_refused():
    with pytest.raises(ModelError, match="does not go into JSON"):
        dataclasses.replace(POSE, measured={"mae": float("nan")}).to_json()


CLASSES = dataclasses.replace(
    POSE, outputs=("orientation",), calibration=None, labels=("front", "side", "back", "up")
)


def test_labels_come_back_and_cards_without_them_stay_as_they_were():
    assert Card.from_json(CLASSES.to_json()) == CLASSES
    assert json.loads(CLASSES.to_json())["labels"] == ["front", "side", "back", "up"]
    assert "labels" not in json.loads(POSE.to_json())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ("front", "front")}, "each once"),
        ({"labels": ("front",)}, "two or more"),
        ({"labels": ("front", "")}, "each once"),
        ({"labels": "front"}, "list of str"),
        ({"outputs": ("rotation",)}, "orientation that is no output"),
    ],
)
def test_wrong_labels_are_refused(changes, message):
    with pytest.raises(ModelError, match=message):
        dataclasses.replace(CLASSES, **changes)
