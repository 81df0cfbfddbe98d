"""Overlays, sheets, plots and the HTML report."""

import base64
import html.parser
import io
import re

import numpy as np
import pytest
from PIL import Image

from facing.datasets.sample import LabelledHead, Sample
from facing.errors import DataError, UnknownNameError
from facing.evaluation.drawn import overlay, worst, worst_sheet, write_overlays
from facing.evaluation.errors import pose_errors
from facing.evaluation.outcomes import Outcome, Run
from facing.evaluation.report import About, Part, html_report
from facing.evaluation.summary import Wanted, summarise
from facing.geometry.rotation import rotation_from_euler
from facing.pose import HeadPose
from tiny_models import pose_card

ALL = ("yaw", "pitch", "roll")
BOX = (100.0, 80.0, 220.0, 200.0)
GREEN = np.array((64, 192, 87))
AMBER = np.array((255, 193, 7))


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    Image.new("RGB", (400, 300), (120, 60, 160)).save(path)
    return path


def outcome(picture, *, true=(0, 0, 0), estimated=(20, 0, 0), known=ALL, key="a", label=None):
    turn = None if true is None else rotation_from_euler(**dict(zip(ALL, true, strict=True)))
    head = LabelledHead(BOX, turn, known=() if true is None else known, label=label)
    pose = None
    if estimated is not None:
        rotation = rotation_from_euler(**dict(zip(ALL, estimated, strict=True)))
        pose = HeadPose(box=BOX, score=1.0, rotation=rotation, known=frozenset(known))
    return Outcome(key, head, pose, Sample(key, picture, (head,)))


def run_of(*outcomes):
    return Run("labels", tuple(outcomes), (), (), ())


def near(pixels, colour):
    """Whether some pixels have a colour, shades of it aside."""
    return np.count_nonzero(np.abs(pixels.astype(int) - colour).max(-1) < 14)


def greys(pixels):
    """Count light grey pixels: neither violet ground, nor dark legend, nor its white text."""
    values = pixels.astype(int)
    return np.count_nonzero((np.ptp(values, axis=-1) < 12) & (values[..., 0] > 95) & (values[..., 0] < 200))


def test_truth_is_grey_and_the_estimate_coloured(picture):
    pixels = np.asarray(Image.open(picture))
    both = overlay(pixels, [outcome(picture, estimated=(40, 20, 30))])[:300]
    assert near(both, GREEN) > 50
    assert greys(both) > 200
    alone = overlay(pixels, [outcome(picture, estimated=None)])[:300]
    assert near(alone, GREEN) == 0
    assert greys(alone) > 200
    unlabelled = overlay(pixels, [outcome(picture, true=None, label="front")])[:300]
    assert near(unlabelled, GREEN) > 50
    assert greys(unlabelled) < greys(both) / 4


def test_a_direction_alone_is_an_arrow(picture):
    pixels = np.asarray(Image.open(picture))
    drawn = overlay(pixels, [outcome(picture, estimated=(60, 0, 0), known=("yaw", "pitch"))])[:300]
    assert near(drawn, AMBER) > 50
    assert near(drawn, GREEN) == 0
    # Truth looks at the viewer from the middle of the box, the estimate to the left edge of the picture.
    columns = np.nonzero(np.abs(drawn.astype(int) - AMBER).max(-1) < 14)[1]
    assert columns.mean() < 150


def test_the_legend_is_below_and_small_pictures_are_enlarged(picture):
    pixels = np.asarray(Image.open(picture))
    assert overlay(pixels, [outcome(picture)]).shape[1] == 400
    assert overlay(pixels, [outcome(picture)]).shape[0] > 330
    assert overlay(pixels[::4, ::4], [outcome(picture)]).shape[1] == 400
    with pytest.raises(UnknownNameError, match="drawing style"):
        overlay(pixels, [outcome(picture)], styles=("cubes",))


def test_one_file_per_picture(tmp_path, picture):
    lost = outcome(tmp_path / "no.png", key="lost")
    heads = [
        outcome(picture, key="b/../c d"),
        outcome(picture, key="b/../c d"),
        outcome(picture, key="z"),
        outcome(picture, key="a/b_c"),
        outcome(picture, key="a_b/c"),
        lost,
    ]
    run = Run("labels", tuple(heads), (), (), (("lost", "it is gone"),))
    assert write_overlays(run, tmp_path / "new", styles=("cube",)) == 4
    drawn = sorted(path.name.partition("-")[0] for path in (tmp_path / "new").iterdir())
    assert drawn == ["a_b_c", "a_b_c", "b_.._c_d", "z.jpg"]


