"""Reliability and agreement against published values."""

import numpy as np
import pytest

from QSMRoiAnalysisCore.statistics.agreement import bland_altman, kappa, kappa_of_counts
from QSMRoiAnalysisCore.statistics.reliability import (
    intraclass_correlations,
    repeatability,
    repeatability_coefficient,
)

#: Four judges' ratings of six targets: Shrout and Fleiss (1979).
RATINGS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]

#: Peak expiratory flow of 17 subjects by two meters: Bland and Altman (1986).
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def test_the_six_correlations_of_shrout_and_fleiss():
    result = intraclass_correlations(RATINGS)
    assert [estimate.value for estimate in result.single.values()] == pytest.approx([0.1657, 0.2898, 0.7148], abs=5e-5)
    assert [estimate.value for estimate in result.average.values()] == pytest.approx([0.4428, 0.6201, 0.9093], abs=5e-5)
    assert list(result.single) == ["ICC(1,1)", "ICC(2,1)", "ICC(3,1)"]
    assert (result.subjects, result.readings) == (6, 4)


def test_intervals_of_intraclass_correlations_are_those_of_the_r_package_psych():
    single = intraclass_correlations(RATINGS).single
    printed = {"ICC(1,1)": (-0.13, 0.72), "ICC(2,1)": (0.019, 0.76), "ICC(3,1)": (0.34, 0.95)}
    for name, interval in printed.items():
        assert (single[name].low, single[name].high) == pytest.approx(interval, abs=5e-3)


def test_intraclass_correlations_recover_their_truth():
    random = np.random.default_rng(0)
    subjects = random.normal(0, 2, (400, 1))
    result = intraclass_correlations(subjects + random.normal(0, 1, (400, 3)))
    for estimate in result.single.values():
        assert estimate.low < 0.8 < estimate.high


def test_limits_of_agreement_of_two_flow_meters():
    result = bland_altman(WRIGHT, MINI)
    assert (result.bias.value, result.sd) == (pytest.approx(-2.118, abs=5e-4), pytest.approx(38.765, abs=5e-4))
    assert (result.lower.value, result.upper.value) == pytest.approx((-78.10, 73.86), abs=5e-3)
    assert (result.concordance, result.correlation) == (
        pytest.approx(0.94274, abs=5e-6),
        pytest.approx(0.94328, abs=5e-6),
    )
    twice = bland_altman(WRIGHT, MINI, multiplier=2)
    assert (twice.lower.value, twice.upper.value) == pytest.approx((-79.65, 75.41), abs=5e-3)
    assert result.lower.low < result.lower.value < result.lower.high < result.bias.low


def test_repeatability_coefficients_of_printed_spreads():
    assert repeatability_coefficient(2.36) == pytest.approx(6.54, abs=5e-3)
    assert repeatability_coefficient(4.16) == pytest.approx(11.53, abs=5e-3)


def test_repeatability_recovers_the_spread_within_subjects():
    random = np.random.default_rng(1)
    readings = random.normal(50, 20, (300, 1)) + random.normal(0, 3, (300, 2))
    result = repeatability(readings)
    assert result.within_sd == pytest.approx(3, rel=0.1)
    assert result.coefficient.low < 1.96 * np.sqrt(2) * 3 < result.coefficient.high
    assert result.coefficient_of_variation == pytest.approx(result.within_sd / readings.mean())


def test_kappa_of_a_table():
    result = kappa_of_counts([[20, 5], [10, 15]])
    assert result.kappa.value == pytest.approx(0.40)
    assert (result.n, result.observed, result.expected) == (50, pytest.approx(0.7), pytest.approx(0.5))
    assert result.kappa.low < 0.40 < result.kappa.high


def test_kappa_of_ratings_is_that_of_their_table():
    first = ["rim"] * 25 + ["none"] * 25 + [""]
    second = ["rim"] * 20 + ["none"] * 5 + ["rim"] * 10 + ["none"] * 15 + ["rim"]
    result = kappa(first, second)
    assert result.kappa.value == pytest.approx(0.40)
    assert result.excluded == (50,)


def test_quadratic_kappa_is_the_intraclass_correlation_of_large_samples():
    random = np.random.default_rng(2)
    truth = random.normal(size=4000)
    ratings = np.clip(np.round(truth[:, None] + random.normal(0, 0.5, (4000, 2)) + 2), 0, 4).astype(int)
    one, other = ratings.T.astype(str)
    weighted = kappa(one, other, weights="quadratic", categories=list("01234")).kappa.value
    assert weighted == pytest.approx(intraclass_correlations(ratings).single["ICC(2,1)"].value, abs=1e-3)


def test_subjects_without_all_readings_are_left_out_and_named():
    gaps = [*RATINGS, [1, 2, np.nan, 4]]
    result = intraclass_correlations(gaps)
    assert result.excluded == (6,)
    assert result.single == intraclass_correlations(RATINGS).single


def test_readings_that_tell_nothing_are_refused():
    with pytest.raises(ValueError, match="All readings are 3"):
        repeatability([[3, 3], [3, 3]])
    with pytest.raises(ValueError, match="must be numbers"):
        repeatability([[3, "x"], [3, 3]])
    with pytest.raises(ValueError, match="1 complete subject"):
        repeatability([[3, 4], [3, np.nan]])
    with pytest.raises(ValueError, match="one category to all"):
        kappa_of_counts([[10, 0], [0, 0]])
    with pytest.raises(ValueError, match="categories maybe"):
        kappa(["yes", "no"], ["yes", "maybe"], categories=["yes", "no"])
    with pytest.raises(ValueError, match="every intraclass correlation is 1"):
        intraclass_correlations([[1, 1], [2, 2], [3, 3]])
