"""Statistics for particular designs: rows that belong together, several measures, counts, moderators, scanners."""

import numpy as np
import pytest
from scipy import stats

from QSMRoiAnalysisCore.statistics.ancova import ancova
from QSMRoiAnalysisCore.statistics.count_regression import rate_regression
from QSMRoiAnalysisCore.statistics.estimating_equations import estimating_equations
from QSMRoiAnalysisCore.statistics.fixed_effect_bootstrap import bootstrap_fixed_effects
from QSMRoiAnalysisCore.statistics.gaussian_process import fit_gaussian_process
from QSMRoiAnalysisCore.statistics.longitudinal_harmonization import harmonize_longitudinally
from QSMRoiAnalysisCore.statistics.meta_analysis import log_risk_ratio
from QSMRoiAnalysisCore.statistics.meta_regression import meta_regression
from QSMRoiAnalysisCore.statistics.mixed_model import mixed_model
from QSMRoiAnalysisCore.statistics.multivariate import mancova
from QSMRoiAnalysisCore.statistics.normative import fit_normative_curve, z_scores
from QSMRoiAnalysisCore.statistics.regression import linear_regression

#: The vaccine trials: cases and others among the vaccinated and the controls, and the latitude of each trial.
BCG = np.array([
    (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619), (33, 5036, 47, 5761),
    (180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892), (29, 7470, 45, 7232), (17, 1699, 65, 1600),
    (186, 50448, 141, 27197), (5, 2493, 3, 2338), (27, 16886, 29, 17825),
])  # fmt: skip
LATITUDE = [44, 55, 42, 52, 13, 44, 19, 13, 27, 42, 18, 33, 33]


def test_estimating_equations_of_balanced_rows_are_those_of_the_means_of_subjects():
    # With the same number of rows and predictors of subjects alone, coefficients and errors are those of the means of
    # subjects; the correction of Mancl and DeRouen then is that of HC3.
    random = np.random.default_rng(1)
    x, subject = np.repeat(random.normal(size=12), 3), np.repeat(np.arange(12), 3)
    y = 2 + 0.7 * x + np.repeat(random.normal(size=12), 3) + 0.5 * random.normal(size=36)
    fit = estimating_equations(y, {"x": x}, subject)
    means = linear_regression(y.reshape(12, 3).mean(axis=1), {"x": x[::3]}, robust=True)
    for name in ("intercept", "x"):
        assert fit.coefficients[name].estimate.value == pytest.approx(means.coefficients[name].estimate.value)
        assert fit.coefficients[name].standard_error == pytest.approx(means.coefficients[name].standard_error)
        assert fit.coefficients[name].df == 10
    assert 0.4 < fit.correlation < 1 and fit.subjects == 12


def test_estimating_equations_keep_the_error_rate_of_rows_that_belong_together():
    random, found = np.random.default_rng(2), 0
    group, subject = np.repeat(np.arange(24) % 2, 4), np.repeat(np.arange(24), 4)
    for _ in range(200):
        y = np.repeat(random.normal(size=24), 4) + random.normal(size=96)
        found += estimating_equations(y, {"group": group}, subject).coefficients["group"].p < 0.05
    assert stats.binomtest(found, 200, 0.05).pvalue > 0.01


@pytest.mark.parametrize(
    "subject, message", [(np.arange(8), "rows are independent"), ([1, 1, 1, 1, 2, 2, 2, 2], "cannot determine 2")]
)
def test_estimating_equations_need_several_subjects_with_several_rows(subject, message):
    with pytest.raises(ValueError, match=message):
        estimating_equations(np.arange(8.0) ** 2, {"x": np.arange(8) % 2}, subject)


def test_one_measure_makes_a_multivariate_comparison_an_analysis_of_covariance():
    random = np.random.default_rng(3)
    group, age = np.repeat(["a", "b", "c"], 10), random.uniform(40, 80, 30)
    y = 0.1 * age + random.normal(size=30) + (group == "c")
    one, other = mancova({"y": y}, group, {"age": age}), ancova(y, group, {"age": age}).test
    assert (one.statistic, *one.df, one.p) == pytest.approx((other.statistic, *other.df, other.p))


def test_two_groups_make_a_multivariate_comparison_the_test_of_hotelling():
    random = np.random.default_rng(4)
    first, second = random.normal(size=(14, 3)), random.normal(size=(11, 3)) + (0.8, 0, 0)
    pooled = (13 * np.cov(first.T) + 10 * np.cov(second.T)) / 23
    difference = first.mean(axis=0) - second.mean(axis=0)
    t2 = 14 * 11 / 25 * difference @ np.linalg.solve(pooled, difference)
    f = (23 - 3 + 1) / (3 * 23) * t2
    table = dict(zip("xyz", np.concatenate([first, second]).T))
    outcome = mancova(table, ["a"] * 14 + ["b"] * 11)
    assert outcome.statistic == pytest.approx(f) and outcome.p == pytest.approx(stats.f.sf(f, 3, 21))
    assert outcome.estimates["Pillai trace"].value + outcome.estimates["Wilks lambda"].value == pytest.approx(1)