def test_the_worst_come_first_and_missed_ones_are_not_listed(picture):
    heads = [outcome(picture, key=str(yaw), estimated=(yaw, 0, 0)) for yaw in (3, 50, 20)]
    ranked = worst(run_of(*heads, outcome(picture, estimated=None)), count=2)
    assert [one.outcome.key for one in ranked] == ["50", "20"]
    assert ranked[0].error == pytest.approx(50)


def test_classes_alone_rank_wrong_before_right(picture):
    heads = [outcome(picture, key=name, true=None, label=name) for name in ("front", "left")]
    assert [one.outcome.key for one in worst(run_of(*heads), count=5)] == ["left", "front"]


def test_the_sheet_works_when_nothing_is_wrong_and_when_nothing_is_there(tmp_path, picture):
    right = worst_sheet(run_of(*[outcome(picture, estimated=(0, 0, 0))] * 8), count=9)
    assert right.shape[1] == 6 * 208
    assert near(right, GREEN) > 100
    assert worst_sheet(run_of(), count=3).shape[2] == 3
    lost = worst_sheet(run_of(outcome(tmp_path / "gone.png")), count=3)
    assert lost.shape[1] == 208


def plots():
    pytest.importorskip("matplotlib", reason="needs the extra report")
    from facing.evaluation import plots

    return plots


def test_plots_show_every_head_in_every_panel(picture):
    drawn = plots()
    heads = [outcome(picture, true=(yaw, 5, -5), estimated=(yaw + 4, 2, -5)) for yaw in range(-40, 41, 10)]
    errors = pose_errors(run_of(*heads).outcomes)
    figure = drawn.error_figure(errors, title="set")
    assert len(figure.axes) == 9
    first = figure.axes[0].collections[0].get_offsets()
    np.testing.assert_allclose(first, [(yaw, 4) for yaw in range(-40, 41, 10)], atol=1e-9)
    histogram = drawn.histogram_figure(errors, title="set")
    assert sum(patch.get_height() for patch in histogram.axes[0].patches) == 9


@pytest.mark.parametrize("known", [(), ("yaw",)])
def test_plots_of_little_knowledge_are_plots(picture, known):
    drawn = plots()
    errors = pose_errors(run_of(outcome(picture, known=known)).outcomes if known else ())
    for make in (drawn.error_figure, drawn.histogram_figure):
        assert drawn.figure_bytes(make(errors, title="set"), ".png").startswith(b"\x89PNG")


def test_equal_plots_have_equal_bytes_and_other_endings_are_refused(tmp_path, picture):
    drawn = plots()
    errors = pose_errors(run_of(outcome(picture), outcome(picture)).outcomes)
    for ending in (".png", ".svg"):
        first, second = (
            drawn.figure_bytes(drawn.error_figure(errors, title="set"), ending) for _ in range(2)
        )
        assert first == second
    with pytest.raises(DataError, match=r"not '\.pdf'"):
        drawn.save_figure(drawn.error_figure(errors, title="set"), tmp_path / "x.pdf")


class Reader(html.parser.HTMLParser):
    """Collects what a page refers to, and checks that its tags close."""

    def __init__(self):
        super().__init__()
        self.links, self.open, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in {"src", "href", "srcset", "action"}]
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_report_is_one_file_that_needs_no_other(picture):
    plots()
    heads = [
        outcome(picture, true=(yaw, 0, 0), estimated=(yaw + 6, 0, 0), key=f"<{yaw}>") for yaw in (-30, 0, 50)
    ]
    run = run_of(*heads, outcome(picture, estimated=None))
    figures = summarise(run, wanted=Wanted(by=("yaw",), hard_deg=5, compat=True))
    about = About(
        command="facing evaluate --data 'a&b'",
        version="1.2.3, commit abc",
        card=pose_card(),
        notes=("Mind <this>.",),
    )
    page = html_report([Part(name="set", figures=figures, run=run)], about, worst=3)
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert len(reader.links) == 3  # two plots and the sheet
    assert all(link.startswith("data:image/") for link in reader.links)
    assert not re.search(r"https?://|@import|url\(", re.sub(r"base64,[^\"]*", "", page))
    for text in (
        "facing evaluate --data 'a&b'",
        "tiny-1",
        "commit abc",
        "Mind <this>.",
        "<-30>",
        "3 of 4 found",
    ):
        assert text in reader.text
    assert "mae_forgiving_180" in reader.text
    png = next(link for link in reader.links if link.startswith("data:image/png"))
    with Image.open(io.BytesIO(base64.b64decode(png.partition(",")[2]))) as sheet:
        assert sheet.size[0] == 3 * 208


def test_a_report_of_an_empty_set_is_a_report():
    plots()
    about = About(command="facing evaluate", version="1", predictions="theirs.csv")
    page = html_report([Part(name="none", figures=summarise(run_of()), run=run_of())], about)
    assert "theirs.csv" in page
