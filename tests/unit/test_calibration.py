import numpy as np
import pytest

from facing.errors import ModelError
from facing.runtime.calibration import Calibration, error_deg_from_spread


def test_without_a_table_the_spread_is_given_in_degrees():
    np.testing.assert_allclose(error_deg_from_spread([[np.pi / 2], [0.0]]), [[90], [0]])


def test_the_table_is_piecewise_linear_and_holds_outside():
    calibration = Calibration(spread_rad=[0.1, 0.2, 0.6], error_deg=[4, 4, 12])
    seen = error_deg_from_spread(np.array([0.0, 0.1, 0.15, 0.3, 0.6, 9.0]), calibration=calibration)
    np.testing.assert_allclose(seen, [4, 4, 4, 6, 12, 12])


def test_more_spread_never_means_less_error():
    calibration = Calibration(spread_rad=(0.05, 0.1, 0.4), error_deg=(2.0, 3.0, 30.0))
    errors = error_deg_from_spread(np.linspace(0, 1, 300), calibration=calibration)
    assert np.all(np.diff(errors) >= 0)


@pytest.mark.parametrize(
    ("spread", "degrees", "message"),
    [
        ([0.1], [2], "two or more pairs"),
        ([0.1, 0.2], [2], "2 spreads and 1 errors"),
        ([0.2, 0.1], [1, 2], "does not rise"),
        ([0.1, 0.1], [1, 2], "does not rise"),
        ([0.1, 0.2], [2, 1], "does not rise"),
        ([0.1, float("nan")], [1, 2], "not finite"),
        ([0.1, 0.2], [-1, 2], "below 0"),
        (["a", 0.2], [1, 2], "no list of numbers"),
        (None, [1, 2], "no list of numbers"),
    ],
)
def test_wrong_tables_are_named(spread, degrees, message):
    with pytest.raises(ModelError, match=message):
        Calibration(spread_rad=spread, error_deg=degrees)
