"""Any picture file or array -> upright RGB, (H, W, 3) uint8, or a PictureError that says what to do."""

from __future__ import annotations

import contextlib
import glob
import importlib
import io
import os
import stat
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from PIL import ExifTags, Image

from facing.errors import PictureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeAlias

    from numpy.typing import NDArray

    PictureSource: TypeAlias = str | os.PathLike[str] | bytes | IO[bytes] | Image.Image | NDArray[np.uint8]

# What Pillow refuses unless told otherwise; pictures of 108-megapixel phones lie below.
MAX_PIXELS = 178_956_970
ENDINGS = frozenset(
    f".{ending}"
    for ending in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "webp", "tif", "tiff", "bmp", "gif", "avif", "heic", "heif"),
        *("pgm", "ppm", "pbm", "pnm"),
    )
)
# Readers that only read pixels: others of Pillow start programs (EPS) or are rarely fuzzed.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "DIB", "GIF", "AVIF", "PPM")
HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
NEUTRAL = 128  # what shows through transparent pixels: neither a light nor a dark head drowns in it
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_headers = threading.Lock()  # warnings.catch_warnings is not safe between threads


def load_picture(source: PictureSource, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Read a picture as a viewer shows it: upright, RGB.

    Args:
        source: path, encoded bytes, binary file object, PIL image, or an array that is passed through:
            RGB (H, W, 3) or grey (H, W), uint8. Of an animation the first frame is read.
        max_pixels: pictures with more pixels are refused before they are decoded.

    Returns:
        (H, W, 3) uint8 RGB. EXIF orientation is applied, transparency lies over mid grey, colour profiles
        are ignored. 16-bit values are scaled by their full range, never by the picture's own maximum.
        An RGB array comes back without a copy where it is contiguous.

    Raises:
        PictureError: the source is no such picture, is broken, empty or too large.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        return _decoded(source, name="the PIL image", max_pixels=max_pixels)
    if isinstance(source, bytes | bytearray | memoryview):
        return _from_stream(io.BytesIO(source), name="the bytes given", max_pixels=max_pixels)
    if isinstance(source, str | os.PathLike):
        return _from_file(Path(source), max_pixels=max_pixels)
    if hasattr(source, "read"):
        name = str(getattr(source, "name", "") or "the file object")
        data = source.read()
        if not isinstance(data, bytes):
            raise PictureError(f"{name} is open as text; open it in binary mode")
        return _from_stream(io.BytesIO(data), name=name, max_pixels=max_pixels)
    raise PictureError(
        f"a {type(source).__name__} is no picture; give a path, bytes, a binary file, a PIL image "
        "or a (H, W, 3) uint8 RGB array"
    )


@dataclass(frozen=True, slots=True)
class FoundPicture:
    """One picture file, or one input that led to none.

    Attributes:
        path: the file; where there is an error, the input as it was given.
        error: why this input gives no picture; None for a file.
    """

    path: Path
    error: PictureError | None = None


def find_pictures(inputs: Iterable[str | os.PathLike[str]]) -> list[FoundPicture]:
    """Expand files, folders and patterns to picture files.

    Args:
        inputs: files (kept whatever their ending), folders (searched to any depth, sorted, hidden files
            skipped) and patterns such as "photos/**/*.jpg"; the last two yield known endings only.

    Returns:
        Files in the order of the inputs, each once. An input that is missing or holds no picture stands in
        its place with its error, so one wrong name does not stop the rest.
    """
    found: dict[Path, FoundPicture] = {}
    for given in inputs:
        path = Path(given)
        for file in _expanded(path):
            found.setdefault(file.path, file)
    return list(found.values())


def _expanded(path: Path) -> list[FoundPicture]:
    """List the pictures of one input, or what is wrong with it."""
    try:
        folder = stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        if glob.has_magic(str(path)):
            wrong = f"no picture matches {path}; quote the pattern and check it"
            return _matching(str(path)) or [FoundPicture(path, PictureError(wrong))]
        return [FoundPicture(path, _not_opened(path, error))]
    wrong = f"{path} holds no picture; give a folder with files such as .jpg or .png"
    if folder:
        return [FoundPicture(file) for file in _below(path)] or [FoundPicture(path, PictureError(wrong))]
    return [FoundPicture(path)]


def _matching(pattern: str) -> list[FoundPicture]:
    matches = sorted(map(Path, glob.glob(pattern, recursive=True)))  # noqa: PTH207 - any root
    # A link to nothing or a file that may not be read gets its error where it is loaded.
    return [
        FoundPicture(match)
        for match in matches
        if match.suffix.lower() in ENDINGS and (os.path.isfile(match) or not os.path.exists(match))  # noqa: PTH110, PTH113 - these never raise
    ]


def _below(folder: Path) -> list[Path]:
    files = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [Path(root, name) for name in names if not name.startswith(".")]
    return sorted(file for file in files if file.suffix.lower() in ENDINGS)


def _not_opened(path: Path, error: OSError | ValueError) -> PictureError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return PictureError(f"{path} does not exist; check the name")
    reason = getattr(error, "strerror", None) or error
    return PictureError(f"{path} cannot be opened ({reason}); check the name and its permissions")


def _from_array(array: NDArray[Any]) -> NDArray[np.uint8]:
    shape = array.shape
    if array.dtype != np.uint8:
        raise PictureError(
            f"the array is {array.dtype}, not uint8; scale it to 0..255 and use .astype(np.uint8)"
        )
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, axis=2)
    elif array.ndim == 3 and shape[0] == 3 and shape[2] != 3:
        raise PictureError(f"the array is {shape}, channels first; give (H, W, 3): array.transpose(1, 2, 0)")
    elif array.ndim != 3 or shape[2] != 3:
        raise PictureError(f"the array is {shape}; give RGB (H, W, 3) or grey (H, W)")
    if array.size == 0:
        raise PictureError(f"the array is {shape}, without a pixel; give a picture")
    return np.ascontiguousarray(array)


