"""Normative curves against worked examples and a published curve."""

import numpy as np
import pytest
from scipy import stats

from QSMRoiAnalysisCore.statistics.normative import best_shape, compare_case, fit_normative_curve, z_scores

AGES = np.arange(20, 81, 10)
VALUES = [30, 36, 39, 46, 49, 56, 59]

#: Iron (mg per 100 g fresh weight) over age, by Hallgren and Sourander (1958).
IRON_AGES = np.array([0, 10, 20, 30, 50, 70, 90])
IRON = {
    "globus pallidus": ((21.41, 0.09, 0.37), [0.37, 13.08, 18.24, 20.34, 21.54, 21.74, 21.77]),
    "putamen": ((14.62, 0.04, 0.46), [0.46, 5.28, 8.51, 10.68, 13.10, 14.19, 14.68]),
    "caudate nucleus": ((9.66, 0.05, 0.33), [0.33, 4.13, 6.44, 7.83, 9.20, 9.70, 9.88]),
}


def test_the_line_over_age_and_its_prediction_interval():
    curve = fit_normative_curve(AGES, VALUES)
    assert curve.coefficients == pytest.approx([20.535714, 0.4892857], abs=5e-7)
    assert curve.residual_sd == pytest.approx(1.065699, abs=5e-7)
    at = curve.prediction_interval(65)
    assert at.value == pytest.approx(52.33929, abs=5e-6)
    assert (at.low, at.high) == (pytest.approx(49.30946, abs=5e-6), pytest.approx(55.36911, abs=5e-6))


def test_voxels_above_the_interval_make_up_the_high_iron_subregion():
    threshold = fit_normative_curve(AGES, VALUES).prediction_interval(65).high
    voxels = np.array([40, 48, 52, 55, 56, 60, 64, 70, 44, 50])
    high = voxels[voxels > threshold]
    assert (high.size, high.mean()) == (4, 62.5)
    assert (1.5 * high.size, 1.5 * high.sum()) == (6, 375)


def test_one_case_against_the_norm():
    result = compare_case(fit_normative_curve(AGES, VALUES), 65, 70)
    assert result.statistic == pytest.approx(14.98382, abs=5e-6)
    assert result.p == pytest.approx(2.397e-5, abs=5e-9)
    assert result.df == (5,)


@pytest.mark.parametrize("nucleus", IRON)
def test_the_saturating_curve_of_brain_iron(nucleus):
    truth, printed = IRON[nucleus]
    exact = truth[0] * (1 - np.exp(-truth[1] * IRON_AGES)) + truth[2]
    assert exact == pytest.approx(printed, abs=0.0051)
    assert fit_normative_curve(IRON_AGES, exact, shape="saturating").coefficients == pytest.approx(truth, rel=1e-6)
    from_print = fit_normative_curve(IRON_AGES, printed, shape="saturating").coefficients
    assert from_print == pytest.approx(truth, abs=0.01)


def test_iron_saturates_rather_than_rises_in_a_line():
    curves = best_shape(IRON_AGES, IRON["putamen"][1])
    assert next(iter(curves)) == "saturating"
    assert set(curves) == {"linear", "quadratic", "saturating", "rise and fall"}


def test_uncertainty_of_a_curve_is_that_of_simulated_repetitions():
    random = np.random.default_rng(2)
    ages = np.linspace(20, 80, 30)
    truth = 14.62 * (1 - np.exp(-0.04 * ages)) + 0.46
    curves = [fit_normative_curve(ages, truth + random.normal(0, 0.5, 30), shape="quadratic") for _ in range(300)]
    spread = np.std([curve.mean(50) for curve in curves])
    stated = np.mean([np.sqrt(curve.prediction_sd(50) ** 2 - curve.residual_sd**2) for curve in curves])
    assert stated == pytest.approx(spread, rel=0.15)


def test_healthy_subjects_rarely_leave_the_norm():
    random = np.random.default_rng(8)
    cohorts, outside = 300, 0
    for _ in range(cohorts):
        age = random.uniform(20, 80, 25)
        curve = fit_normative_curve(age, 20 + 0.5 * age + random.normal(0, 3, 25))
        outside += compare_case(curve, 50, 45 + random.normal(0, 3)).p < 0.05
    low, high = stats.binom.interval(0.999, cohorts, 0.05)
    assert low <= outside <= high


def test_a_spread_that_grows_with_age_is_found():
    random = np.random.default_rng(5)
    age = random.uniform(20, 80, 600)
    values = 20 + 0.5 * age + 2 * np.exp(0.02 * (age - 50)) * random.normal(size=600)
    curve = fit_normative_curve(age, values, growing_spread=True)
    assert curve.spread_growth == pytest.approx(0.02, abs=0.004)
    assert curve.spread([25, 75]) == pytest.approx(2 * np.exp([-0.5, 0.5]), rel=0.12)
    one = fit_normative_curve(age, values)
    assert one.checks[-1].p < 1e-6  # which says that one spread does not do
    assert curve.checks[-1].p > 0.01
    assert curve.aicc < one.aicc - 20
    inside = [abs(z) < 1.96 for z in z_scores(curve, age[age > 70], values[age > 70])]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.05)


def test_a_spread_that_does_not_grow_stays_as_it_is():
    random = np.random.default_rng(6)
    growths = []
    for _ in range(60):
        age = random.uniform(20, 80, 40)
        growths.append(fit_normative_curve(age, age + random.normal(size=40), growing_spread=True).spread_growth)
    assert np.mean(growths) == pytest.approx(0, abs=3.3 * np.std(growths) / np.sqrt(60))
    with pytest.raises(ValueError, match="needs 20 subjects, but got 7"):
        fit_normative_curve(AGES, VALUES, growing_spread=True)


def test_subjects_beyond_the_ages_of_the_norm_are_refused():
    curve = fit_normative_curve(AGES, VALUES)
    with pytest.raises(
        ValueError, match="outside the ages of the norm .20 to 80 years., the first of 85 at position 1"
    ):
        z_scores(curve, [60, 85], [50, 60])
    assert np.isnan(z_scores(curve, [60], [np.nan]))[0]


def test_norms_that_cannot_be_fitted_are_refused():
    with pytest.raises(ValueError, match="at least 4 subjects of 2 ages, but got 3"):
        fit_normative_curve([20, 30, 40, np.nan], [1, 2, 3, 4])
    with pytest.raises(ValueError, match="but got 4 of 1"):
        fit_normative_curve([50, 50, 50, 50], [1, 2, 3, 4])
    with pytest.raises(ValueError, match="choose one of linear"):
        fit_normative_curve(AGES, VALUES, shape="cubic")
