"""Comparisons of groups against worked examples, and on data in which nothing differs."""

import numpy as np
import pytest
from scipy import stats

from QSMRoiAnalysisCore.statistics.effect_size import cohen_d, hedges_g, sd_from_standard_error
from QSMRoiAnalysisCore.statistics.group_comparison import mann_whitney, paired_t, student_t, welch_t, wilcoxon
from QSMRoiAnalysisCore.statistics.multiplicity import adjust
from QSMRoiAnalysisCore.statistics.observations import split_by
from QSMRoiAnalysisCore.statistics.several_groups import (
    anova,
    dunn,
    games_howell,
    jonckheere,
    kruskal_wallis,
    tukey,
    welch_anova,
)

#: Susceptibility of the substantia nigra in ppb.
NIGRA = {
    "PD": [118, 131, 140, 126, 152, 109, 137, 160, 122, 145],
    "HC": [95, 102, 118, 88, 110, 126, 99, 107, 115, 93, 104, 121],
}
THREE = {"a": [22, 25, 19, 28, 24], "b": [18, 17, 21, 16, 20], "c": [15, 14, 13, 18, 12]}


def near(value):
    return pytest.approx(value, abs=1e-4)


def test_welch_t_of_the_nigra_example():
    result = welch_t(NIGRA)
    assert (result.statistic, result.df[0]) == (near(4.5286), pytest.approx(16.42, abs=5e-3))
    assert result.p == pytest.approx(0.000322, abs=5e-7)
    assert result.estimates["mean difference"].value == pytest.approx(134.0 - 106.5)
    assert result.estimates["Cohen d"].value == pytest.approx(1.99218, abs=5e-6)
    assert result.estimates["Hedges g"].value == pytest.approx(1.91653, abs=5e-6)
    assert result.n == {"PD": 10, "HC": 12}
    assert result.alternative == "two-sided"
    assert [check.method for check in result.checks] == ["Shapiro-Wilk", "Shapiro-Wilk", "Levene (median)"]
    assert [check.of for check in result.checks] == ["PD", "HC", "PD and HC"]


def test_the_groups_of_the_nigra_example_have_the_printed_means_and_spreads():
    means, spreads = zip(*((np.mean(values), np.std(values, ddof=1)) for values in NIGRA.values()))
    assert means == (134.0, 106.5)
    assert spreads == (near(15.8605), near(11.8590))


def test_student_t_of_the_nigra_example():
    result = student_t(NIGRA)
    assert result.statistic == near(4.6527)
    assert result.p == pytest.approx(0.0001534, abs=5e-8)
    assert result.df == (20,)


def test_mann_whitney_of_the_nigra_example():
    exact = mann_whitney(NIGRA, distribution="exact")
    assert exact.statistic == 111
    assert exact.p == pytest.approx(0.00030, abs=5e-6)
    assert "tied" in exact.remarks[0]
    asymptotic = mann_whitney(NIGRA)  # chosen because of the ties
    assert asymptotic.method.endswith("(asymptotic)")
    assert asymptotic.p == pytest.approx(0.00086, abs=5e-6)
    assert asymptotic.estimates["rank-biserial correlation"].value == pytest.approx(2 * 0.925 - 1)
    area = asymptotic.estimates["probability of superiority"]
    assert (area.value, area.low, area.high) == (pytest.approx(0.925), near(0.8190), 1.0)


def test_subtracting_a_shared_offset_sharpens_the_comparison():
    patients, controls = np.array([110, 115, 108, 112, 109, 105]), np.array([100, 104, 98, 102, 101, 95])
    raw = student_t({"PD": patients, "HC": controls})
    assert (raw.statistic, raw.p) == (near(5.1627), pytest.approx(0.000424, abs=5e-7))
    referenced = student_t({"PD": patients - [3, 6, 0, 4, -1, 0], "HC": controls - [2, 5, -1, 3, 1, -4]})
    assert (referenced.statistic, referenced.p) == (near(11.7923), pytest.approx(3.4e-7, abs=5e-9))


def test_standard_errors_of_a_printed_table_give_the_effect_size_of_its_text():
    assert sd_from_standard_error(0.9, 13) == pytest.approx(3.245, abs=5e-4)