def test_measures_that_are_combinations_and_too_few_subjects_are_refused():
    x = np.random.default_rng(5).normal(size=12)
    group = ["a", "b"] * 6
    with pytest.raises(ValueError, match="combination of others"):
        mancova({"x": x, "twice": 2 * x}, group)
    with pytest.raises(ValueError, match="too few for 3 measures"):
        mancova({str(i): x[i : i + 4] for i in range(3)}, group[:4])


def test_one_indicator_makes_a_rate_ratio_that_of_the_means():
    counts, group = np.array([0, 2, 1, 3, 5, 2, 4, 7]), np.repeat([0, 1], 4)
    fit = rate_regression(counts, {"group": group})
    assert fit.ratios["group"].value == pytest.approx(18 / 6)
    error = np.sqrt(1 / 18 + 1 / 6) * np.sqrt(max(fit.dispersion, 1))
    assert fit.coefficients["group"].standard_error == pytest.approx(error)
    pearson = np.sum((counts[:4] - 1.5) ** 2) / 1.5 + np.sum((counts[4:] - 4.5) ** 2) / 4.5
    assert fit.dispersion == pytest.approx(pearson / 6)


def test_counts_in_proportion_to_years_are_rates():
    fit = rate_regression([2, 4, 9, 3], {"group": [0, 0, 1, 1]}, exposure=[1.0, 2.0, 1.5, 0.5])
    assert fit.ratios["group"].value == pytest.approx((12 / 2) / (6 / 3))


def test_a_gamma_model_of_two_groups_has_the_ratio_of_means_and_the_error_of_its_coefficients_of_variation():
    y, group = np.array([1.0, 2.0, 3.0, 2.0, 8.0, 4.0, 6.0, 6.0]), np.repeat([0, 1], 4)
    fit = rate_regression(y, {"group": group}, distribution="gamma")
    assert fit.ratios["group"].value == pytest.approx(3.0)
    dispersion = np.sum((y / np.repeat([2.0, 6.0], 4) - 1) ** 2) / 6
    assert fit.coefficients["group"].standard_error == pytest.approx(np.sqrt(dispersion / 2))


@pytest.mark.parametrize(
    "y, more, message",
    [
        ([1, -1, 2, 3], {}, "expected counts"),
        ([0.5, 1, 2, 3], {}, "expected counts"),
        ([0, 0, 0, 0], {}, "not all 0"),
        ([0, 1, 2, 3], {"distribution": "gamma"}, "expected positive numbers"),
        ([1, 2, 3, 4], {"exposure": [1, 0, 1, 1]}, "must be positive"),
        ([1, 2, 3, 4], {"distribution": "normal"}, "choose one of poisson, gamma"),
    ],
)
def test_counts_that_are_none_are_refused(y, more, message):
    with pytest.raises(ValueError, match=message):
        rate_regression(y, {"x": [0, 1, 0, 1]}, **more)


def test_the_latitude_of_the_vaccine_trials_explains_their_effects_as_metafor_prints():
    effects = {str(i): log_risk_ratio(*row) for i, row in enumerate(BCG)}
    fit = meta_regression(effects, {"latitude": LATITUDE})
    assert fit.tau2 == pytest.approx(0.0764, abs=1e-4)  # metafor stops its search at steps of 1e-5
    intercept, slope = fit.coefficients["intercept"], fit.coefficients["latitude"]
    assert (intercept.estimate.value, intercept.standard_error) == pytest.approx((0.2515, 0.2491), abs=5e-5)
    assert (slope.estimate.value, slope.standard_error) == pytest.approx((-0.0291, 0.0072), abs=5e-5)
    assert fit.test.statistic == pytest.approx(16.3571, abs=2e-3)
    assert fit.residual_q == pytest.approx(30.7331, abs=5e-4)


def test_studies_that_cannot_be_moderated_are_refused():
    with pytest.raises(ValueError, match="3 studies are too few"):
        meta_regression({str(i): (i * 0.1, 0.1) for i in range(3)}, {"age": [1, 2, 4]})
    with pytest.raises(ValueError, match="needs a positive one"):
        meta_regression({str(i): (i * 0.1, 0.0) for i in range(6)}, {"age": [1, 2, 4, 5, 6, 7]})


def visits(random, subjects=30, times=4):
    subject = np.repeat([f"s{i:02}" for i in range(subjects)], times)
    time = np.tile(np.arange(times) * 0.5, subjects)
    own = np.repeat(random.normal(0, 10, subjects), times)
    return subject, time, own


