import contextlib
import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facing.errors import PictureError
from facing.picture import ENDINGS, find_pictures, load_picture

GREEN = (40, 200, 90)


def corner_picture() -> Image.Image:
    """Green with a white top left quarter: turning it shows."""
    pixels = np.full((32, 48, 3), GREEN, np.uint8)
    pixels[:16, :24] = 255
    return Image.fromarray(pixels)


def encoded(picture: Image.Image, form: str, **options) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", "BMP", "PPM"])
def test_lossless_formats_give_the_same_pixels(form, tmp_path):
    options = {"lossless": True} if form == "WEBP" else {}
    data = encoded(corner_picture(), form, **options)
    path = tmp_path / f"a.{form.lower()}"
    path.write_bytes(data)
    expected = np.asarray(corner_picture())
    with path.open("rb") as stream:
        sources = [path, str(path), data, io.BytesIO(data), stream, expected]
        for source in sources:
            picture = load_picture(source)
            assert picture.dtype == np.uint8
            assert picture.flags.c_contiguous
            np.testing.assert_array_equal(picture, expected)


@pytest.mark.parametrize("form", ["JPEG", "AVIF", "GIF"])
def test_lossy_formats_give_nearly_the_same(form):
    picture = load_picture(encoded(corner_picture(), form))
    # 8: compression at default quality blurs colour, inside the areas only
    assert np.abs(picture[4:12, 4:20].astype(int) - 255).max() <= 8
    assert np.abs(picture[20:28, 28:44].astype(int) - GREEN).max() <= 8


def test_a_pil_image_is_taken():
    np.testing.assert_array_equal(load_picture(corner_picture()), np.asarray(corner_picture()))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once(form, orientation):
    upright = np.asarray(corner_picture())
    # What a camera stores so that the viewer's turn gives `upright`: inverse turns, written with numpy.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: np.rot90(upright.transpose(1, 0, 2), 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(np.ascontiguousarray(stored)), form, exif=exif)
    picture = load_picture(data)
    assert picture.shape == upright.shape
    assert np.abs(picture[4:12, 4:20].astype(int) - 255).max() <= 8
    assert np.abs(picture[20:28, 4:20].astype(int) - GREEN).max() <= 8


def test_transparency_lies_over_mid_grey():
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    half = Image.new("LA", (4, 4), (255, 128))
    assert np.all(load_picture(encoded(clear, "PNG")) == 128)
    # 255 * 128/255 + 128 * 127/255
    assert np.abs(load_picture(encoded(half, "PNG")).astype(int) - 192).max() <= 1


def test_palette_with_transparent_entry_lies_over_mid_grey():
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putpixel((0, 0), 0)
    seen = load_picture(encoded(picture, "PNG", transparency=1))
    assert tuple(seen[0, 0]) == (255, 0, 0)
    assert tuple(seen[1, 1]) == (128, 128, 128)


def test_grey_sources_become_three_equal_channels():
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    for source in (grey, encoded(Image.fromarray(grey), "PNG"), encoded(Image.fromarray(grey), "PPM")):
        np.testing.assert_array_equal(load_picture(source), np.stack([grey] * 3, axis=2))


def test_sixteen_bits_are_scaled_by_their_full_range():
    values = np.array([[0, 257 * 10], [257 * 20, 257 * 30]], np.uint16)
    wanted = np.array([[0, 10], [20, 30]])
    pgm = b"P5 2 2 65535\n" + values.astype(">u2").tobytes()
    for source in (encoded(Image.fromarray(values), "PNG"), encoded(Image.fromarray(values), "TIFF"), pgm):
        np.testing.assert_array_equal(load_picture(source)[..., 0], wanted)


def test_thirty_two_bit_tiff_is_scaled_by_its_full_range():
    values = np.array([[0, 2**30]], np.int32)  # half of the signed range
    assert load_picture(encoded(Image.fromarray(values), "TIFF"))[0, :, 0].tolist() == [0, 128]


@pytest.mark.parametrize(("values", "wanted"), [((0.0, 0.5, 1.0), 128), ((0.0, 60.0, 255.0), 60)])
def test_float_tiff_is_read_by_the_range_that_holds_it(values, wanted):
    picture = load_picture(encoded(Image.fromarray(np.array([values], np.float32)), "TIFF"))
    assert picture[0, :, 0].tolist() == [0, wanted, 255]


def test_float_tiff_without_a_known_range_is_refused():
    data = encoded(Image.fromarray(np.array([[0, 1e6]], np.float32)), "TIFF")
    with pytest.raises(PictureError, match=r"1e\+06; scale it to 0\.\.1"):
        load_picture(data)


def test_cmyk_with_the_inverted_adobe_marker():
    data = encoded(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), "JPEG", quality=95)  # full cyan
    assert b"Adobe" in data
    assert np.abs(load_picture(data).astype(int) - (0, 255, 255)).max() <= 6


def test_an_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (4, 4), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert tuple(load_picture(data)[0, 0]) == (255, 0, 0)


