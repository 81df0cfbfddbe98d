"""The crop contract: box + picture -> network input, the same in training, evaluation, export and use."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np
from PIL import Image

from facing.errors import BoxError, DataError, PictureError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

SquareRule = Literal["longer", "shorter", "stretch"]
Border = Literal["black", "edge", "mirror", "clip"]
Filter = Literal["box", "bilinear", "hamming", "bicubic", "lanczos"]

# Reach of each filter in output pixels, as Pillow defines them.
REACH: Mapping[str, float] = MappingProxyType(
    {"box": 0.5, "bilinear": 1.0, "hamming": 1.0, "bicubic": 2.0, "lanczos": 3.0}
)
# Above this many source pixels per output pixel the source is averaged in whole cells first: Pillow's
# documentation calls a gap of 3 hard to tell from the plain filter, and a huge head costs what its area does.
# 2 would take a quarter less time at 5 and let points land 1.4 grey levels of a ramp off instead of 1.2.
REDUCING_GAP = 3.0
BAND_PIXELS = 200_000
FAR_PX = 1e6  # no picture reaches that far; it also keeps the padding of any crop small


@dataclass(frozen=True, slots=True, kw_only=True)
class CropSpec:
    """How a crop is cut around a head box.

    In this order: the box is widened by `margins`, moved by `shift`, made square by `square`, scaled by
    `scale` about its centre, filled by `border` where it leaves the picture and resampled to `side`.

    Attributes:
        side: S, pixels of the crop.
        scale: of the squared region about its centre.
        square: "longer" keeps the aspect of the picture and takes the longer side, "shorter" the shorter
            one (Resize and CenterCrop of torchvision), "stretch" squeezes the region as it is.
        margins: left, top, right, bottom, in parts of the box's width and height.
        shift: right, down, in parts of the box's width and height.
        border: what lies outside the picture; "clip" cuts the region to the picture and goes with
            "stretch" only.
        filter: of Pillow, antialiased when it shrinks.
    """

    side: int = 112
    scale: float = 1.12
    square: SquareRule = "longer"
    margins: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    shift: tuple[float, float] = (0.0, 0.0)
    border: Border = "black"
    filter: Filter = "bilinear"

    def __post_init__(self) -> None:
        """Check every field; lists become tuples."""
        object.__setattr__(self, "margins", _numbers("margins", self.margins, count=4))
        object.__setattr__(self, "shift", _numbers("shift", self.shift, count=2))
        object.__setattr__(self, "scale", *_numbers("scale", (self.scale,), count=1))
        if isinstance(self.side, bool) or not isinstance(self.side, int) or not 1 <= self.side <= 4096:
            raise DataError(f"crop side is {self.side!r}; give a whole number from 1 to 4096")
        if self.scale <= 0:
            raise DataError(f"crop scale is {self.scale}; give a factor above 0")
        left, top, right, bottom = self.margins
        if left + right <= -1 or top + bottom <= -1:
            raise DataError(f"crop margins {self.margins} leave nothing of the box; give larger ones")
        for name, kind in (("square", SquareRule), ("border", Border), ("filter", Filter)):
            if getattr(self, name) not in get_args(kind):
                raise DataError(f"crop {name} is {getattr(self, name)!r}; known: {', '.join(get_args(kind))}")
        if self.border == "clip" and self.square != "stretch":
            raise DataError(f'crop border "clip" goes with square "stretch", not {self.square!r}; change one')

    def to_dict(self) -> dict[str, Any]:
        """Give every field, as JSON and TOML hold them."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CropSpec:
        """Read what `to_dict` gives; missing fields have their defaults.

        Raises:
            DataError: a key or a value is unknown.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise DataError(f"crop has no setting {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        return cls(**values)


class Crops(NamedTuple):
    """The heads of one picture.

    Attributes:
        pixels: (K, S, S, 3) uint8 RGB.
        crop_from_picture: (K, 2, 3) affine maps of pixel-edge coordinates (pixel centres at .5).
    """

    pixels: NDArray[np.uint8]
    crop_from_picture: NDArray[np.float64]


def crop_heads(picture: NDArray[np.uint8], boxes: ArrayLike, spec: CropSpec) -> Crops:
    """Cut every head out of a picture.

    Args:
        picture: upright RGB, (H, W, 3) uint8.
        boxes: xyxy in pixels, (K, 4); K may be 0, boxes may leave the picture in part.
        spec: side S, region, border and filter of the crop.

    Returns:
        `pixels` (K, S, S, 3) and `crop_from_picture` (K, 2, 3).

    Raises:
        PictureError: the picture is not (H, W, 3) uint8.
        BoxError: a box has no area, misses the picture or is not four finite numbers.

    Convention: pixel edges, the first pixel covers 0 to 1; x right, y down.
    Source: own rule; others in `PUBLISHED`.
    """
    _check_picture(picture)
    height, width = picture.shape[:2]
    xyxy = checked_boxes(boxes, width=width, height=height)
    pixels = np.zeros((len(xyxy), spec.side, spec.side, 3), dtype=np.uint8)
    crop_from_picture = np.zeros((len(xyxy), 2, 3))
    for index, box in enumerate(xyxy):
        region = _region(box, spec=spec, width=width, height=height)
        pixels[index] = _resampled(picture, region, spec=spec)
        scale = spec.side / (region[2:] - region[:2])
        crop_from_picture[index] = np.column_stack([np.diag(scale), -scale * region[:2]])
    return Crops(pixels, crop_from_picture)


def sequential_margins(
    left: float, top: float, right: float, bottom: float
) -> tuple[float, float, float, float]:
    """Turn margins of which the later ones measure the already widened box into margins of the box.

    Hopenet's readers widen left and top first and take right and bottom from the new width and height.

    Args:
        left: part of the width.
        top: part of the height.
        right: part of the width widened by `left`.
        bottom: part of the height widened by `top`.

    Source: Ruiz et al. 2018, `datasets.py` of natanielruiz/deep-head-pose.
    """
    return (left, top, right * (1 + left), bottom * (1 + top))


def _numbers(name: str, values: Any, *, count: int) -> tuple[float, ...]:
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) != count or not all(math.isfinite(value) for value in numbers):
        raise DataError(f"crop {name} is {values!r}; give {count} finite numbers")
    return numbers


def _check_picture(picture: Any) -> None:
    if not isinstance(picture, np.ndarray):
        raise PictureError(f"a {type(picture).__name__} cannot be cropped; read it with facing.load_picture")
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or picture.size == 0:
        raise PictureError(
            f"the picture is {picture.shape} {picture.dtype}, not (H, W, 3) uint8 RGB; "
            "read it with facing.load_picture"
        )


def checked_boxes(boxes: ArrayLike, *, width: int, height: int) -> NDArray[np.float64]:
    """Give boxes as (K, 4) float64.

    Raises:
        BoxError: a box has no area, misses the picture or is not four finite numbers.
    """
    try:
        xyxy = np.asarray(boxes, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BoxError(f"boxes are no numbers ({error}); give (K, 4): left, top, right, bottom") from error
    if xyxy.size == 0:
        return np.zeros((0, 4))
    if xyxy.ndim != 2 or xyxy.shape[1] != 4:
        raise BoxError(f"boxes have shape {xyxy.shape}; give (K, 4): left, top, right, bottom")
    for index, box in enumerate(xyxy):
        left, top, right, bottom = shown = box.tolist()
        if not np.all(np.abs(box) <= FAR_PX):  # also true of NaN
            raise BoxError(f"box {index} is {shown}; give finite pixels, left, top, right, bottom")
        if right <= left or bottom <= top:
            raise BoxError(f"box {index} is {shown} and has no area; give left, top, right, bottom")
        if left >= width or top >= height or right <= 0 or bottom <= 0:
            raise BoxError(
                f"box {index} is {shown} and misses the {width} x {height} picture; give its pixels"
            )
    return xyxy


def _region(box: NDArray[np.float64], *, spec: CropSpec, width: int, height: int) -> NDArray[np.float64]:
    """Give the xyxy part of the plane that fills the crop."""
    size = box[2:] - box[:2]
    start = box[:2] + (np.array(spec.shift) - spec.margins[:2]) * size
    end = box[2:] + (np.array(spec.shift) + spec.margins[2:]) * size
    centre, size = (start + end) / 2, end - start
    if spec.square == "longer":
        size = np.full(2, size.max())
    elif spec.square == "shorter":
        size = np.full(2, size.min())
    start, end = centre - size * spec.scale / 2, centre + size * spec.scale / 2
    if spec.border == "clip":
        start, end = np.clip(start, 0, (width, height)), np.clip(end, 0, (width, height))
    # Pillow reads the region in single precision: a thousandth of a pixel is the least it can tell.
    if np.any(end - start < 1e-3):
        raise BoxError(f"the crop around box {box.tolist()} has no area; give a larger box")
    if np.any(end <= 0) or np.any(start >= (width, height)):
        raise BoxError(f"the crop around box {box.tolist()} misses the picture; use a smaller shift")
    return np.concatenate([start, end])


def _resampled(
    picture: NDArray[np.uint8], region: NDArray[np.float64], *, spec: CropSpec
) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    ratio = (region[2:] - region[:2]) / spec.side
    # At most 1024: the sums of larger cells leave Pillow's 32 bits.
    cell = np.clip(ratio // REDUCING_GAP, 1, 1024).astype(int)
    # All in cells from here on; one more than the filter reaches, so that the cut is never seen.
    inner = region / np.tile(cell, 2)
    reach = np.maximum(ratio / cell, 1.0) * REACH[spec.filter] + 1
    start = np.floor(inner[:2] - reach).astype(int)
    end = np.ceil(inner[2:] + reach).astype(int)
    limit = -(-np.array([width, height]) // cell)
    if spec.border == "clip":
        start, end = np.maximum(start, 0), np.minimum(end, limit)
    # For "edge" and "mirror" far outside, at least one row and column of the picture must remain.
    inside_start = np.clip(start, 0, limit - 1)
    inside_end = np.clip(end, inside_start + 1, limit)
    patch = _cells(picture, inside_start, inside_end, cell=cell)
    patch = _padded(patch, before=inside_start - start, after=end - inside_end, border=spec.border)
    window = tuple((inner - np.tile(start, 2)).tolist())
    resampling = Image.Resampling[spec.filter.upper()]
    return np.asarray(Image.fromarray(patch).resize((spec.side, spec.side), resampling, box=window))


def _cells(
    picture: NDArray[np.uint8], start: NDArray[np.int_], end: NDArray[np.int_], *, cell: NDArray[np.int_]
) -> NDArray[np.uint8]:
    """Average whole cells of the picture's own grid; those at its right and bottom edge may be cut."""
    (x0, y0), (x1, y1) = (start * cell).tolist(), (end * cell).tolist()
    patch = picture[y0:y1, x0:x1]
    if cell.max() == 1:
        return patch
    factor = (int(cell[0]), int(cell[1]))
    # In bands: Pillow works on a copy, and copying a huge patch at once takes longer than averaging it.
    band = factor[1] * max(1, BAND_PIXELS // (factor[1] * patch.shape[1]))
    return np.concatenate(
        [
            np.asarray(Image.fromarray(np.ascontiguousarray(patch[row : row + band])).reduce(factor))
            for row in range(0, len(patch), band)
        ]
    )


def _padded(
    patch: NDArray[np.uint8], *, before: NDArray[np.int_], after: NDArray[np.int_], border: Border
) -> NDArray[np.uint8]:
    columns, rows = zip(before.tolist(), after.tolist(), strict=True)
    if max(*columns, *rows) <= 0:
        return np.ascontiguousarray(patch)
    if border == "edge":
        return np.pad(patch, (rows, columns, (0, 0)), mode="edge")
    if border == "mirror":
        return np.pad(patch, (rows, columns, (0, 0)), mode="symmetric")
    height, width = patch.shape[:2]
    padded = np.zeros((height + sum(rows), width + sum(columns), 3), dtype=np.uint8)
    padded[rows[0] : rows[0] + height, columns[0] : columns[0] + width] = patch
    return padded


def _published(side: int, *, scale: float = 1.0, square: SquareRule = "stretch", **rest: Any) -> CropSpec:
    return CropSpec(side=side, scale=scale, square=square, **rest)


# Test-time crops of published systems (docs/conventions.md); unlike theirs, ours keep sub-pixel edges and
# antialias. Resize(A) and CenterCrop(S) of a widened box is the square of its shorter side, scaled by S / A.
# Boxes they start from: landmarks (Hopenet, 6DRepNet, FSA-Net, pyramid, OPAL), a face detector's (-biwi,
# -afw), the labelled head or face (compact, SemiUHPE).
PUBLISHED: Mapping[str, CropSpec] = MappingProxyType(
    {
        "hopenet": _published(224, square="shorter", margins=sequential_margins(0.4, 0.4, 0.4, 0.12)),
        "hopenet-biwi": _published(224, square="shorter", margins=sequential_margins(0.21, 0.35, 0.21, 0.21)),
        "hopenet-afw": _published(
            224, square="shorter", margins=sequential_margins(0.256, 0.64, 0.256, 0.32)
        ),
        "6drepnet": _published(
            224, scale=224 / 256, square="shorter", margins=sequential_margins(0.4, 0.4, 0.4, 0.12)
        ),
        "fsanet": _published(64, margins=(0.6, 0.6, 0.6, 0.6), border="clip"),
        "fsanet-biwi": _published(64, margins=(0.4, 0.4, 0.4, 0.4), border="clip"),
        "pyramid": _published(224, margins=sequential_margins(0.12, 0.4, 0.12, 0.12)),
        "compact": _published(224, square="shorter", margins=sequential_margins(0.1, 0.1, 0.1, 0.03)),
        "semiuhpe": _published(224, square="longer", margins=(0.2, 0.4, 0.2, 0.0)),
        "opal": _published(128, scale=1.6, square="longer"),
    }
)
