"""Networks small enough to know every answer of, as ONNX files with cards."""

from pathlib import Path

import onnx
import onnx.parser

from facing.crop import CropSpec
from facing.runtime.calibration import Calibration
from facing.runtime.card import METADATA_KEY, Card, Detection

# sin(yaw) is the mean red, spread the mean green of the crop, both in 0..1.
POSE = """
<ir_version: 9, opset_import: ["" : 18]>
tiny (uint8[N, {side}, {side}, 3] picture) => ({outputs})
{{
  values = Cast <to = 1> (picture)
  space = Constant <value_ints = [1, 2]> ()
  full = Constant <value_float = 255.0> ()
  mean = ReduceMean <keepdims = 0> (values, space)
  colour = Div (mean, full)
  parts = Constant <value_ints = [1, 1, 1]> ()
  s, spread2, blue = Split <axis = 1> (colour, parts)
  one = Constant <value_float = 1.0> ()
  ss = Mul (s, s)
  cc = Sub (one, ss)
  c = Sqrt (cc)
  minus = Neg (s)
  zeros = Sub (s, s)
  ones = Add (zeros, one)
  flat = Concat <axis = 1> (c, zeros, minus, zeros, ones, zeros, s, zeros, c)
  square = Constant <value_ints = [-1, 3, 3]> ()
  rotation = Reshape (flat, square)
  front = Concat <axis = 1> (minus, zeros, c)
  orientation = Concat <axis = 1> (c, s, zeros)
  last = Constant <value_ints = [1]> ()
  spread = Squeeze (spread2, last)
}}
"""
SHAPES = {"rotation": "N, 3, 3", "front": "N, 3", "orientation": "N, 3", "spread": "N"}

# The box of all pixels whose red is above 128, the same box moved by one pixel, and an empty one.
HEADS = """
<ir_version: 9, opset_import: ["" : 18]>
tiny (uint8[N, H, W, 3] picture) => (float[N, 3, 4] boxes, float[N, 3] scores)
{
  values = Cast <to = 1> (picture)
  first = Constant <value_int = 0> ()
  red = Gather <axis = 3> (values, first)
  half = Constant <value_float = 128.0> ()
  bright = Greater (red, half)
  mask = Cast <to = 1> (bright)
  axis1 = Constant <value_ints = [1]> ()
  axis2 = Constant <value_ints = [2]> ()
  columns = ReduceMax <keepdims = 0> (mask, axis1)
  rows = ReduceMax <keepdims = 0> (mask, axis2)
  start = Constant <value_float = 0.0> ()
  one = Constant <value_float = 1.0> ()
  shape = Shape <start = 1, end = 3> (picture)
  size = Cast <to = 1> (shape)
  i0 = Constant <value_int = 0> ()
  i1 = Constant <value_int = 1> ()
  height = Gather (size, i0)
  width = Gather (size, i1)
  xs = Range (start, width, one)
  ys = Range (start, height, one)
  xs1 = Add (xs, one)
  ys1 = Add (ys, one)
  xsr = Sub (width, xs)
  ysr = Sub (height, ys)
  ends_x = Mul (columns, xs1)
  ends_y = Mul (rows, ys1)
  starts_x = Mul (columns, xsr)
  starts_y = Mul (rows, ysr)
  x1 = ReduceMax <keepdims = 1> (ends_x, axis1)
  y1 = ReduceMax <keepdims = 1> (ends_y, axis1)
  far_x = ReduceMax <keepdims = 1> (starts_x, axis1)
  far_y = ReduceMax <keepdims = 1> (starts_y, axis1)
  x0 = Sub (width, far_x)
  y0 = Sub (height, far_y)
  box = Concat <axis = 1> (x0, y0, x1, y1)
  moved = Add (box, one)
  empty = Sub (box, box)
  box3 = Unsqueeze (box, axis1)
  moved3 = Unsqueeze (moved, axis1)
  empty3 = Unsqueeze (empty, axis1)
  boxes = Concat <axis = 1> (box3, moved3, empty3)
  zero = Sub (x0, x0)
  s0 = Constant <value_float = 0.9> ()
  s1 = Constant <value_float = 0.8> ()
  s2 = Constant <value_float = 0.7> ()
  score0 = Add (zero, s0)
  score1 = Add (zero, s1)
  score2 = Add (zero, s2)
  scores = Concat <axis = 1> (score0, score1, score2)
}
"""


def write(model: onnx.ModelProto, path: Path, *, card: str | None) -> Path:
    if card is not None:
        entry = model.metadata_props.add()
        entry.key, entry.value = METADATA_KEY, card
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def pose_card(*outputs: str, side: int = 32, calibration: Calibration | None = None) -> Card:
    return Card(
        name="tiny-1",
        kind="pose",
        outputs=outputs or ("rotation", "spread"),
        licence="MIT",
        crop=CropSpec(side=side, scale=1.0),
        calibration=calibration,
    )


def write_pose(path: Path, *, card: Card | None = None, text: str | None = None) -> Path:
    """Write the pose network with the outputs of a card; `text` replaces its JSON, "" leaves it out."""
    card = card or pose_card()
    assert card.crop is not None
    outputs = ", ".join(f"float[{SHAPES[name]}] {name}" for name in card.outputs)
    model = onnx.parser.parse_model(POSE.format(side=card.crop.side, outputs=outputs))
    return write(model, path, card=(card.to_json() if text is None else text) or None)


def write_heads(
    path: Path,
    *,
    long_side: int = 64,
    score_threshold: float = 0.5,
    near_long_side: int = 0,
    near: float | None = None,
    close_long_side: int = 0,
    close: float | None = None,
    rise: float = 0.0,
) -> Path:
    card = Card(
        name="finder-1",
        kind="heads",
        outputs=("boxes", "scores"),
        licence="MIT",
        detection=Detection(
            stride=16,
            long_side=long_side,
            score_threshold=score_threshold,
            overlap_limit=0.5,
            near_long_side=near_long_side,
            near_score_threshold=near,
            close_long_side=close_long_side,
            close_score_threshold=close,
            rise=rise,
        ),
    )
    return write(onnx.parser.parse_model(HEADS), path, card=card.to_json())
