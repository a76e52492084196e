"""Regression, analysis of covariance and correlation against worked examples."""

import numpy as np
import pytest
from scipy import stats

from QSMRoiAnalysisCore.statistics.ancova import ancova
from QSMRoiAnalysisCore.statistics.correlation import correlate, correlate_partially
from QSMRoiAnalysisCore.statistics.regression import compare_nested, indicators, linear_regression

AGE = np.array([45, 50, 55, 60, 65, 70, 75, 80, 52, 58, 63, 68, 72, 77, 48, 66], float)
GROUP = ["HC"] * 8 + ["PD"] * 8
SEX = np.tile([0.0, 1.0], 8)
EXACT = 40 + 0.5 * AGE + 3 * SEX + 10 * (np.arange(16) >= 8)
NOISY = EXACT + np.tile([1, -1, -1, 1], 4)

X = [12, 15, 11, 18, 20, 16, 22, 25, 19, 28]
Y = [3, 4, 5, 4, 7, 6, 6, 9, 8, 9]
Z = [50, 55, 52, 60, 63, 70, 66, 72, 75, 71]


def coefficients(fit):
    return {name: coefficient.estimate.value for name, coefficient in fit.coefficients.items()}


def test_least_squares_recovers_a_model_without_noise():
    fit = ancova(EXACT, GROUP, {"age": AGE, "sex": SEX}).fit
    assert coefficients(fit) == pytest.approx({"intercept": 40, "age": 0.5, "sex": 3, "group PD": 10}, abs=1e-9)
    assert "without error" in fit.remarks[0]


def test_the_group_difference_adjusted_for_age_and_sex():
    result = ancova(NOISY, GROUP, {"age": AGE, "sex": SEX})
    group = result.fit.coefficients["group PD"]
    assert (group.estimate.value, group.standard_error) == (
        pytest.approx(9.99613, abs=5e-6),
        pytest.approx(0.57586, abs=5e-6),
    )
    assert coefficients(result.fit)["age"] == pytest.approx(0.507743, abs=5e-7)
    assert coefficients(result.fit)["sex"] == pytest.approx(2.94773, abs=5e-6)
    assert result.fit.df == 12
    assert result.test.statistic == pytest.approx(301.324, abs=5e-4)
    eta = result.test.estimates["partial eta squared"]
    assert eta.value == pytest.approx(0.961701, abs=5e-7)
    assert eta.low < eta.value < eta.high
    assert result.n == {"HC": 8, "PD": 8}
    means = result.adjusted_means
    assert means["PD"].value - means["HC"].value == pytest.approx(9.99613, abs=5e-6)
    (pair,) = result.contrasts
    assert (pair.statistic**2, pair.n) == (pytest.approx(301.324, abs=5e-4), (8, 8))
    assert result.slopes.df == (2, 10)


def test_adjusted_means_are_those_at_the_mean_covariates():
    result = ancova(EXACT, GROUP, {"age": AGE, "sex": SEX})
    assert result.adjusted_means["HC"].value == pytest.approx(40 + 0.5 * AGE.mean() + 3 * SEX.mean())


