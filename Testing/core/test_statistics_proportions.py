"""Proportions, tables of counts and families of tests against published values."""

import numpy as np
import pytest

from QSMRoiAnalysisCore.statistics.multiplicity import adjust
from QSMRoiAnalysisCore.statistics.proportions import chi_square, diagnostic_table, fisher_exact, mcnemar, proportion

#: The 15 p values of Benjamini and Hochberg (1995).
P_1995 = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0
]  # fmt: skip


@pytest.mark.parametrize(
    "count, of, low, high",
    [
        (307, 308, 98.20, 99.99),
        (54, 254, 16.39, 26.81),
        (308, 308, 98.81, 100),
        (19, 21, 69.62, 98.83),
        (14, 16, 61.65, 98.45),
        (20, 23, 66.41, 97.22),
    ],
)
def test_exact_intervals_of_proportions(count, of, low, high):
    result = proportion(count, of)
    assert (100 * result.low, 100 * result.high) == (pytest.approx(low, abs=5e-3), pytest.approx(high, abs=5e-3))
    assert result.method == "Clopper-Pearson"


def test_the_wilson_interval_of_a_proportion():
    result = proportion(19, 21, interval="wilson")
    assert (100 * result.low, 100 * result.high) == (pytest.approx(71.09, abs=5e-3), pytest.approx(97.35, abs=5e-3))


def test_the_accuracy_of_a_test_from_its_counts():
    table = diagnostic_table(11, 1, 12, 1)
    assert 100 * table.specificity.value == pytest.approx(92.3, abs=0.05)
    assert 100 * table.positive_predictive_value.value == pytest.approx(91.7, abs=0.05)
    assert 100 * table.sensitivity.value == pytest.approx(91.7, abs=0.05)
    assert table.positive_likelihood_ratio.value == pytest.approx((11 / 12) / (1 / 13))
    assert 100 * diagnostic_table(19, 3, 18, 2).accuracy.value == pytest.approx(88.1, abs=0.05)


def test_a_likelihood_ratio_without_denominator_is_infinite_and_has_no_interval():
    ratio = diagnostic_table(5, 0, 5, 1).positive_likelihood_ratio
    assert ratio.value == np.inf
    assert np.isnan(ratio.low)


def test_counts_that_are_none_are_refused():
    with pytest.raises(ValueError, match="No subject without it"):
        diagnostic_table(5, 0, 0, 1)
    with pytest.raises(ValueError, match="but got 5 of 4"):
        proportion(5, 4)
    with pytest.raises(ValueError, match="whole numbers"):
        chi_square([[1.5, 2], [3, 4]])
    with pytest.raises(ValueError, match="row or column"):
        fisher_exact([[0, 0], [3, 4]])
    with pytest.raises(ValueError, match="disagreements"):
        mcnemar(0, 0)


def test_fisher_exact_test_of_a_small_table():
    result = fisher_exact([[14, 2], [3, 20]])
    assert result.statistic == pytest.approx(46.667, abs=5e-4)
    assert result.p == pytest.approx(6.22e-6, abs=5e-9)
    assert result.n == {"table": 39}


def test_the_chi_square_test_remarks_on_small_expected_counts():
    assert "2 of 4" in chi_square([[1, 9], [3, 40]]).remarks[0]
    large = chi_square([[20, 30], [30, 20]])
    assert large.statistic == pytest.approx(4.0)
    assert large.estimates["Cramer V"].value == pytest.approx(0.2)
    assert not large.remarks


def test_mcnemar_is_a_fair_coin_on_the_disagreements():
    assert mcnemar(8, 2).p == pytest.approx(2 * (1 + 10 + 45) / 2**10)


@pytest.mark.parametrize(
    "method, rejected", [("bonferroni", 3), ("holm", 3), ("benjamini-hochberg", 4), ("benjamini-yekutieli", 3)]
)
def test_the_example_of_benjamini_and_hochberg(method, rejected):
    tests = {f"test {i}": p for i, p in enumerate(P_1995)}
    family = adjust(tests, family="the 15 comparisons of the paper", method=method)
    assert family.rejected == tuple(tests)[:rejected]
    assert family.size == 15
    shuffled = adjust(dict(reversed(tests.items())), family="the same in another order", method=method)
    assert shuffled.adjusted == pytest.approx(family.adjusted)


def test_adjusted_p_values_of_benjamini_and_hochberg():
    family = adjust({str(i): p for i, p in enumerate(P_1995)}, family="the paper's", method="benjamini-hochberg")
    assert list(family.adjusted.values())[:5] == pytest.approx([0.0015, 0.0030, 0.0095, 0.0356, 0.0603], abs=5e-5)


def test_a_family_must_be_declared_and_complete():
    with pytest.raises(ValueError, match="no name"):
        adjust({"a": 0.01}, family=" ")
    with pytest.raises(ValueError, match="b .nan."):
        adjust({"a": 0.01, "b": np.nan}, family="two tests")
    with pytest.raises(ValueError, match="no test"):
        adjust({}, family="none")
    with pytest.raises(ValueError, match="choose one of bonferroni"):
        adjust({"a": 0.01}, family="one", method="none")


def test_the_family_wise_error_rate_is_kept_where_nothing_is():
    random = np.random.default_rng(0)
    families = 1000
    wrong = sum(
        bool(adjust(dict(enumerate(random.uniform(size=20))), family="20 regions").rejected) for _ in range(families)
    )
    assert 26 <= wrong <= 76  # binomial limits of 5 % of 1000 at 99.9 %
