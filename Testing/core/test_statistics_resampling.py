"""Resampling, and numbers of subjects."""

import numpy as np
import pytest
from scipy import stats

from QSMRoiAnalysisCore.statistics.group_comparison import student_t
from QSMRoiAnalysisCore.statistics.power import (
    power_of_t_test,
    subjects_for_correlation,
    subjects_for_slopes,
    subjects_per_group,
)
from QSMRoiAnalysisCore.statistics.resampling import (
    bootstrap_by_subject,
    max_t_test,
    permutation_test,
    sign_flip_test,
)


def test_separated_groups_of_four_have_two_extreme_arrangements_in_seventy():
    result = permutation_test({"a": [1, 2, 3, 4], "b": [5, 6, 7, 8]})
    assert result.p == pytest.approx(2 / 70, abs=5e-7)
    assert "all arrangements" in result.method
    assert permutation_test({"a": [1, 2, 3, 4], "b": [5, 6, 7, 8]}, alternative="less").p == pytest.approx(1 / 70)


def test_many_arrangements_are_sampled_with_a_seed():
    random = np.random.default_rng(0)
    groups = {"a": random.normal(size=30), "b": random.normal(0.7, size=30)}
    first, again = (permutation_test(groups, seed=1) for _ in range(2))
    assert first == again
    assert "9999 random" in first.method
    assert first.p == pytest.approx(student_t(groups).p, abs=0.01)


def test_signs_of_five_rising_subjects_flip_in_32_ways():
    result = sign_flip_test([2, 3, 5, 6, 9], [1, 1, 2, 2, 3])
    assert result.p == pytest.approx(2 / 32)
    with pytest.raises(ValueError, match="No subject changed"):
        sign_flip_test([1, 2], [1, 2])


def test_the_bootstrap_of_subjects_knows_that_rows_of_a_subject_belong_together():
    random = np.random.default_rng(5)
    subject = np.repeat(np.arange(20), 10)
    values = random.normal(0, 1, 20)[subject] + random.normal(0, 0.1, 200)

    def mean(columns, who):
        return columns["values"].mean()

    clustered = bootstrap_by_subject(mean, {"values": values}, subject)
    rows = bootstrap_by_subject(mean, {"values": values}, np.arange(200))
    expected = 2 * 1.96 * np.std([values[subject == i].mean() for i in range(20)], ddof=1) / np.sqrt(20)
    assert clustered.high - clustered.low == pytest.approx(expected, rel=0.15)
    assert clustered.high - clustered.low > 2.5 * (rows.high - rows.low)
    assert clustered.low < clustered.value < clustered.high


def test_subjects_drawn_twice_come_as_two():
    seen = []
    bootstrap_by_subject(
        lambda columns, who: seen.append(np.unique(who).size) or 0.0, {"x": range(8)}, list("aabbccdd"), repetitions=100
    )
    assert set(seen) == {4}


def test_samples_without_an_estimate_are_counted_and_too_many_are_refused():
    def fails_often(columns, who):
        if np.unique(columns["x"]).size < 3:
            raise ValueError("too few")
        return 0.0

    with pytest.raises(ValueError, match="had no estimate"):
        bootstrap_by_subject(fails_often, {"x": [1, 2, 3]}, ["a", "b", "c"])


def test_the_largest_t_keeps_the_error_rate_of_correlated_regions():
    random = np.random.default_rng(11)
    families, wrong = 80, 0
    for seed in range(families):
        shared = random.normal(size=(24, 1))
        values = shared + 0.5 * random.normal(size=(24, 6))
        first, second = ({str(i): part[:, i] for i in range(6)} for part in (values[:12], values[12:]))
        wrong += bool(max_t_test(first, second, family="six regions", repetitions=199, seed=seed).rejected)
    low, high = stats.binom.interval(0.999, families, 0.05)
    assert low <= wrong <= high


def test_the_largest_t_finds_the_region_that_differs():
    random = np.random.default_rng(1)
    first = {"SN": random.normal(2, 1, 15), "Put": random.normal(0, 1, 15)}
    second = {"SN": random.normal(0, 1, 15), "Put": random.normal(0, 1, 15)}
    family = max_t_test(first, second, family="two nuclei", repetitions=499)
    assert family.rejected == ("SN",)
    assert family.adjusted["SN"] == pytest.approx(1 / 500)
    with pytest.raises(ValueError, match="same regions"):
        max_t_test(first, {"SN": [1, 2]}, family="two nuclei")


def test_published_numbers_of_subjects():
    assert subjects_per_group(0.5) == (64, 64)
    assert subjects_per_group(1.13) == (14, 14)
    assert power_of_t_test(0.5, 64, 64) == pytest.approx(0.8015, abs=5e-5)
    assert subjects_for_correlation(0.3) == 85


def test_power_is_how_often_the_test_finds_the_effect():
    random = np.random.default_rng(2)
    cohorts = 2000
    a, b = random.normal(1.0, 1, (12, cohorts)), random.normal(0, 1, (15, cohorts))
    found = np.mean(stats.ttest_ind(a, b).pvalue < 0.05)
    expected = power_of_t_test(1.0, 12, 15)
    assert found == pytest.approx(expected, abs=3.3 * np.sqrt(expected * (1 - expected) / cohorts))


def test_slopes_need_fewer_subjects_the_longer_they_are_followed():
    short = subjects_for_slopes(2.0, [0, 1], slope_sd=1.0, residual_sd=3.0)
    long = subjects_for_slopes(2.0, [0, 1, 2, 3], slope_sd=1.0, residual_sd=3.0)
    assert long < short
    assert subjects_for_slopes(2.0, [0, 1], slope_sd=4.0, residual_sd=0.0) == subjects_per_group(0.5)[0]


def test_plans_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="effect other than 0"):
        subjects_per_group(0.0)
    with pytest.raises(ValueError, match="two different times"):
        subjects_for_slopes(1.0, [1, 1], slope_sd=1.0, residual_sd=1.0)
    with pytest.raises(ValueError, match="too small to be found"):
        subjects_per_group(1e-6)
