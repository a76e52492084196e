"""Proportions with exact intervals, and tables of counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .result import TWO_SIDED, Check, Estimate, Inference, check_alternative, check_confidence

#: Intervals of a proportion.
INTERVALS = {"exact": "Clopper-Pearson", "wilson": "Wilson"}


def proportion(count: int, of: int, *, interval: str = "exact", confidence: float = 0.95) -> Estimate:
    """A proportion and its confidence interval.

    Parameters
    ----------
    count, of : int
        Successes and trials.
    interval : {"exact", "wilson"}
        Clopper-Pearson, which covers at least the stated confidence, or Wilson, which does so on average.
    confidence : float
        Level of the interval.

    Raises
    ------
    ValueError
        If there is no trial, or more successes than trials.
    """
    check_confidence(confidence)
    if interval not in INTERVALS:
        raise ValueError(f"The interval is {interval!r}; choose one of {', '.join(INTERVALS)}.")
    if not 0 <= count <= of or of < 1:
        raise ValueError(f"Expected a count between 0 and a number of trials of at least 1, but got {count} of {of}.")
    limits = stats.binomtest(count, of).proportion_ci(confidence, method=interval)
    return Estimate(count / of, float(limits.low), float(limits.high), confidence, INTERVALS[interval])


@dataclass(frozen=True)
class DiagnosticTable:
    """How a positive or negative test meets a present or absent condition.

    The likelihood ratios are infinite or NaN where their denominator is zero, and have log-normal intervals where no
    cell is empty. Predictive values hold for the prevalence of this sample alone.
    """

    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int
    sensitivity: Estimate
    specificity: Estimate
    positive_predictive_value: Estimate
    negative_predictive_value: Estimate
    accuracy: Estimate
    positive_likelihood_ratio: Estimate
    negative_likelihood_ratio: Estimate


def diagnostic_table(
    true_positive: int,
    false_positive: int,
    true_negative: int,
    false_negative: int,
    *,
    interval: str = "exact",
    confidence: float = 0.95,
) -> DiagnosticTable:
    """Accuracy of a test from its counts.

    Raises
    ------
    ValueError
        If a count is negative, or no one has the condition, lacks it, tests positive, or tests negative.
    """
    tp, fp, tn, fn = true_positive, false_positive, true_negative, false_negative
    if min(tp, fp, tn, fn) < 0:
        raise ValueError(f"Counts cannot be negative, but got {tp}, {fp}, {tn}, {fn}.")
    margins = {
        "with the condition": tp + fn,
        "without it": tn + fp,
        "testing positive": tp + fp,
        "testing negative": tn + fn,
    }
    if empty := [name for name, total in margins.items() if not total]:
        raise ValueError(f"No subject {' and none '.join(empty)}, so a rate of the table has no denominator.")

    def rate(count, of):
        return proportion(count, of, interval=interval, confidence=confidence)

    return DiagnosticTable(
        tp,
        fp,
        tn,
        fn,
        sensitivity=rate(tp, tp + fn),
        specificity=rate(tn, tn + fp),
        positive_predictive_value=rate(tp, tp + fp),
        negative_predictive_value=rate(tn, tn + fn),
        accuracy=rate(tp + tn, tp + fp + tn + fn),
        positive_likelihood_ratio=_ratio(tp, tp + fn, fp, fp + tn, confidence),
        negative_likelihood_ratio=_ratio(fn, tp + fn, tn, fp + tn, confidence),
    )


def fisher_exact(table: ArrayLike, *, alternative: str = TWO_SIDED) -> Inference:
    """Fisher's exact test of a 2 x 2 table, with the sample's odds ratio and its log-normal (Woolf) interval."""
    check_alternative(alternative)
    counts = _counts(table)
    if counts.shape != (2, 2):
        raise ValueError(f"Fisher's exact test takes a 2 x 2 table, but got the shape {counts.shape}.")
    ratio, p = stats.fisher_exact(counts, alternative=alternative)
    spread = np.sqrt(np.sum(1 / counts)) if counts.all() else np.nan
    low, high = (float(ratio * np.exp(sign * stats.norm.ppf(0.975) * spread)) for sign in (-1, 1))
    return Inference(
        method="Fisher exact test",
        statistic=float(ratio),
        statistic_name="odds ratio",
        df=(),
        p=float(p),
        alternative=alternative,
        n={"table": int(counts.sum())},
        estimates={"odds ratio": Estimate(float(ratio), low, high, 0.95, "Woolf")},
        excluded={},
    )


def chi_square(table: ArrayLike) -> Inference:
    """Pearson's chi-square test of a table of counts, without continuity correction, with Cramer's V.

    The result remarks on expected counts below 5, under which its p value is unreliable.
    """
    counts = _counts(table)
    outcome = stats.chi2_contingency(counts, correction=False)
    smallest = float(outcome.expected_freq.min())
    few = int(np.count_nonzero(outcome.expected_freq < 5))
    size = float(np.sqrt(outcome.statistic / (counts.sum() * (min(counts.shape) - 1))))
    remark = f"{few} of {counts.size} expected counts are below 5; prefer an exact test."
    return Inference(
        method="Pearson chi-square test",
        statistic=float(outcome.statistic),
        statistic_name="chi2",
        df=(float(outcome.dof),),
        p=float(outcome.pvalue),
        alternative=TWO_SIDED,
        n={"table": int(counts.sum())},
        estimates={"Cramer V": Estimate(size, np.nan, np.nan, np.nan, "no interval")},
        excluded={},
        checks=(Check("expected counts of at least 5", "smallest expected count", "table", smallest, np.nan),),
        remarks=(remark,) if few else (),
    )


def mcnemar(first_only: int, second_only: int, *, confidence: float = 0.95) -> Inference:
    """Compare two yes-or-no readings of the same subjects by those on whom they disagree (exact McNemar test).

    Parameters
    ----------
    first_only, second_only : int
        Subjects that are positive by the first reading alone, and by the second alone.
    confidence : float
        Level of the Clopper-Pearson interval of the share of the first among the disagreements.
    """
    if min(first_only, second_only) < 0 or first_only + second_only == 0:
        raise ValueError(f"McNemar's test needs disagreements to count, but got {first_only} and {second_only}.")
    total = first_only + second_only
    return Inference(
        method="McNemar test (exact)",
        statistic=float(first_only),
        statistic_name="first only",
        df=(),
        p=float(stats.binomtest(first_only, total).pvalue),
        alternative=TWO_SIDED,
        n={"disagreements": total},
        estimates={"share of the first": proportion(first_only, total, confidence=confidence)},
        excluded={},
    )


def _ratio(count1, of1, count2, of2, confidence) -> Estimate:
    """Ratio of two proportions with its log-normal interval."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = float(np.divide(count1 / of1, count2 / of2))
    spread = np.sqrt(1 / count1 - 1 / of1 + 1 / count2 - 1 / of2) if count1 and count2 else np.nan
    half = stats.norm.ppf((1 + confidence) / 2) * spread
    return Estimate(ratio, float(ratio * np.exp(-half)), float(ratio * np.exp(half)), confidence, "log-normal")


def _counts(table: ArrayLike) -> np.ndarray:
    counts = np.asarray(table)
    if counts.ndim != 2 or min(counts.shape) < 2:
        raise ValueError(f"Expected a table of at least 2 x 2 counts, but got the shape {counts.shape}.")
    if counts.dtype.kind not in "iuf" or not np.all(counts == np.floor(counts)) or counts.min() < 0:
        raise ValueError("A table of counts holds whole numbers of 0 or more; got others.")
    if not counts.any(axis=0).all() or not counts.any(axis=1).all():
        raise ValueError("A row or column of the table of counts is empty. Leave it out.")
    return counts.astype(int)