def _from_file(path: Path, *, max_pixels: int) -> NDArray[np.uint8]:
    if os.path.isdir(path):  # noqa: PTH112 - never raises
        raise PictureError(f"{path} is a folder; give a picture file")
    try:
        with path.open("rb") as stream:
            return _from_stream(stream, name=str(path), max_pixels=max_pixels)
    except (OSError, ValueError) as error:
        raise _not_opened(path, error) from error


def _from_stream(stream: IO[bytes], *, name: str, max_pixels: int) -> NDArray[np.uint8]:
    head = stream.read(64)
    if not head:
        raise PictureError(f"{name} is empty; fetch or export it again")
    stream.seek(0)
    formats = list(FORMATS)
    if head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS and b"avif" not in head:
        _register_heic(name)
        formats.append("HEIF")
    with _quiet():
        try:
            picture = Image.open(stream, formats=formats)
        except Exception as error:
            raise PictureError(
                f"{name} is no picture that can be read; give JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF or PGM"
            ) from error
    with picture:
        return _decoded(picture, name=name, max_pixels=max_pixels)


def _register_heic(name: str) -> None:
    try:
        importlib.import_module("pillow_heif").register_heif_opener()
    except ImportError as error:
        raise PictureError(f'{name} is HEIC. Install the reader: pip install "facing[heic]"') from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Pillow's warnings on odd headers and its own limit away; the sizes are checked here."""
    with _headers, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _decoded(picture: Image.Image, *, name: str, max_pixels: int) -> NDArray[np.uint8]:
    if picture.width * picture.height > max_pixels:
        raise PictureError(
            f"{name} has more than {max_pixels:,} pixels; make it smaller, or in Python raise max_pixels of "
            "facing.load_picture"
        )
    if 0 in picture.size:
        raise PictureError(f"{name} has no pixels; give a picture")
    try:
        picture.load()
        rgb = _rgb(picture, name=name)
        with _quiet():  # only now: Pillow turns some formats upright while it loads them
            orientation = picture.getexif().get(ExifTags.Base.Orientation)
        if orientation in UPRIGHT:
            rgb = rgb.transpose(UPRIGHT[orientation])
        return np.array(rgb)
    except PictureError:
        raise
    except Exception as error:  # readers raise nearly anything on broken bytes
        raise PictureError(f"{name} is broken or cut off ({error}); fetch or export it again") from error


def _rgb(picture: Image.Image, *, name: str) -> Image.Image:
    if picture.mode.startswith("I"):
        return Image.fromarray(_from_integers(picture)).convert("RGB")
    if picture.mode == "F":
        return Image.fromarray(_from_floats(np.asarray(picture), name=name)).convert("RGB")
    if picture.has_transparency_data:
        clear = picture.convert("RGBA")
        backdrop = Image.new("RGBA", picture.size, (NEUTRAL, NEUTRAL, NEUTRAL, 255))
        return Image.alpha_composite(backdrop, clear).convert("RGB")
    return picture.convert("RGB")


def _from_integers(picture: Image.Image) -> NDArray[np.uint8]:
    """Scale 16-bit and 32-bit grey by the range of its type. PGM readers already fill 16 bits."""
    values: NDArray[Any] = np.asarray(picture)
    full = 65535.0
    if picture.mode == "I":
        tags = getattr(picture, "tag_v2", {})  # TIFF only
        bits = int(tags.get(258, (16,))[0])
        signed = 339 in tags and tags[339][0] == 2
        if bits == 32 and not signed:
            values = values.view(np.uint32)
        full = float(2 ** (bits - signed) - 1)
    return _bytes(values, full=full)


def _bytes(values: NDArray[Any], *, full: float) -> NDArray[np.uint8]:
    scaled: NDArray[np.uint8] = np.rint(np.clip(values / full, 0.0, 1.0) * 255.0).astype(np.uint8)
    return scaled


def _from_floats(values: NDArray[np.float32], *, name: str) -> NDArray[np.uint8]:
    """Take floats for parts of 1, of 255 or of 65535, whichever range holds them; no number is black."""
    values = np.nan_to_num(values, nan=0.0)
    top = float(values.max())
    for full in (1.0, 255.0, 65535.0):
        if top <= full:
            return _bytes(values, full=full)
    raise PictureError(f"{name} holds floats up to {top:g}; scale it to 0..1")
