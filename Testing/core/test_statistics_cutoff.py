"""Cut-offs and logistic regression."""

import numpy as np
import pytest
from scipy import stats

from QSMRoiAnalysisCore.statistics.cutoff import choose_cutoff
from QSMRoiAnalysisCore.statistics.logistic_regression import logistic_regression

PATIENTS = [118, 131, 140, 126, 152, 109, 137, 160, 122, 145]
CONTROLS = [95, 102, 118, 88, 110, 126, 99, 107, 115, 93, 104, 121]


def test_the_cutoff_of_the_nigra_example():
    result = choose_cutoff(PATIENTS, CONTROLS)
    assert result.youden == pytest.approx(0.7167, abs=5e-5)
    assert result.threshold == 121.5
    assert result.table.sensitivity.value == pytest.approx(0.80)
    assert result.table.specificity.value == pytest.approx(0.9167, abs=5e-5)
    assert result.higher_is_positive


def test_the_cutoff_of_a_measure_that_falls_with_disease_is_its_mirror():
    mirrored = choose_cutoff(np.negative(PATIENTS), np.negative(CONTROLS), higher_is_positive=False)
    assert mirrored.threshold == -121.5
    assert mirrored.youden == pytest.approx(0.7167, abs=5e-5)


def test_a_wanted_specificity_is_kept():
    result = choose_cutoff(PATIENTS, CONTROLS, rule="specificity", specificity=1.0)
    assert result.table.specificity.value == 1
    assert result.threshold == 128.5
    assert choose_cutoff(PATIENTS, CONTROLS, rule="closest").threshold == 121.5


def test_what_a_cutoff_promises_new_subjects_is_nearer_the_truth_than_what_it_shows():
    random = np.random.default_rng(9)
    truth = 2 * stats.norm.cdf(0.4) - 1  # of the best cut-off between normal distributions 0.8 apart
    results = [
        choose_cutoff(random.normal(0.8, 1, 20), random.normal(0, 1, 20), repetitions=50, seed=seed)
        for seed in range(40)
    ]
    apparent = np.mean([result.youden for result in results])
    expected = np.mean([result.expected_youden for result in results])
    assert apparent > truth + 0.05
    assert abs(expected - truth) < (apparent - truth) / 2


def test_bad_rules_are_refused():
    with pytest.raises(ValueError, match="choose one of youden, closest, specificity"):
        choose_cutoff(PATIENTS, CONTROLS, rule="best")
    with pytest.raises(ValueError, match="call everyone alike"):
        choose_cutoff([1, 2, 3], [4, 5, 6])


def test_one_indicator_gives_the_odds_ratio_of_its_table():
    outcome = np.repeat([1, 0, 1, 0], [14, 2, 3, 20])
    exposed = np.repeat([1, 1, 0, 0], [14, 2, 3, 20])
    fit = logistic_regression(outcome, {"exposed": exposed})
    assert fit.odds_ratios["exposed"].value == pytest.approx(14 * 20 / (2 * 3))
    assert fit.coefficients["exposed"].standard_error == pytest.approx(np.sqrt(1 / 14 + 1 / 2 + 1 / 3 + 1 / 20))
    assert fit.n == {"outcome 1": 17, "outcome 0": 22}
    # Firth's penalty for a saturated model adds half a subject to each cell.
    penalized = logistic_regression(outcome, {"exposed": exposed}, firth=True)
    assert penalized.odds_ratios["exposed"].value == pytest.approx(14.5 * 20.5 / (2.5 * 3.5))


def test_separated_outcomes_need_the_penalty():
    outcome, values = [0, 0, 0, 0, 1, 1, 1, 1], {"chi": [1.0, 2, 3, 4, 6, 7, 8, 9]}
    with pytest.raises(ValueError, match="separate the outcomes.*Set firth to True"):
        logistic_regression(outcome, values)
    fit = logistic_regression(outcome, values, firth=True)
    assert 1 < fit.odds_ratios["chi"].value < 100
    assert fit.test.p < 0.05


def test_the_logistic_model_recovers_its_truth_whatever_the_unit():
    random = np.random.default_rng(0)
    chi = random.normal(120, 20, 3000)
    outcome = random.uniform(size=3000) < 1 / (1 + np.exp(-0.05 * (chi - 120)))
    ppb = logistic_regression(outcome, {"chi": chi}).coefficients["chi"].estimate
    ppm = logistic_regression(outcome, {"chi": chi / 1000}).coefficients["chi"].estimate
    assert ppb.low < 0.05 < ppb.high
    assert ppm.value == pytest.approx(1000 * ppb.value)


def test_outcomes_that_are_none_are_refused():
    with pytest.raises(ValueError, match="expected 0 and 1, but got 0, 1, 2"):
        logistic_regression([0, 1, 2], {"x": [1, 2, 3]})
    with pytest.raises(ValueError, match="same outcome"):
        logistic_regression([1, 1, 1], {"x": [1, 2, 3]})