def test_scanners_are_removed_from_visits_and_change_is_kept():
    random = np.random.default_rng(6)
    subject, time, own = visits(random)
    # Subjects move between scanners, so that their effects are not those of subjects.
    site = np.where((np.arange(subject.size) // 2 + np.repeat(np.arange(30), 4)) % 2 == 0, "A", "B")
    level = np.column_stack([50 + 3 * time + own + region for region in range(6)])
    truth = level + random.normal(0, 2, level.shape)
    moved = truth + np.where(site == "B", 15.0, 0.0)[:, None] * np.linspace(0.8, 1.2, 6)
    clean = harmonize_longitudinally(moved, site, {"time": time}, subject)
    for i in range(6):
        fit = mixed_model(clean[:, i], {"time": time, "B": (site == "B").astype(float)}, subject)
        assert abs(fit.coefficients["B"].estimate.value) < 0.6
        slope = fit.coefficients["time"].estimate
        assert slope.low < 3 < slope.high
    assert np.corrcoef(clean[:, 0], truth[:, 0])[0, 1] > 0.97


def test_without_effects_of_scanners_visits_stay_as_they_are():
    random = np.random.default_rng(7)
    subject, time, own = visits(random)
    site = np.where(np.arange(subject.size) % 2 == 0, "A", "B")
    y = np.column_stack([time + own + random.normal(0, 2, time.size) for _ in range(3)])
    assert np.abs(harmonize_longitudinally(y, site, {"time": time}, subject) - y).max() < 2


def test_visits_that_cannot_be_harmonized_are_refused():
    subject, time, own = visits(np.random.default_rng(8), 5)
    with pytest.raises(ValueError, match="at least two sites"):
        harmonize_longitudinally(own[:, None], ["A"] * 20, {"time": time}, subject)
    with pytest.raises(ValueError, match="two measures"):
        harmonize_longitudinally(own[:, None], ["A", "B"] * 10, {"time": time}, subject)


def test_the_bootstrap_of_fixed_effects_agrees_with_the_model_where_its_assumptions_hold():
    random = np.random.default_rng(9)
    subject, time, own = visits(random, 60)
    y = 5 + 2 * time + own + random.normal(0, 3, time.size)
    fit = mixed_model(y, {"time": time}, subject)
    interval = bootstrap_fixed_effects(fit, y, {"time": time}, subject)["time"]
    wald = fit.coefficients["time"].estimate
    assert interval.value == wald.value
    assert (interval.low, interval.high) == pytest.approx((wald.low, wald.high), abs=0.15 * (wald.high - wald.low))


def test_a_norm_without_a_shape_is_the_posterior_of_its_kernel():
    random = np.random.default_rng(10)
    age = random.uniform(20, 80, 40)
    y = 40 + 0.5 * age + 6 * np.sin(age / 8) + random.normal(0, 2, 40)
    norm = fit_gaussian_process(age, y)
    t = (age - age.mean()) / age.std()
    length = norm.length / age.std()

    def kernel(a, b):
        bends = norm.curve_sd**2 * np.exp(-0.5 * ((a[:, None] - b) / length) ** 2)
        return bends + norm.line_sd**2 * (1 + np.outer(a, b))

    whole = kernel(t, t) + norm.residual_sd**2 * np.eye(40)
    at = (np.array([30.0, 55.0]) - age.mean()) / age.std()
    mean = y.mean() + kernel(at, t) @ np.linalg.solve(whole, y - y.mean())
    assert norm.mean([30, 55]) == pytest.approx(mean, rel=1e-6)
    variance = np.diag(kernel(at, at) - kernel(at, t) @ np.linalg.solve(whole, kernel(t, at))) + norm.residual_sd**2
    assert norm.prediction_sd([30, 55]) == pytest.approx(np.sqrt(variance), rel=1e-6)
    assert norm.log_likelihood == pytest.approx(stats.multivariate_normal(np.zeros(40), whole).logpdf(y - y.mean()))
    without = np.arange(40) != 7
    rest = whole[np.ix_(without, without)]
    left = kernel(t[7:8], t[without])
    predicted = y.mean() + left @ np.linalg.solve(rest, (y - y.mean())[without])
    sd = np.sqrt(whole[7, 7] - left @ np.linalg.solve(rest, left.T))
    assert norm.left_out_z()[7] == pytest.approx(((y[7] - predicted) / sd).item(), rel=1e-6)


def test_a_norm_without_a_shape_follows_a_bend_and_gives_z_scores():
    random = np.random.default_rng(11)
    age = random.uniform(5, 90, 120)
    truth = 60 * (1 - np.exp(-age / 15))
    norm = fit_gaussian_process(age, truth + random.normal(0, 4, 120))
    assert norm.mean([10, 30, 70]) == pytest.approx(60 * (1 - np.exp(-np.array([10, 30, 70]) / 15)), abs=3)
    assert norm.residual_sd == pytest.approx(4, rel=0.15)
    z = z_scores(norm, [40.0], [float(norm.mean(40.0)[0] + 2 * norm.prediction_sd(40.0)[0])])
    assert z == pytest.approx([2.0])
    with pytest.raises(ValueError, match="15 subjects"):
        fit_gaussian_process(age[:10], truth[:10])


def test_the_curve_of_white_matter_rises_and_falls():
    age = np.linspace(1, 80, 40)
    truth = -1.2 * age * np.exp(-0.035 * age) - 5
    curve = fit_normative_curve(age, truth + np.random.default_rng(12).normal(0, 0.3, 40), shape="rise and fall")
    assert curve.coefficients == pytest.approx([-1.2, 0.035, -5], rel=0.1)
    exact = fit_normative_curve(age, truth, shape="rise and fall")
    assert exact.coefficients == pytest.approx([-1.2, 0.035, -5])