def test_too_many_pixels_are_refused_before_decoding_and_without_a_warning():
    data = encoded(Image.new("L", (100, 100)), "PNG")
    with pytest.raises(PictureError, match="more than 9,999 pixels; make it smaller, or in Python raise"):
        load_picture(data, max_pixels=9_999)
    assert load_picture(data, max_pixels=10_000).shape == (100, 100, 3)
    bomb = bytearray(data)
    bomb[16:24] = struct.pack(">II", 60_000, 60_000)
    bomb[29:33] = struct.pack(">I", zlib.crc32(bomb[12:29]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(PictureError, match="more than 178,956,970 pixels"):
            load_picture(bytes(bomb))


def test_the_limit_of_pixels_is_ours_alone(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # Pillow refuses twice as many
    assert load_picture(encoded(Image.new("L", (100, 100)), "PNG")).shape == (100, 100, 3)
    assert Image.MAX_IMAGE_PIXELS == 100


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "PPM", "AVIF", "GIF"])
def test_cut_off_files_are_refused_by_name(form, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    data = encoded(Image.fromarray(noise), form)
    path = tmp_path / "cut"
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(PictureError, match=r"cut .*(broken or cut off|no picture that can be read)"):
        load_picture(path)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "GIF"])
def test_broken_bytes_give_pixels_or_a_picture_error(form):
    generator = np.random.default_rng(3)
    data = np.frombuffer(encoded(corner_picture(), form), np.uint8)
    for _ in range(60):
        broken = data.copy()
        places = generator.integers(0, len(data), 6)
        broken[places] = generator.integers(0, 256, 6)
        with contextlib.suppress(PictureError):
            assert load_picture(broken.tobytes(), max_pixels=10**6).ndim == 3


def test_what_is_no_picture_is_named(tmp_path):
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "words.jpg").write_text("not a picture")
    cases = {
        tmp_path: "is a folder; give a picture file",
        tmp_path / "absent.jpg": "absent.jpg does not exist; check the name",
        tmp_path / "empty.jpg": "empty.jpg is empty",
        tmp_path / "words.jpg": "words.jpg is no picture that can be read; give JPEG",
    }
    for source, message in cases.items():
        with pytest.raises(PictureError, match=message):
            load_picture(source)
    with pytest.raises(PictureError, match="a NoneType is no picture"):
        load_picture(None)
    with (tmp_path / "words.jpg").open() as text, pytest.raises(PictureError, match="open it in binary mode"):
        load_picture(text)


def test_heic_without_its_reader_says_what_to_install():
    try:
        import pillow_heif
    except ImportError:
        data = struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic"
        with pytest.raises(PictureError, match=r'HEIC. Install the reader: pip install "facing\[heic\]"'):
            load_picture(data)
    else:
        data = io.BytesIO()
        pillow_heif.from_pillow(corner_picture()).save(data)
        assert load_picture(data.getvalue()).shape == (32, 48, 3)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((8, 8, 3), np.float32), "is float32, not uint8; scale it"),
        (np.zeros((3, 8, 8), np.uint8), "channels first"),
        (np.zeros((8, 8, 4), np.uint8), r"\(8, 8, 4\); give RGB"),
        (np.zeros((1, 8, 8, 3), np.uint8), "give RGB"),
        (np.zeros((0, 8, 3), np.uint8), "without a pixel"),
    ],
)
def test_wrong_arrays_are_refused(array, message):
    with pytest.raises(PictureError, match=message):
        load_picture(array)


def test_find_pictures_expands_and_reports(tmp_path):
    for name in (
        "b.jpg",
        "a.PNG",
        "deep/c.webp",
        "deep/.hidden.jpg",
        ".git/d.jpg",
        "notes.txt",
        "void/x.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_pictures([tmp_path])
    assert [item.path.relative_to(tmp_path).as_posix() for item in found] == ["a.PNG", "b.jpg", "deep/c.webp"]
    found = find_pictures(
        [
            tmp_path / "notes.txt",
            tmp_path / "**/*.webp",
            "absent.jpg",
            tmp_path / "void",
            tmp_path / "*.tif",
            tmp_path,
        ]
    )
    assert [item.path.name for item in found if item.error is None] == [
        "notes.txt",
        "c.webp",
        "a.PNG",
        "b.jpg",
    ]
    messages = [str(item.error) for item in found if item.error is not None]
    assert next(item.path for item in found if item.error) == Path("absent.jpg")
    assert "absent.jpg does not exist" in messages[0]
    assert "void holds no picture" in messages[1]
    assert "no picture matches" in messages[2]


def test_names_that_cannot_be_looked_up_stand_in_their_place(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").touch()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "nowhere.jpg").symlink_to("gone")
    long = tmp_path / ("x" * 300)
    found = find_pictures([long, tmp_path / "loop", tmp_path / "a.jpg", tmp_path / "[n]*.jpg"])
    assert [item.path.name for item in found] == [long.name, "loop", "a.jpg", "nowhere.jpg"]
    assert [item.error is None for item in found] == [False, False, True, True]
    assert "cannot be opened (File name too long); check the name and its permissions" in str(found[0].error)
    with pytest.raises(PictureError, match="cannot be opened"):
        load_picture(long)

    def refused(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", refused)  # as below a folder that may not be read; root reads all
    (item,) = find_pictures(["locked/a.jpg"])
    assert "locked/a.jpg cannot be opened (Permission denied)" in str(item.error)


def test_every_ending_names_a_format_that_is_read():
    Image.init()
    known = {ending for ending, form in Image.registered_extensions().items() if form in Image.OPEN}
    assert ENDINGS - known <= {".heic", ".heif"}