@pytest.mark.parametrize(
    "controls, patients, recomputed, printed",
    [
        ((27.8, 0.9), (29.6, 1.0), 0.53, 0.57),
        ((29.7, 1.1), (33.0, 0.9), 0.94, 0.92),
        ((27.0, 0.8), (30.2, 1.2), 0.87, 0.90),
        ((28.3, 0.8), (30.3, 1.1), 0.58, 0.58),
        ((23.1, 0.6), (24.4, 0.8), 0.51, 0.50),
        ((23.2, 0.5), (24.6, 1.0), 0.49, 0.47),
    ],
)
def test_effect_sizes_of_a_table_of_standard_errors(controls, patients, recomputed, printed):
    # Motor cortex of 13 patients with ALS (Bhattarai et al., 2020). The text leaves open if controls were 12 or 13.
    sizes = [
        cohen_d(
            patients[0], sd_from_standard_error(patients[1], 13), 13,
            controls[0], sd_from_standard_error(controls[1], n), n,
        )
        for n in (12, 13)
    ]  # fmt: skip
    assert sizes[0] == pytest.approx(recomputed, abs=5e-3)
    assert all(abs(size - printed) < 0.06 for size in sizes)


def test_the_effect_size_of_the_nigrosome_study_follows_from_its_printed_means():
    g, variance = hedges_g(cohen_d(125.81, 16.27, 38, 98.41, 11.70, 25), 38, 25)
    assert (g, variance) == (pytest.approx(1.84808, abs=5e-6), pytest.approx(0.09342, abs=5e-6))


def test_kruskal_wallis_and_its_pairs():
    result = kruskal_wallis(THREE)
    assert (result.statistic, result.p) == (near(10.3735), pytest.approx(0.005590, abs=5e-7))
    assert result.df == (2,)
    rows = dunn(THREE)
    assert [(row.first, row.second) for row in rows] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [row.statistic for row in rows] == [near(1.6632), near(3.2202), near(1.5570)]


def test_pairs_of_groups_come_with_effect_sizes_and_exclusions():
    gaps = {**THREE, "b": [np.nan, *THREE["b"]]}
    by_rank, by_mean = dunn(gaps)[0], tukey(gaps)[0]
    assert (
        by_rank.effect.value
        == mann_whitney({"a": THREE["a"], "b": THREE["b"]}).estimates["rank-biserial correlation"].value
    )
    assert by_mean.effect.value == student_t({"a": THREE["a"], "b": THREE["b"]}).estimates["Hedges g"].value
    for row in (by_rank, by_mean):
        assert row.excluded == {"a": (), "b": (0,)}
        assert row.n == (5, 5)


def test_the_p_value_printed_for_four_groups_of_patients():
    assert stats.chi2.sf(11.40, 2) == pytest.approx(0.003346, abs=5e-7)


def test_analysis_of_variance_and_tukey_pairs():
    result = anova(THREE)
    assert (result.statistic, result.p) == (near(15.2727), pytest.approx(0.0005035, abs=5e-8))
    assert result.df == (2, 12)
    rows = tukey(THREE)
    first, second, third = (row.difference for row in rows)
    assert (first.value, first.low, first.high) == tuple(pytest.approx(x, abs=5e-4) for x in (5.2, 0.746, 9.654))
    assert (second.value, second.low) == tuple(pytest.approx(x, abs=5e-4) for x in (9.2, 4.746))
    assert second.high == pytest.approx(13.654, abs=5e-4)
    assert third.value == pytest.approx(4.0)
    assert [row.adjusted_p for row in rows][::2] == [pytest.approx(0.023, abs=5e-4), pytest.approx(0.080, abs=5e-4)]


def test_tukey_agrees_with_scipy():
    expected = stats.tukey_hsd(*THREE.values())
    assert [row.adjusted_p for row in tukey(THREE)] == pytest.approx(
        [expected.pvalue[0, 1], expected.pvalue[0, 2], expected.pvalue[1, 2]], abs=1e-9
    )


def test_methods_for_unequal_variances_agree_with_those_of_two_groups():
    f, t = welch_anova(NIGRA), welch_t(NIGRA)
    assert (f.statistic, f.p) == (pytest.approx(t.statistic**2), pytest.approx(t.p))
    (pair,) = games_howell(NIGRA)
    assert (pair.statistic, pair.adjusted_p) == (pytest.approx(t.statistic), pytest.approx(t.p, rel=1e-6))
    interval = t.estimates["mean difference"]
    assert (pair.difference.low, pair.difference.high) == pytest.approx((interval.low, interval.high), rel=1e-6)


def test_the_trend_over_two_groups_is_their_rank_sum():
    rising = jonckheere({"HC": NIGRA["HC"], "PD": NIGRA["PD"]})
    expected = stats.mannwhitneyu(NIGRA["PD"], NIGRA["HC"], method="asymptotic", use_continuity=False)
    assert rising.p == pytest.approx(expected.pvalue)
    assert rising.statistic > 0
    assert jonckheere({"HC": NIGRA["HC"], "PD": NIGRA["PD"]}, alternative="less").p > 0.99


