"""Syntheses of studies against published values."""

import numpy as np
import pytest

from QSMRoiAnalysisCore.statistics.meta_analysis import (
    egger,
    leave_one_out,
    log_risk_ratio,
    meta_analysis,
    pooled_correlation,
    standardized_effect,
)

#: Trials of the BCG vaccine: cases and others among the vaccinated, and among controls.
BCG = zip(
    (4, 6, 3, 62, 33, 180, 8, 505, 29, 17, 186, 5, 27),
    (119, 300, 228, 13536, 5036, 1361, 2537, 87886, 7470, 1699, 50448, 2493, 16886),
    (11, 29, 11, 248, 47, 372, 10, 499, 45, 65, 141, 3, 29),
    (128, 274, 209, 12619, 5761, 1079, 619, 87892, 7232, 1600, 27197, 2338, 17825),
)
TRIALS = {f"trial {i}": log_risk_ratio(*counts) for i, counts in enumerate(BCG, 1)}

FOUR = {
    "first": standardized_effect(62, 15, 30, 55, 14, 30),
    "second": standardized_effect(70, 18, 45, 60, 16, 40),
    "third": standardized_effect(58, 12, 20, 56, 13, 22),
    "fourth": standardized_effect(66, 20, 60, 54, 17, 50),
}


def limits(estimate):
    return estimate.low, estimate.high


def test_the_vaccine_trials_by_dersimonian_and_laird():
    result = meta_analysis(TRIALS, model="dersimonian-laird")
    assert result.pooled.value == pytest.approx(-0.71412, abs=5e-6)
    assert result.standard_error == pytest.approx(0.17874, abs=5e-6)
    assert limits(result.pooled) == pytest.approx((-1.06445, -0.36379), abs=5e-6)
    assert result.tau2 == pytest.approx(0.30876, abs=5e-6)
    assert (result.q, result.i2) == (pytest.approx(152.2330, abs=5e-5), pytest.approx(92.117, abs=5e-4))
    assert result.n == 13


def test_the_vaccine_trials_with_a_common_effect():
    result = meta_analysis(TRIALS, model="fixed")
    assert result.pooled.value == pytest.approx(-0.43029, abs=5e-6)
    assert result.standard_error == pytest.approx(0.04050, abs=5e-6)
    assert np.isnan(result.prediction.low)


def test_the_vaccine_trials_by_restricted_likelihood():
    result = meta_analysis(TRIALS, model="reml")
    assert result.tau2 == pytest.approx(0.31324, abs=5e-6)
    assert result.pooled.value == pytest.approx(-0.71453, abs=5e-6)
    assert result.standard_error == pytest.approx(0.17978, abs=5e-6)


def test_the_vaccine_trials_with_the_adjustment_of_hartung_and_knapp():
    result = meta_analysis(TRIALS, model="dersimonian-laird", hartung_knapp=True)
    assert limits(result.pooled) == pytest.approx((-1.10782, -0.32041), abs=5e-6)


def test_the_vaccine_trials_predict_a_new_one():
    result = meta_analysis(TRIALS, model="dersimonian-laird")
    assert limits(result.prediction) == pytest.approx((-1.99884, 0.57060), abs=5e-6)


def test_four_small_studies():
    assert [effect for effect, _ in FOUR.values()] == pytest.approx([0.4762, 0.5799, 0.1565, 0.6373], abs=5e-5)
    result = meta_analysis(FOUR, model="dersimonian-laird")
    assert (result.q, result.i2) == (pytest.approx(1.8373, abs=5e-5), 0)
    assert result.pooled.value == pytest.approx(0.51758, abs=5e-6)
    assert limits(result.pooled) == pytest.approx((0.28549, 0.74966), abs=1e-5)  # the lower one is cut, not rounded
    assert sum(result.weights.values()) == pytest.approx(1)


def test_the_nigrosome_study_as_one_effect():
    g, variance = standardized_effect(125.81, 16.27, 38, 98.41, 11.70, 25)
    assert (g, variance) == (pytest.approx(1.84808, abs=5e-6), pytest.approx(0.09342, abs=5e-6))


def test_correlations_are_pooled_on_their_own_scale():
    result = pooled_correlation([0.36, 0.25, 0.45, 0.30], [40, 60, 35, 80], model="dersimonian-laird")
    assert result.value == pytest.approx(0.32231, abs=5e-6)
    assert limits(result) == pytest.approx((0.19416, 0.43964), abs=5e-6)


def test_leaving_a_study_out_is_the_synthesis_of_the_others():
    left = leave_one_out(FOUR, model="reml")
    others = {name: effect for name, effect in FOUR.items() if name != "third"}
    assert left["third"] == meta_analysis(others, model="reml")


def test_small_studies_that_find_more_are_seen():
    precise = np.linspace(1, 10, 12)
    wobble = np.tile([0.1, -0.1], 6)
    biased = {str(i): ((0.2 * s + 2 + w) / s, 1 / s**2) for i, (s, w) in enumerate(zip(precise, wobble))}
    result = egger(biased)
    assert result.estimates["intercept"].value == pytest.approx(2, abs=0.2)
    assert result.p < 0.001
    assert "little power" in egger(FOUR).remarks[0]


def test_bad_studies_are_refused():
    with pytest.raises(ValueError, match="at least 2 studies"):
        meta_analysis({"one": (0.3, 0.1)})
    with pytest.raises(ValueError, match="b lack"):
        meta_analysis({"a": (0.3, 0.1), "b": (0.4, 0.0)})
    with pytest.raises(ValueError, match="between -1 and 1"):
        pooled_correlation([1.0, 0.3], [20, 20])
    with pytest.raises(ValueError, match="events in both groups"):
        log_risk_ratio(0, 10, 3, 10)
