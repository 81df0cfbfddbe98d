"""Perceptual hashes against brute force and against copies as they really come about."""

import io

import numpy as np
import pytest
from PIL import Image

from facing.datasets.doctor.fingerprint import MOST_BITS, fingerprint, near_hashes, same_pictures


def scene(seed: int, *, side: int = 160) -> np.ndarray:
    """Smooth blobs of colour: a picture without a copy among other seeds."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (7, 9, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((side, side * 3 // 4), Image.Resampling.BICUBIC))


def prints(pictures):
    found = [fingerprint(np.ascontiguousarray(picture)) for picture in pictures]
    assert None not in found
    return found


def changed(picture: np.ndarray, how: str) -> np.ndarray:
    image = Image.fromarray(picture)
    if how == "jpeg":
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=40)
        return np.asarray(Image.open(stream).convert("RGB"))
    if how == "half":
        return np.asarray(image.resize((image.width // 2, image.height // 2)))
    if how == "grey":
        return np.asarray(image.convert("L").convert("RGB"))
    return (picture * 0.8 + 20).astype(np.uint8)


def test_near_hashes_equal_brute_force():
    rng = np.random.default_rng(0)
    a = rng.integers(0, 1 << 64, 300, dtype=np.uint64)
    b = rng.integers(0, 1 << 64, 200, dtype=np.uint64)
    for place in range(150):  # plant neighbours at 0 to 10 bits, spread over all bands
        bits = rng.choice(64, place % 11, replace=False)
        b[place] = int(a[place]) ^ sum(1 << int(bit) for bit in bits)
    wanted = {
        (i, j)
        for i in range(len(a))
        for j in range(len(b))
        if (int(a[i]) ^ int(b[j])).bit_count() <= MOST_BITS
    }
    found = [tuple(pair) for pair in near_hashes(a, b).tolist()]
    assert len(wanted) >= 100
    assert set(found) == wanted
    assert len(found) == len(wanted)


def test_no_hashes_make_no_pairs():
    none = np.zeros(0, dtype=np.uint64)
    assert near_hashes(none, none).shape == (0, 2)
    assert same_pictures([]) == []


@pytest.mark.parametrize("how", ["jpeg", "half", "grey", "brightness"])
def test_a_changed_copy_is_found_among_others(how):
    pictures = [scene(seed) for seed in range(20)]
    pairs = same_pictures(prints([*pictures, changed(pictures[7], how)]))
    assert [pair[:2] for pair in pairs] == [(7, 20)]


def test_the_mirrored_hash_is_the_hash_of_the_mirrored_picture():
    picture = scene(3)
    own, mirrored = prints([picture, picture[:, ::-1]])
    assert own.mirrored == mirrored.plain
    assert own.plain != own.mirrored
    pairs = same_pictures(prints([picture, scene(4), changed(picture[:, ::-1], "jpeg")]), mirrored=True)
    assert [pair[:2] for pair in pairs] == [(0, 2)]


def test_copies_are_found_across_two_sets():
    first, second = [scene(seed) for seed in range(6)], [scene(seed) for seed in range(5, 9)]
    assert [pair[:2] for pair in same_pictures(prints(first), prints(second))] == [(5, 0)]
    turned = [picture[:, ::-1] for picture in second]
    assert [pair[:2] for pair in same_pictures(prints(first), prints(turned), mirrored=True)] == [(5, 0)]


def test_very_many_equal_pictures_stay_one_group_without_all_pairs():
    one = prints([scene(1)])[0]
    pairs = same_pictures([one] * 100)
    assert len(pairs) < 100 * 99 / 2 / 4
    assert {index for pair in pairs for index in pair[:2]} == set(range(100))


def test_a_moved_head_before_a_fixed_camera_is_no_copy():
    room = scene(1, side=320)
    pictures = []
    for x in (120, 150):
        picture = room.copy()
        picture[80:180, x : x + 80] = scene(2, side=320)[:100, :80] // 2
        pictures.append(picture)
    assert same_pictures(prints(pictures)) == []


def test_a_picture_of_one_grey_has_no_fingerprint():
    assert fingerprint(np.full((40, 40, 3), 90, np.uint8)) is None
