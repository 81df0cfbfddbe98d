"""Stated errors against true ones: figures by hand, and the two plots."""

import numpy as np
import pytest
from scipy import stats

from facing.datasets.sample import LabelledHead
from facing.evaluation import metrics
from facing.evaluation.errors import pose_errors
from facing.evaluation.outcomes import Outcome, Run
from facing.evaluation.plots import figure_bytes
from facing.evaluation.reliability import reliability_bins, reliability_figures, risk_coverage
from facing.evaluation.reliability_plots import reliability_figure, risk_figure
from facing.evaluation.summary import summarise
from facing.geometry.rotation import rotation_from_euler
from facing.pose import HeadPose

BOX = (0.0, 0.0, 10.0, 10.0)


def outcomes(stated, true, *, known=("yaw", "pitch", "roll")):
    level = rotation_from_euler(yaw=0, pitch=0, roll=0)
    return [
        Outcome(
            str(place),
            LabelledHead(BOX, level, known=known),
            HeadPose(
                box=BOX, score=1.0, rotation=rotation_from_euler(yaw=off, pitch=0, roll=0), error_deg=said
            ),
        )
        for place, (said, off) in enumerate(zip(stated, true, strict=True))
    ]


def run_of(*heads):
    return Run("labels", tuple(heads), (), (), ())


def test_risk_and_coverage_by_hand():
    # Sure to unsure: 1, 4, 2, 9 degrees off.
    curve = risk_coverage([3, 1, 8, 5], [4, 1, 9, 2])
    assert curve.coverage.tolist() == [0.25, 0.5, 0.75, 1]
    assert curve.risk_deg == pytest.approx([1, 5 / 2, 7 / 3, 4])
    assert curve.area_deg == pytest.approx((1 + 5 / 2 + 7 / 3 + 4) / 4)
    assert [curve.risk_at(percent) for percent in (1, 50, 51, 100)] == pytest.approx([1, 2.5, 7 / 3, 4])


def test_figures_by_hand():
    # Twelve heads; ten groups of 2, 2, 1, 1 ... heads, the surest first.
    stated = np.arange(1.0, 13)
    true = np.array([2, 2, 3, 5, 5, 6, 7, 8, 9, 10, 11, 22.0])
    figures = reliability_figures(stated, true)
    # |1.5 - 2| * 2, |3.5 - 4| * 2, then ones: all right but the last, which is 10 further off.
    assert figures["ece_deg"] == pytest.approx((0.5 * 2 + 0.5 * 2 + 10) / 12)
    assert figures["risk_50"] == pytest.approx((2 + 2 + 3 + 5 + 5 + 6) / 6)
    assert figures["risk_80"] == pytest.approx(true[:10].mean())  # 9.6 heads: the tenth belongs to them
    assert figures["risk_90"] == pytest.approx(true[:11].mean())
    assert figures["risk_100"] == figures["real_mean"] == pytest.approx(7.5)
    assert figures["risk_area"] == pytest.approx(np.mean([true[:k].mean() for k in range(1, 13)]))
    assert figures["error_rank"] == pytest.approx(stats.spearmanr(stated, true).statistic)
    assert figures["stated_mean"] == 6.5


def test_shares_of_many_heads_are_not_rounded_up():
    curve = risk_coverage(np.arange(100), np.arange(100.0))
    assert curve.risk_at(7) == pytest.approx(3)  # heads 0 to 6
    assert curve.risk_at(80) == pytest.approx(39.5)


def test_equal_statements_leave_no_order():
    rng = np.random.default_rng(0)
    stated, true = rng.integers(1, 4, 50).astype(float), rng.exponential(5, 50)
    figures = reliability_figures(stated, true)
    for order in (np.argsort(true), np.argsort(-true)):
        assert reliability_figures(stated[order], true[order]) == pytest.approx(figures)
    alike = risk_coverage(np.full(50, 6.0), true)
    assert alike.risk_deg == pytest.approx(np.full(50, true.mean()))


def test_bins_are_what_the_calibration_error_is_made_of():
    rng = np.random.default_rng(1)
    stated = rng.exponential(6, 137)
    true = stated * rng.uniform(0.2, 2.5, 137)
    bins = reliability_bins(stated, true)
    counts = np.array([len(group) for group in bins.members])
    assert (counts.sum(), len(counts), np.ptp(counts)) == (137, 10, 1)
    assert sorted(np.concatenate(bins.members).tolist()) == list(range(137))
    expected = (counts * abs(bins.stated_deg - bins.true_deg)).sum() / 137
    assert reliability_figures(stated, true)["ece_deg"] == pytest.approx(expected)
    assert metrics.expected_calibration_error(stated, true) == pytest.approx(expected)


def test_one_head_and_none():
    one = reliability_figures([4.0], [6.0])
    assert (one["ece_deg"], one["error_rank"], one["risk_50"]) == (2, None, 6)
    assert reliability_figures([], []) is None


def test_the_summary_states_them_where_it_can():
    full = summarise(run_of(*outcomes([2, 4, 6], [2, 4, 9])))["calibration"]
    assert full["ece_deg"] == pytest.approx(1)
    assert full["error_rank"] == pytest.approx(1)
    assert full["risk_100"] == pytest.approx(5)
    assert summarise(run_of(*outcomes([2, 4], [2, 4], known=("yaw",))))["calibration"] is None
    assert summarise(run_of(*outcomes([2, None], [2, 4])))["calibration"] is None
    assert summarise(run_of())["calibration"] is None


def test_plots_show_the_curves_and_are_reproducible():
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(2)
    stated = rng.exponential(6, 80)
    errors = pose_errors(outcomes(stated, stated * rng.uniform(0.2, 2, 80)))
    true = errors.by_name["geodesic_mean"]
    diagram, risk = (draw(errors, title="a set") for draw in (reliability_figure, risk_figure))
    bins = reliability_bins(stated, true)
    (points,) = [
        line for line in diagram.axes[0].lines if len(line.get_xdata()) == 10 and line.get_marker() == "o"
    ]
    assert np.asarray(points.get_xdata()) == pytest.approx(bins.stated_deg)
    assert np.asarray(points.get_ydata()) == pytest.approx(bins.true_deg)
    curves = {line.get_label(): np.asarray(line.get_ydata()) for line in risk.axes[0].lines}
    assert curves["by stated error"] == pytest.approx(risk_coverage(stated, true).risk_deg)
    assert np.all(curves["by true error"] <= curves["by stated error"] + 1e-9)
    for draw in (reliability_figure, risk_figure):
        assert figure_bytes(draw(errors, title="t"), ".svg") == figure_bytes(draw(errors, title="t"), ".svg")


@pytest.mark.parametrize("draw", [reliability_figure, risk_figure])
def test_plots_say_why_there_is_nothing(draw):
    pytest.importorskip("matplotlib")
    for heads in ([], outcomes([2], [3], known=("yaw",)), outcomes([None], [3])):
        figure = draw(pose_errors(heads), title="a set")
        assert [text.get_text() for text in figure.texts] == [
            "a set: no stated errors to compare with full rotations"
        ]
