"""Agreement of two methods or two readers: limits of agreement, concordance, and kappa."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .assumptions import normality
from .observations import check_same_length, check_varies, complete_rows, labels
from .result import Check, Estimate, check_confidence


@dataclass(frozen=True)
class Agreement:
    """Limits of agreement of two methods (Bland and Altman); differences are first minus second.

    Parameters
    ----------
    bias : Estimate
        Mean difference.
    sd : float
        Standard deviation of the differences.
    lower, upper : Estimate
        Limits between which a stated part of the differences lies, with their own confidence intervals.
    concordance : float
        Lin's concordance correlation coefficient, variances with divisor n.
    correlation : float
        Pearson's; it does not see a bias.
    n : int
        Pairs used.
    excluded : tuple of int
        Positions of incomplete pairs.
    checks : tuple of Check
        Normality of the differences, and whether their size changes with the mean (Spearman).
    """

    bias: Estimate
    sd: float
    lower: Estimate
    upper: Estimate
    concordance: float
    correlation: float
    n: int
    excluded: tuple[int, ...]
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Kappa:
    """Agreement of two readers on categories beyond chance.

    Parameters
    ----------
    kappa : Estimate
        With the large-sample interval of Fleiss, Cohen and Everitt.
    observed, expected : float
        Weighted agreement, and what chance would give.
    weights : str
    categories : tuple of str
    n : int
    excluded : tuple of int
        Positions of subjects that a reader did not rate.
    """

    kappa: Estimate
    observed: float
    expected: float
    weights: str
    categories: tuple[str, ...]
    n: int
    excluded: tuple[int, ...]


def bland_altman(
    first: ArrayLike, second: ArrayLike, *, multiplier: float = 1.96, confidence: float = 0.95
) -> Agreement:
    """Limits of agreement of two methods on the same subjects.

    Parameters
    ----------
    first, second : array_like, shape (n,)
        Pairs that lack either are left out.
    multiplier : float
        Standard deviations between the bias and the limits: 1.96 for 95 % of normal differences; some papers use 2.
    confidence : float
        Level of the intervals of the bias and of the limits.

    Returns
    -------
    Agreement

    Raises
    ------
    ValueError
        If fewer than three pairs are complete, a method gives one value for all, or values are not numbers.

    References
    ----------
    Bland JM, Altman DG. Lancet 1986;327:307-310. https://doi.org/10.1016/S0140-6736(86)90837-8

    Lin LI. Biometrics 1989;45:255-268. https://doi.org/10.2307/2532051
    """
    check_confidence(confidence)
    if not multiplier > 0:
        raise ValueError(f"The multiplier is {multiplier}; give a positive number, such as 1.96.")
    pairs, excluded = complete_rows({"First": first, "Second": second})
    x, y = pairs["First"], pairs["Second"]
    n = x.size
    if n < 3:
        raise ValueError(f"Limits of agreement need at least 3 complete pairs, but got {n}.")
    check_varies("First", x)
    check_varies("Second", y)
    difference = x - y
    bias, sd = float(difference.mean()), float(difference.std(ddof=1))
    t = float(stats.t.ppf((1 + confidence) / 2, n - 1))
    of_bias = t * sd / np.sqrt(n)
    of_limits = t * sd * np.sqrt(1 / n + multiplier**2 / (2 * (n - 1)))

    def limit(value: float) -> Estimate:
        return Estimate(value, float(value - of_limits), float(value + of_limits), confidence, "large-sample variance")

    checks = ()
    if sd > 0:
        trend = stats.spearmanr((x + y) / 2, np.abs(difference))
        checks = normality({"differences": difference}) + (
            Check("equal spread at all sizes", "Spearman", "mean and |difference|", *map(float, trend)),
        )
    covariance = np.cov(x, y, ddof=0)
    return Agreement(
        bias=Estimate(bias, float(bias - of_bias), float(bias + of_bias), confidence, "t distribution"),
        sd=sd,
        lower=limit(bias - multiplier * sd),
        upper=limit(bias + multiplier * sd),
        concordance=float(2 * covariance[0, 1] / (np.trace(covariance) + bias**2)),
        correlation=float(stats.pearsonr(x, y).statistic),
        n=n,
        excluded=excluded,
        checks=checks,
    )


def kappa(
    first: Sequence,
    second: Sequence,
    *,
    categories: Sequence[str] | None = None,
    weights: str = "none",
    confidence: float = 0.95,
) -> Kappa:
    """Cohen's kappa of two readers, plain or weighted.

    Parameters
    ----------
    first, second : sequence, shape (n,)
        Category that each reader gave to each subject; subjects that either did not rate are left out.
    categories : sequence of str, optional
        All categories in their order, which weights need; by default those that occur, sorted.
    weights : {"none", "linear", "quadratic"}
        How much agreement is left when categories differ by some steps.
    confidence : float
        Level of the interval.

    Returns
    -------
    Kappa

    Raises
    ------
    ValueError
        If a category is unknown, no subject has two ratings, or only one category occurs.
    """
    one, other = labels("First", first), labels("Second", second)
    check_same_length({"First": one, "Second": other})
    kept = (one != "") & (other != "")
    found = sorted(set(one[kept]) | set(other[kept]))
    names = [str(name) for name in (found if categories is None else categories)]
    if unknown := [name for name in found if name not in names]:
        raise ValueError(f"Ratings have the categories {', '.join(unknown)}, but allowed are {', '.join(names)}.")
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, ([names.index(name) for name in one[kept]], [names.index(name) for name in other[kept]]), 1)
    excluded = tuple(int(i) for i in np.flatnonzero(~kept))
    return kappa_of_counts(counts, categories=names, weights=weights, confidence=confidence, excluded=excluded)


def kappa_of_counts(
    counts: ArrayLike,
    *,
    categories: Sequence[str] | None = None,
    weights: str = "none",
    confidence: float = 0.95,
    excluded: tuple[int, ...] = (),
) -> Kappa:
    """Cohen's kappa from a table of counts, rows by the first reader and columns by the second; see `kappa`.

    References
    ----------
    Cohen J. Psychol Bull 1968;70:213-220. https://doi.org/10.1037/h0026256

    Fleiss JL, Cohen J, Everitt BS. Psychol Bull 1969;72:323-327. https://doi.org/10.1037/h0028106
    """
    check_confidence(confidence)
    table = np.asarray(counts, dtype=float)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or table.shape[0] < 2:
        raise ValueError(f"Kappa needs a square table of at least two categories, but got the shape {table.shape}.")
    n = table.sum()
    if table.min() < 0 or n < 2:
        raise ValueError(f"Kappa needs counts of at least 2 subjects, but got {n:g}.")
    size = len(table)
    steps = np.abs(np.subtract.outer(np.arange(size), np.arange(size))) / (size - 1)
    schemes = {"none": (steps == 0).astype(float), "linear": 1 - steps, "quadratic": 1 - steps**2}
    if weights not in schemes:
        raise ValueError(f"The weights are {weights!r}; choose one of {', '.join(schemes)}.")
    w, share = schemes[weights], table / n
    rows, columns = share.sum(axis=1), share.sum(axis=0)
    observed, expected = float(np.sum(w * share)), float(rows @ w @ columns)
    if np.isclose(expected, 1):
        raise ValueError("Both readers gave one category to all subjects, so that chance explains all agreement.")
    value = (observed - expected) / (1 - expected)
    means = (w @ columns)[:, None] + (rows @ w)[None, :]
    spread = np.sum(share * (w * (1 - expected) - means * (1 - observed)) ** 2)
    variance = (spread - (observed * expected - 2 * expected + observed) ** 2) / (n * (1 - expected) ** 4)
    half = stats.norm.ppf((1 + confidence) / 2) * np.sqrt(max(variance, 0.0))
    names = tuple(str(i + 1) for i in range(size)) if categories is None else tuple(categories)
    estimate = Estimate(value, float(value - half), float(value + half), confidence, "large-sample variance")
    return Kappa(estimate, observed, expected, weights, names, int(n), excluded)