def test_one_sided_tests_say_so_and_halve_the_p_value():
    two, one = welch_t(NIGRA), welch_t(NIGRA, alternative="greater")
    assert (one.alternative, one.p) == ("greater", pytest.approx(two.p / 2))
    assert one.estimates["mean difference"] == two.estimates["mean difference"]


def test_missing_values_are_left_out_and_named():
    gaps = {"PD": [np.nan, *NIGRA["PD"]], "HC": [*NIGRA["HC"], None]}
    result = welch_t(gaps)
    assert result.statistic == welch_t(NIGRA).statistic
    assert result.excluded == {"PD": (0,), "HC": (12,)}
    assert result.n == {"PD": 10, "HC": 12}


def test_changes_of_the_same_subjects_are_compared_in_pairs():
    before = [27.8, 29.1, 30.2, 26.5, 28.8, 31.0, 29.4, np.nan]
    after = [28.9, 29.9, 31.8, 26.2, 30.1, 31.5, 31.1, 40.0]
    result = paired_t(after, before)
    assert (result.statistic, result.p) == (pytest.approx(3.63181, abs=5e-6), pytest.approx(0.010942, abs=5e-7))
    assert result.estimates["mean difference"].value == pytest.approx(0.95714, abs=5e-6)
    assert result.excluded == {"pairs": (7,)}
    ranks = wilcoxon(after, before)
    assert (ranks.statistic, ranks.p) == (1, pytest.approx(0.03125))
    assert ranks.method.endswith("(exact)")


@pytest.mark.parametrize(
    "groups, message",
    [
        ({"PD": [1.0], "HC": [1.0, 2.0]}, "PD has 1"),
        ({"PD": [1.0, np.nan], "HC": [1.0, 2.0]}, r"PD has 1 \(and 1 missing\)"),
        ({"PD": [3, 3, 3], "HC": [3, 3]}, "all 5 values are 3"),
        ({"PD": [3, 3, 3], "HC": [4, 4]}, "Neither PD nor HC varies"),
        ({"PD": [1, "two", 3], "HC": [4, 5]}, "PD.*'two' at position 1"),
        ({"PD": [1, np.inf], "HC": [4, 5]}, "infinite, the first at position 1"),
        ({"PD": [1, 2]}, "takes 2 groups, but got 1"),
        ({"PD": [], "HC": [1, 2]}, "at least one number"),
    ],
)
def test_groups_that_cannot_be_compared_are_refused(groups, message):
    with pytest.raises(ValueError, match=message):
        welch_t(groups)


def test_directions_and_levels_that_are_none_are_refused():
    with pytest.raises(ValueError, match="two-sided, greater, less"):
        welch_t(NIGRA, alternative="larger")
    with pytest.raises(ValueError, match="such as 0.95"):
        welch_t(NIGRA, confidence=95)
    with pytest.raises(ValueError, match="no spread to test"):
        paired_t([1, 2, 3], [0, 1, 2])
    with pytest.raises(ValueError, match="do not vary within b"):
        welch_anova({"a": [1, 2], "b": [3, 3], "c": [4, 6]})


def test_tidy_columns_split_into_groups():
    groups, excluded = split_by([1, 2, 3, 4], ["PD", "HC", "n/a", "PD"])
    assert {name: list(values) for name, values in groups.items()} == {"PD": [1, 4], "HC": [2]}
    assert excluded == (2,)


@pytest.mark.parametrize("test", [welch_t, mann_whitney, anova, welch_anova, kruskal_wallis])
def test_comparisons_find_nothing_where_nothing_is(test):
    random = np.random.default_rng(20)
    cohorts = 200
    found = sum(test({"a": random.normal(size=12), "b": random.normal(size=15)}).p < 0.05 for _ in range(cohorts))
    low, high = stats.binom.interval(0.999, cohorts, 0.05)
    assert low <= found <= high


def test_families_of_regions_find_nothing_in_200_cohorts_where_nothing_is():
    random = np.random.default_rng(21)
    cohorts, wrong = 200, 0
    for _ in range(cohorts):
        regions = random.normal(size=(5, 26)) + random.normal(size=26)  # regions of a subject are correlated
        p = {str(i): mann_whitney({"PD": values[:13], "HC": values[13:]}).p for i, values in enumerate(regions)}
        wrong += bool(adjust(p, family="five regions").rejected)
    assert wrong <= stats.binom.ppf(0.9995, cohorts, 0.05)
