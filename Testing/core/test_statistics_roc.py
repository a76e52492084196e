"""ROC curves against worked examples, published values, and the definition."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from QSMRoiAnalysisCore.statistics.roc import (
    average_precision,
    cases_and_controls,
    compare_paired_areas,
    compare_unpaired_areas,
    delong_covariance,
    roc_curve,
)

PATIENTS = [118, 131, 140, 126, 152, 109, 137, 160, 122, 145]
CONTROLS = [95, 102, 118, 88, 110, 126, 99, 107, 115, 93, 104, 121]


def test_the_area_of_the_nigra_example():
    curve = roc_curve(PATIENTS, CONTROLS)
    assert curve.area.value == pytest.approx(0.925, abs=1e-12)
    assert curve.variance == pytest.approx(0.00292438, abs=5e-9)
    assert (curve.area.low, curve.area.high) == (pytest.approx(0.8190, abs=5e-5), 1.0)
    assert curve.n == {"cases": 10, "controls": 12}


def test_the_area_is_that_under_the_points_of_the_curve():
    curve = roc_curve(PATIENTS, CONTROLS)
    assert np.trapezoid(curve.sensitivity, 1 - curve.specificity) == pytest.approx(curve.area.value)
    low = roc_curve(CONTROLS, PATIENTS, higher_is_positive=False)
    assert low.area.value == pytest.approx(0.925)
    assert list(low.thresholds[1:-1]) == list(curve.thresholds[1:-1][::-1])
    assert roc_curve(CONTROLS, PATIENTS).area.value == pytest.approx(1 - 0.925)


def test_areas_of_a_published_data_set_agree_with_proc():
    """The data belong to the R package pROC (GPL), so they are not part of this repository."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    path = Path(os.environ.get("QSM_SHARED_DATA", beside)) / "statistics" / "asah.csv"
    if not path.is_file():
        pytest.skip(f"pROC's data set aSAH is not in {path} (columns poor_outcome, s100b, wfns, ndka)")
    rows = list(csv.DictReader(path.open(newline="")))
    poor, s100b, wfns, ndka = (
        np.array([float(row[name]) for row in rows]) for name in ("poor_outcome", "s100b", "wfns", "ndka")
    )
    one, other = (roc_curve(values[poor == 1], values[poor == 0]) for values in (s100b, ndka))
    assert (one.area.value, one.area.low, one.area.high) == tuple(
        pytest.approx(x, abs=5e-5) for x in (0.7314, 0.6301, 0.8326)
    )
    assert other.area.value == pytest.approx(0.6120, abs=5e-5)
    assert (other.area.low, other.area.high) == tuple(pytest.approx(x, abs=1e-9) for x in (0.501244999, 0.722670990))
    first = compare_paired_areas(poor, wfns, s100b)
    assert first.estimates["first area"].value == pytest.approx(0.8237, abs=5e-5)
    assert (first.statistic, first.p) == (pytest.approx(2.2089836, abs=5e-8), pytest.approx(0.0271757822, abs=5e-11))
    second = compare_paired_areas(poor, ndka, s100b)
    assert (second.statistic, second.p) == (pytest.approx(-1.39077, abs=5e-6), pytest.approx(0.164295, abs=5e-7))


def test_delong_covariance_is_that_of_the_pairwise_definition():
    random = np.random.default_rng(4)
    shared = random.normal(size=40)
    measures = np.round(np.stack([shared, shared + random.normal(size=40)]), 1)  # rounded, so that some are tied
    cases, controls = measures[:, :17] + 0.5, measures[:, 17:]
    order = np.sign(cases[:, :, None] - controls[:, None, :]) / 2 + 0.5
    expected = np.cov(order.mean(axis=2)) / 17 + np.cov(order.mean(axis=1)) / 23
    assert delong_covariance(cases, controls) == pytest.approx(expected, rel=1e-12)


def test_the_paired_comparison_uses_that_subjects_are_the_same():
    random = np.random.default_rng(1)
    condition = np.repeat([1, 0], 30)
    shared = random.normal(size=60) + condition
    first, second = shared + 0.2 * random.normal(size=60), shared + 0.4 * random.normal(size=60)
    paired = compare_paired_areas(condition, first, second)
    curves = [roc_curve(values[:30], values[30:]) for values in (first, second)]
    unpaired = compare_unpaired_areas(*curves)
    assert paired.estimates["difference of areas"].value == unpaired.estimates["difference of areas"].value
    assert abs(paired.statistic) > 2 * abs(unpaired.statistic)
    assert paired.n == {"cases": 30, "controls": 30}


def test_bad_input_to_areas_is_refused():
    with pytest.raises(ValueError, match="cases has 1"):
        roc_curve([1], [1, 2])
    with pytest.raises(ValueError, match="rank cases and controls alike"):
        compare_paired_areas([1, 1, 0, 0], [4, 3, 1, 3.5], [8, 6, 2, 7])
    with pytest.raises(ValueError, match="1 for cases and 0 for controls"):
        compare_paired_areas([1, 2, 0, 0], [4, 3, 1, 3.5], [8, 6, 2, 7])
    with pytest.raises(ValueError, match="No row has the group"):
        cases_and_controls([1, 2], ["PD", "HC"], "MSA", "HC")


def test_cases_and_controls_may_each_be_several_groups():
    cases, controls, excluded = cases_and_controls([1, 2, 3, 4], ["PD", "HC", "MSA", ""], ["PD", "MSA"], "HC")
    assert (list(cases), list(controls), excluded) == ([1, 3], [2], (3,))


def test_the_logit_interval_stays_between_zero_and_one():
    area = roc_curve(PATIENTS, CONTROLS, interval="logit").area
    spread = np.sqrt(0.00292438) / (0.925 * 0.075)
    odds = 0.925 / 0.075 * np.exp(np.array([-1, 1]) * 1.959964 * spread)
    assert (area.low, area.high) == pytest.approx(tuple(odds / (1 + odds)), abs=1e-5)
    assert np.isnan(roc_curve([3, 4], [1, 2], interval="logit").area.low)
    with pytest.raises(ValueError, match="choose normal or logit"):
        roc_curve(PATIENTS, CONTROLS, interval="exact")


def test_intervals_of_the_area_cover_a_known_area():
    random = np.random.default_rng(3)
    truth = stats.norm.cdf(1 / np.sqrt(2))  # two normal distributions one standard deviation apart
    cohorts = 300
    covered = 0
    for _ in range(cohorts):
        area = roc_curve(random.normal(1, 1, 40), random.normal(0, 1, 40)).area
        covered += area.low <= truth <= area.high
    low, _ = stats.binom.interval(0.999, cohorts, 0.94)
    assert covered >= low


def test_average_precision_is_that_of_the_steps_worked_out_by_hand():
    # From the top: case, control, case, case, control. Precision at the cases is 1, 2/3 and 3/4.
    assert average_precision([9, 7, 6], [8, 5]) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert average_precision([1, 3, 4], [2, 5], higher_is_positive=False) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert average_precision([5, 6], [1, 2, 3]) == 1
    # Ties count at once: all of them are positive together.
    assert average_precision([1, 1, 2], [1, 1]) == pytest.approx(1 / 3 + 2 / 3 * 3 / 5)


def test_a_measure_that_tells_nothing_has_the_precision_of_chance():
    random = np.random.default_rng(21)
    found = [average_precision(random.normal(size=50), random.normal(size=450)) for _ in range(100)]
    assert np.mean(found) == pytest.approx(0.1, abs=0.02)
