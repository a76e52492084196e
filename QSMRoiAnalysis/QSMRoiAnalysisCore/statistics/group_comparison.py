"""Comparisons of two groups, and of two measurements of the same subjects."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .assumptions import equal_variances, normality
from .effect_size import probability_of_superiority, rank_biserial, standardized_differences
from .observations import complete_rows, present_in_groups
from .result import TWO_SIDED, Estimate, Inference, check_alternative, check_confidence

#: Up to this many subjects in the larger group, ranks without ties are compared exactly.
_EXACT_RANKS = 20


def welch_t(groups: Mapping[str, ArrayLike], *, alternative: str = TWO_SIDED, confidence: float = 0.95) -> Inference:
    """Compare the means of two groups whose variances may differ (Welch's t test).

    Parameters
    ----------
    groups : mapping of str to array_like
        Values of two groups by name; differences are first minus second.
    alternative : {"two-sided", "greater", "less"}
        Whether the first group is tested to be different, greater, or less.
    confidence : float
        Level of the confidence intervals, which are two-sided whatever the alternative.

    Returns
    -------
    Inference
        With the estimates "mean difference", "Cohen d" and "Hedges g".

    Raises
    ------
    ValueError
        If there are not two groups, one has fewer than two values, nothing varies, or values are not numbers.
    """
    return _t_test(groups, "Welch t test", False, alternative, confidence)


def student_t(groups: Mapping[str, ArrayLike], *, alternative: str = TWO_SIDED, confidence: float = 0.95) -> Inference:
    """Compare the means of two groups of equal variance (Student's t test); otherwise like `welch_t`."""
    return _t_test(groups, "Student t test", True, alternative, confidence)


def mann_whitney(
    groups: Mapping[str, ArrayLike],
    *,
    alternative: str = TWO_SIDED,
    distribution: str = "auto",
    confidence: float = 0.95,
) -> Inference:
    """Compare two groups by ranks (Mann-Whitney U, Wilcoxon rank sum).

    Parameters
    ----------
    groups, alternative, confidence
        As in `welch_t`.
    distribution : {"auto", "exact", "asymptotic"}
        How p is found. "exact" knows no ties; "auto" takes it without ties up to 20 subjects a group, otherwise the
        normal approximation with continuity and tie correction.

    Returns
    -------
    Inference
        With the estimates "rank-biserial correlation" (2 U / (n m) - 1) and "probability of superiority" (U / (n m),
        the area under the ROC curve), whose intervals are those of DeLong.

    Raises
    ------
    ValueError
        If there are not two groups, one has no value, nothing varies, or values are not numbers.
    """
    check_alternative(alternative)
    check_confidence(confidence)
    if distribution not in ("auto", "exact", "asymptotic"):
        raise ValueError(f"The distribution is {distribution!r}; choose auto, exact or asymptotic.")
    present, excluded = present_in_groups(groups, least=1, test="The Mann-Whitney test", count=2)
    first, second = present.values()
    together = np.concatenate([first, second])
    tied = np.unique(together).size < together.size
    if distribution == "auto":
        small = max(first.size, second.size) <= _EXACT_RANKS
        distribution = "exact" if small and not tied else "asymptotic"
    unaware = tied and distribution == "exact"
    outcome = stats.mannwhitneyu(first, second, alternative=alternative, method=distribution)
    return Inference(
        method=f"Mann-Whitney U test ({distribution})",
        statistic=float(outcome.statistic),
        statistic_name="U",
        df=(),
        p=float(outcome.pvalue),
        alternative=alternative,
        n={name: values.size for name, values in present.items()},
        estimates={
            "rank-biserial correlation": rank_biserial(first, second, confidence),
            "probability of superiority": probability_of_superiority(first, second, confidence),
        },
        excluded=excluded,
        remarks=("Values are tied, which the exact distribution does not know.",) if unaware else (),
    )


def paired_t(
    first: ArrayLike, second: ArrayLike, *, alternative: str = TWO_SIDED, confidence: float = 0.95
) -> Inference:
    """Compare two measurements of the same subjects (paired t test).

    Parameters
    ----------
    first, second : array_like, shape (n,)
        The two measurements, one row for each subject; subjects that lack either are left out.
    alternative, confidence
        As in `welch_t`.

    Returns
    -------
    Inference
        With the estimates "mean difference" (first minus second) and "standardized mean difference" (the mean of the
        differences by their standard deviation, with a large-sample interval).

    Raises
    ------
    ValueError
        If fewer than two pairs are complete, or all differences are the same.
    """
    difference, excluded = _differences(first, second, alternative, confidence, least=2)
    outcome = stats.ttest_1samp(difference, 0.0, alternative=alternative)
    interval = stats.ttest_1samp(difference, 0.0).confidence_interval(confidence)
    n = difference.size
    standardized = float(difference.mean() / difference.std(ddof=1))
    half = stats.norm.ppf((1 + confidence) / 2) * np.sqrt(1 / n + standardized**2 / (2 * n))
    return Inference(
        method="paired t test",
        statistic=float(outcome.statistic),
        statistic_name="t",
        df=(float(n - 1),),
        p=float(outcome.pvalue),
        alternative=alternative,
        n={"pairs": n},
        estimates={
            "mean difference": Estimate(
                float(difference.mean()), float(interval.low), float(interval.high), confidence, "t distribution"
            ),
            "standardized mean difference": Estimate(
                standardized,
                float(standardized - half),
                float(standardized + half),
                confidence,
                "large-sample variance",
            ),
        },
        excluded={"pairs": excluded},
        checks=normality({"differences": difference}),
    )


def wilcoxon(
    first: ArrayLike, second: ArrayLike, *, alternative: str = TWO_SIDED, distribution: str = "auto"
) -> Inference:
    """Compare two measurements of the same subjects by signed ranks (Wilcoxon).

    Parameters
    ----------
    first, second : array_like, shape (n,)
        The two measurements, one row for each subject; subjects that lack either are left out, and differences of zero
        do not count (Wilcoxon's own rule).
    alternative : {"two-sided", "greater", "less"}
        Whether the first measurement is tested to be different, greater, or less.
    distribution : {"auto", "exact", "asymptotic"}
        How p is found; "auto" is exact up to 50 pairs without ties or zeros.

    Returns
    -------
    Inference
        With the estimate "matched rank-biserial correlation", which has no interval.

    Raises
    ------
    ValueError
        If no pair is complete or all differences are the same.
    """
    if distribution not in ("auto", "exact", "asymptotic"):
        raise ValueError(f"The distribution is {distribution!r}; choose auto, exact or asymptotic.")
    difference, excluded = _differences(first, second, alternative, 0.95, least=2)
    moved = difference[difference != 0]
    tied = np.unique(np.abs(moved)).size < moved.size or moved.size < difference.size
    if distribution == "auto":
        distribution = "asymptotic" if tied or moved.size > 50 else "exact"
    outcome = stats.wilcoxon(moved, alternative=alternative, method=distribution)
    ranks = stats.rankdata(np.abs(moved))
    balance = float(np.sum(np.sign(moved) * ranks) / ranks.sum())
    zeros = difference.size - moved.size
    return Inference(
        method=f"Wilcoxon signed-rank test ({distribution})",
        statistic=float(outcome.statistic),
        statistic_name="W",
        df=(),
        p=float(outcome.pvalue),
        alternative=alternative,
        n={"pairs": difference.size},
        estimates={"matched rank-biserial correlation": Estimate(balance, np.nan, np.nan, np.nan, "no interval")},
        excluded={"pairs": excluded},
        remarks=(f"{zeros} pair(s) did not change and were not ranked.",) if zeros else (),
    )


def _t_test(groups, method: str, pooled: bool, alternative: str, confidence: float) -> Inference:
    check_alternative(alternative)
    check_confidence(confidence)
    present, excluded = present_in_groups(groups, least=2, test=f"The {method}", count=2)
    first, second = present.values()
    if np.ptp(first) == 0 and np.ptp(second) == 0:
        raise ValueError(f"Neither {' nor '.join(present)} varies, so no {method} can be made.")
    outcome = stats.ttest_ind(first, second, equal_var=pooled, alternative=alternative)
    interval = stats.ttest_ind(first, second, equal_var=pooled).confidence_interval(confidence)
    difference = Estimate(
        float(first.mean() - second.mean()), float(interval.low), float(interval.high), confidence, "t distribution"
    )
    return Inference(
        method=method,
        statistic=float(outcome.statistic),
        statistic_name="t",
        df=(float(outcome.df),),
        p=float(outcome.pvalue),
        alternative=alternative,
        n={name: values.size for name, values in present.items()},
        estimates={"mean difference": difference} | standardized_differences(first, second, confidence),
        excluded=excluded,
        checks=normality(present) + equal_variances(present),
    )


def _differences(first, second, alternative, confidence, least) -> tuple[np.ndarray, tuple[int, ...]]:
    check_alternative(alternative)
    check_confidence(confidence)
    pairs, excluded = complete_rows({"First": first, "Second": second})
    difference = pairs["First"] - pairs["Second"]
    if difference.size < least:
        raise ValueError(
            f"A paired comparison needs at least {least} complete pairs, but got {difference.size} "
            f"({len(excluded)} left out)."
        )
    if np.ptp(difference) == 0:
        raise ValueError(f"All {difference.size} differences are {difference[0]:g}, so they have no spread to test.")
    return difference, excluded