def test_without_covariates_ancova_is_analysis_of_variance():
    result = ancova(NOISY, GROUP, {})
    expected = stats.f_oneway(NOISY[:8], NOISY[8:])
    assert (result.test.statistic, result.test.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert result.slopes is None


def test_different_slopes_in_the_groups_are_seen():
    random = np.random.default_rng(5)
    steeper = NOISY + 0.5 * (AGE - 60) * (np.arange(16) >= 8) + random.normal(0, 0.1, 16)
    assert ancova(steeper, GROUP, {"age": AGE, "sex": SEX}).slopes.p < 0.001
    assert ancova(NOISY, GROUP, {"age": AGE, "sex": SEX}).slopes.p > 0.05


def test_rows_without_group_value_or_covariate_are_left_out_and_named():
    age = AGE.copy()
    age[3] = np.nan
    group = [*GROUP[:-1], ""]
    result = ancova(NOISY, group, {"age": age, "sex": SEX})
    assert result.excluded == (3, 15)
    assert result.n == {"HC": 7, "PD": 7}


@pytest.mark.parametrize(
    "group, covariates, message",
    [
        (GROUP, {"site": np.arange(16) >= 8}, "group PD is determined by intercept, site"),
        (GROUP, {"age": np.full(16, 50.0)}, "age is determined by intercept"),
        (GROUP, {"age": ["old"] * 16}, "age: 16 value"),
        (["PD"] * 16, {"age": AGE}, "two or more"),
        (["PD"] + ["HC"] * 15, {"age": AGE}, "PD have one complete row"),
    ],
)
def test_perfect_confounding_and_bad_columns_are_refused(group, covariates, message):
    with pytest.raises(ValueError, match=message):
        ancova(NOISY, group, covariates)


def test_added_predictors_are_tested_by_what_they_explain():
    smaller = linear_regression(NOISY, {"age": AGE})
    larger = linear_regression(NOISY, {"age": AGE, "group": np.arange(16) >= 8})
    result = compare_nested(smaller, larger)
    assert result.statistic == pytest.approx(larger.coefficients["group"].statistic ** 2)
    assert result.estimates["R squared change"].value == pytest.approx(larger.r_squared - smaller.r_squared)
    with pytest.raises(ValueError, match="must be among"):
        compare_nested(larger, smaller)
    with pytest.raises(ValueError, match="different rows"):
        compare_nested(linear_regression(NOISY[:-1], {"age": AGE[:-1]}), larger)


def test_robust_standard_errors_of_a_mean_are_those_of_its_groups():
    # With one indicator, HC3 gives each group its own variance, with n - 1 for its residuals twice.
    random = np.random.default_rng(0)
    values = np.concatenate([random.normal(0, 1, 8), random.normal(0, 9, 8)])
    error = linear_regression(values, {"group": np.arange(16) >= 8}, robust=True).coefficients["group"].standard_error
    by_hand = np.sqrt(sum(np.sum((part - part.mean()) ** 2) / 7**2 for part in (values[:8], values[8:])))
    assert error == pytest.approx(by_hand)


def test_a_row_that_governs_the_fit_is_remarked_on():
    x = np.array([1, 2, 3, 4, 5, 30.0])
    fit = linear_regression([1.0, 2.1, 2.9, 4.2, 5.0, -40.0], {"x": x})
    assert fit.largest_cook > 1
    assert "single row" in fit.remarks[0]


def test_categories_become_indicators_with_a_named_reference():
    columns = indicators("site", ["A", "B", "n/a", "C"], reference="B")
    assert list(columns) == ["site A", "site C"]
    assert columns["site A"] == pytest.approx([1, 0, np.nan, 0], nan_ok=True)
    with pytest.raises(ValueError, match="no category 'D'"):
        indicators("site", ["A", "B"], reference="D")


def test_correlations_of_the_worked_example():
    pearson = correlate(X, Y)
    interval = pearson.estimates["Pearson r"]
    assert pearson.statistic == pytest.approx(0.82123, abs=5e-6)
    assert (interval.low, interval.high) == (pytest.approx(0.39675, abs=5e-6), pytest.approx(0.95636, abs=5e-6))
    partial = correlate_partially(X, Y, {"age": Z})
    assert partial.estimates["partial Pearson r"].value == pytest.approx(0.501969, abs=5e-7)
    assert (partial.statistic, partial.p) == (pytest.approx(1.53556, abs=5e-6), pytest.approx(0.168523, abs=5e-7))
    assert partial.df == (7,)
    assert correlate(X, Y, method="spearman").statistic == pytest.approx(0.819606, abs=5e-7)
    ranks = correlate_partially(X, Y, {"age": Z}, method="spearman")
    assert ranks.estimates["partial Spearman rho"].value == pytest.approx(0.492895, abs=5e-7)
    assert correlate(X, Y, method="kendall").statistic == pytest.approx(stats.kendalltau(X, Y).statistic)


def test_a_perfect_partial_correlation_is_minus_one():
    result = correlate_partially(range(1, 9), [2, 1, 4, 3, 6, 5, 8, 7], {"z": [1, 1, 2, 2, 3, 3, 4, 4]})
    assert result.estimates["partial Pearson r"].value == -1
    assert (result.statistic, result.p) == (-np.inf, 0)
    assert "perfectly correlated" in result.remarks[0]


def test_correlations_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="First is determined by z"):
        correlate_partially(Z, Y, {"z": Z})
    with pytest.raises(ValueError, match="all 4 values are 1"):
        correlate([1, 1, 1, 1], [1, 2, 3, 4])
    with pytest.raises(ValueError, match="at least 4 complete subjects, but got 3"):
        correlate([1, 2, 3, np.nan], [1, 2, 4, 4])
    with pytest.raises(ValueError, match="lengths differ: First 2, Second 3"):
        correlate([1, 2], [1, 2, 3])


def test_iron_and_susceptibility_of_six_nuclei_lie_on_a_line():
    # Totals of a normative atlas (ppb) against iron of the same nuclei (mg per 100 g).
    susceptibility = [119.3, 101.8, 104.5, 66.8, 39.4, 2.1]
    iron = [21.30, 19.48, 18.46, 13.32, 9.28, 4.76]
    fit = linear_regression(susceptibility, {"iron": iron})
    assert correlate(iron, susceptibility).statistic == pytest.approx(0.9965, abs=5e-5)
    assert coefficients(fit) == pytest.approx({"intercept": -27.7, "iron": 6.927}, abs=0.05)
    assert coefficients(fit)["iron"] == pytest.approx(6.927, abs=5e-4)


def test_regression_and_correlation_find_nothing_where_nothing_is():
    random = np.random.default_rng(6)
    cohorts = 150
    limits = stats.binom.interval(0.999, cohorts, 0.05)
    found = {"ancova": 0, "partial": 0, "robust": 0}
    for _ in range(cohorts):
        age, values = random.normal(60, 8, 24), random.normal(size=24)
        values = values + 0.1 * age
        found["ancova"] += ancova(values, ["a"] * 10 + ["b"] * 14, {"age": age}).test.p < 0.05
        found["partial"] += correlate_partially(values, random.normal(size=24), {"age": age}).p < 0.05
        noise = {"age": age, "nothing": random.normal(size=24)}
        found["robust"] += linear_regression(values, noise, robust=True).coefficients["nothing"].p < 0.05
    assert limits[0] <= found["ancova"] <= limits[1]
    assert limits[0] <= found["partial"] <= limits[1]
    assert found["robust"] <= limits[1]
