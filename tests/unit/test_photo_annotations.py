"""The head boxes and facings drawn by eye over CC0 photographs mean what their README says."""

import csv
import itertools
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

DATA = Path(__file__).parents[1] / "data"
SHARED = Path(__file__).parents[2].parent / "shared"
PHOTOS = SHARED / "assets" / "photos_cc0"
FACINGS = ("front", "left", "right", "back", "")
SIZES = (12, 24, 48, 96, 1000)


class Row(NamedTuple):
    picture: str
    part: str
    box: tuple[int, int, int, int] | None
    facing: str
    ignore: bool
    note: str

    @property
    def side(self):
        x0, y0, x1, y1 = self.box
        return max(x1 - x0, y1 - y0)


@pytest.fixture(scope="module")
def rows():
    with (DATA / "photos_cc0.csv").open(newline="", encoding="utf-8") as stream:
        table = list(csv.DictReader(stream, strict=True))
    assert list(table[0]) == ["picture", "part", "x0", "y0", "x1", "y1", "facing", "ignore", "note"]
    read = []
    for line in table:
        corners = [line[name] for name in ("x0", "y0", "x1", "y1")]
        box = tuple(map(int, corners)) if any(corners) else None
        read.append(
            Row(
                line["picture"],
                line["part"],
                box,
                line["facing"],
                {"0": False, "1": True}[line["ignore"]],
                line["note"],
            )
        )
    return read


@pytest.fixture(scope="module")
def heads(rows):
    return [row for row in rows if row.box and not row.ignore]


def shared_part(one, other):
    """Give the common area of two boxes over that of both together."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    common = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return common / (sum(areas) - common)


def test_every_picture_is_listed_in_one_place(rows):
    order = [row.picture for row in rows]
    assert order == sorted(order)
    assert sorted(set(order)) == [f"p{number:03}.jpg" for number in range(1, 260)]


def test_pictures_of_one_origin_lie_in_one_part(rows):
    parts = {row.picture: row.part for row in rows}
    assert Counter(parts.values()) == {"learn": 156, "measure": 103}
    assert all(row.part == parts[row.picture] for row in rows)
    if not PHOTOS.is_dir():
        pytest.skip(f"the photographs are not at {PHOTOS}")
    with (PHOTOS / "photos.csv").open(newline="", encoding="utf-8") as stream:
        origins = {line["file"]: line for line in csv.DictReader(stream)}
    shared = defaultdict(set)
    for picture, part in parts.items():
        origin = origins[picture]
        path = origin["source_path"]
        # Portraits show one person each; scenes of one folder may show the same people.
        key = path.rpartition("/")[0] if origin["kind"] == "scene" else path
        shared[origin["source_repo"], key].add(part)
    assert all(len(found) == 1 for found in shared.values())


def test_a_picture_without_a_head_has_one_empty_row(rows):
    lines = Counter(row.picture for row in rows)
    empty = [row for row in rows if row.box is None]
    assert empty
    assert all(lines[row.picture] == 1 and not row.facing and not row.ignore for row in empty)


def test_boxes_have_an_area_and_facings_a_known_name(rows):
    for row in rows:
        assert row.facing in FACINGS
        if row.box:
            x0, y0, x1, y1 = row.box
            assert x1 > x0, row
            assert y1 > y0, row


def test_a_head_is_no_smaller_than_the_rule_and_shaped_like_one(heads):
    for head in heads:
        x0, y0, x1, y1 = head.box
        assert head.side >= 12, head
        assert 0.5 < (x1 - x0) / (y1 - y0) < 1.3, head


def test_no_head_is_drawn_twice(heads):
    by_picture = defaultdict(list)
    for head in heads:
        for other in by_picture[head.picture]:
            assert shared_part(head.box, other.box) < 0.6, (head, other)
        by_picture[head.picture].append(head)


def test_regions_are_ignored_and_never_face_anywhere(rows):
    regions = [row for row in rows if row.note.startswith("region of")]
    assert regions
    assert all(row.ignore and not row.facing for row in regions)


def test_boxes_lie_mostly_inside_their_pictures(rows):
    if not PHOTOS.is_dir():
        pytest.skip(f"the photographs are not at {PHOTOS}")
    sizes = {}
    for path in PHOTOS.glob("p*.jpg"):
        with Image.open(path) as picture:
            sizes[path.name] = picture.size
    assert set(sizes) == {row.picture for row in rows}
    for row in rows:
        if row.box:
            x0, y0, x1, y1 = row.box
            width, height = sizes[row.picture]
            seen = max(0, min(x1, width) - max(x0, 0)) * max(0, min(y1, height) - max(y0, 0))
            assert seen / ((x1 - x0) * (y1 - y0)) > (0.05 if row.ignore else 0.35), row


def test_the_counts_in_the_readme_are_those_of_the_file(heads):
    table = {}
    for line in (DATA / "README.md").read_text(encoding="utf-8").splitlines():
        if found := re.fullmatch(r"\| (\d+) to \d+ \| ([\d |]+) \|", line):
            table[int(found[1])] = [int(count) for count in found[2].split("|")]
    counted = {
        low: [sum(low <= head.side < high and head.facing == facing for head in heads) for facing in FACINGS]
        for low, high in itertools.pairwise(SIZES)
    }
    assert table == {low: [*counts, sum(counts)] for low, counts in counted.items()}
