"""Change over time against a worked example and known slopes."""

import numpy as np
import pytest

from QSMRoiAnalysisCore.statistics.longitudinal import (
    annual_change,
    reliable_change,
    subject_slopes,
    time_polynomials,
)
from QSMRoiAnalysisCore.statistics.mixed_model import mixed_model

BASELINE = [27.8, 29.1, 30.2, 26.5, 28.8, 31.0, 29.4]
HALF_YEAR = [28.9, 29.9, 31.8, 26.2, 30.1, 31.5, 31.1]


def test_the_annual_change_of_seven_subjects_after_half_a_year():
    result = annual_change(BASELINE, HALF_YEAR, 0.5)
    assert result.mean_change == pytest.approx(0.95714, abs=5e-6)
    assert result.mean_rate == pytest.approx(1.91429, abs=5e-6)
    assert (result.test.statistic, result.test.p) == (
        pytest.approx(3.63181, abs=5e-6),
        pytest.approx(0.010942, abs=5e-7),
    )
    assert result.percent_per_year == pytest.approx(100 * 1.91429 / np.mean(BASELINE), abs=1e-4)
    difference = np.subtract(HALF_YEAR, BASELINE)
    response = result.test.estimates["standardized mean difference"]
    assert response.value == pytest.approx(difference.mean() / difference.std(ddof=1))
    assert response.low < response.value < response.high


def test_intervals_between_visits_may_differ_and_be_missing():
    result = annual_change([1, 2, 3, 4], [2, 5, 4, 8], [1, 2, np.nan, 0.5])
    assert list(result.rates) == [1, 1.5, 8]
    assert result.excluded == (2,)
    with pytest.raises(ValueError, match="must be positive, but 1"):
        annual_change([1, 2], [2, 3], [1, 0])


def test_each_subject_has_the_slope_of_its_line():
    result = subject_slopes([1, 3, 5, 10, 8, 7, 2], [0, 1, 2, 0, 1, np.nan, 3], ["a", "a", "a", "b", "b", "b", "c"])
    assert result.slopes == pytest.approx({"a": 2, "b": -2})
    assert result.visits == {"a": 3, "b": 2}
    assert (result.excluded, result.too_few) == ((5,), ("c",))
    with pytest.raises(ValueError, match="two different times"):
        subject_slopes([1, 2], [0, 0], ["a", "a"])


def test_a_change_within_measurement_error_includes_zero():
    error = reliable_change(100, 105, 2.36)
    assert error.low < 0 < error.value
    assert error.high - error.value == pytest.approx(6.54, abs=5e-3)
    assert reliable_change(100, 108, 2.36).low > 0


def test_polynomials_of_time_are_orthonormal_and_rise():
    times = np.tile([0, 0.5, 1.25, 2.0, 3.5], 6)
    columns = time_polynomials(times, degree=3)
    table = np.column_stack([np.full(30, 1 / np.sqrt(30)), *columns.values()])
    assert table.T @ table == pytest.approx(np.eye(4), abs=1e-12)
    assert all(column[4] > 0 for column in columns.values())
    with pytest.raises(ValueError, match="there are 5"):
        time_polynomials(times, degree=5)


def test_a_growth_curve_of_rims_is_found_by_its_polynomials():
    random = np.random.default_rng(4)
    lesion = np.repeat(np.arange(30), 5)
    years = np.tile([0.0, 1, 2, 3, 4], 30)
    rim = (lesion % 2).astype(float)
    truth = 20 + rim * (4 * years - 0.8 * years**2)
    values = truth + random.normal(0, 3, 30)[lesion] + random.normal(0, 0.5, 150)
    time = time_polynomials(years, degree=2)
    fixed = {"rim": rim, **time, **{f"{name} x rim": rim * column for name, column in time.items()}}
    fit = mixed_model(values, fixed, lesion)
    assert fit.coefficients["time 2 x rim"].p < 1e-6
    assert fit.coefficients["time 2"].p > 0.01
