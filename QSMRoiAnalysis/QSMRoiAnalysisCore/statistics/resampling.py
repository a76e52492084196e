"""Inference by resampling: bootstrap of whole subjects, and permutation tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from scipy.special import comb

from .multiplicity import Family
from .observations import check_same_length, complete_rows, labels, numbers, present_in_groups
from .result import TWO_SIDED, Estimate, Inference, check_alternative, check_confidence

#: Up to this many arrangements, permutation tests visit all of them.
_ALL_ARRANGEMENTS = 20_000


def bootstrap_by_subject(
    estimate: Callable[[Mapping[str, np.ndarray], np.ndarray], float],
    columns: Mapping[str, ArrayLike],
    subject: Sequence,
    *,
    repetitions: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Estimate:
    """Confidence interval of any estimate, by drawing whole subjects with all of their rows.

    Parameters
    ----------
    estimate : callable
        `estimate(columns, subject)` returns the estimate from rows; a subject drawn twice comes as two subjects. It may
        raise ValueError for a sample that it cannot be made from.
    columns : mapping of str to array_like of shape (n,)
        The rows.
    subject : sequence, shape (n,)
        Whose they are. Rows of a subject are not independent, so they stay together.
    repetitions : int
        Samples to draw.
    seed : int
        Of the random numbers.
    confidence : float
        Level of the interval, from percentiles of the samples.

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        If there are fewer than three subjects, or more than a tenth of the samples have no estimate.
    """
    check_confidence(confidence)
    if repetitions < 100:
        raise ValueError(f"An interval needs at least 100 repetitions, but got {repetitions}.")
    who = labels("Subject", subject)
    arrays = {name: numbers(name, values) for name, values in columns.items()}
    check_same_length({"Subject": who, **arrays})
    if np.any(who == ""):
        raise ValueError(f"{np.count_nonzero(who == '')} row(s) have no subject. Leave them out first.")
    rows = [np.flatnonzero(who == name) for name in np.unique(who)]
    if len(rows) < 3:
        raise ValueError(f"Drawing subjects needs at least 3 of them, but got {len(rows)}.")
    whole = float(estimate(arrays, who))
    random = np.random.default_rng(seed)
    found = []
    for _ in range(repetitions):
        drawn = random.integers(len(rows), size=len(rows))
        index = np.concatenate([rows[i] for i in drawn])
        renamed = np.repeat(np.arange(len(rows)), [rows[i].size for i in drawn])
        try:
            found.append(float(estimate({name: values[index] for name, values in arrays.items()}, renamed)))
        except ValueError:
            continue
    failed = repetitions - len(found)
    if failed > repetitions / 10:
        raise ValueError(f"{failed} of {repetitions} samples of subjects had no estimate, so its interval is unknown.")
    low, high = np.quantile(found, ((1 - confidence) / 2, (1 + confidence) / 2))
    method = f"bootstrap of subjects, percentiles of {len(found)}" + (f" ({failed} failed)" if failed else "")
    return Estimate(whole, float(low), float(high), confidence, method)


def permutation_test(
    groups: Mapping[str, ArrayLike], *, alternative: str = TWO_SIDED, repetitions: int = 9999, seed: int = 0
) -> Inference:
    """Compare the means of two groups by exchanging subjects between them.

    Parameters
    ----------
    groups : mapping of str to array_like
        Values of two groups by name.
    alternative : {"two-sided", "greater", "less"}
        Whether the first mean is tested to be different, greater, or less.
    repetitions : int
        Random arrangements, where there are more than 20 000; otherwise all are visited and p is exact.
    seed : int
        Of the random numbers.
    """
    check_alternative(alternative)
    present, excluded = present_in_groups(groups, least=1, test="A permutation test", count=2)
    first, second = present.values()
    exact = _arrangements(first.size, second.size) <= _ALL_ARRANGEMENTS
    outcome = stats.permutation_test(
        (first, second),
        lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
        vectorized=True,
        n_resamples=np.inf if exact else repetitions,
        alternative=alternative,
        rng=np.random.default_rng(seed),
    )
    how = "all arrangements" if exact else f"{repetitions} random arrangements"
    difference = float(outcome.statistic)
    return Inference(
        method=f"permutation test of means ({how})",
        statistic=difference,
        statistic_name="mean difference",
        df=(),
        p=float(outcome.pvalue),
        alternative=alternative,
        n={name: values.size for name, values in present.items()},
        estimates={"mean difference": Estimate(difference, np.nan, np.nan, np.nan, "no interval")},
        excluded=excluded,
    )


def sign_flip_test(
    first: ArrayLike, second: ArrayLike, *, alternative: str = TWO_SIDED, repetitions: int = 9999, seed: int = 0
) -> Inference:
    """Compare two measurements of the same subjects by exchanging them within subjects; see `permutation_test`."""
    check_alternative(alternative)
    pairs, excluded = complete_rows({"First": first, "Second": second})
    difference = pairs["First"] - pairs["Second"]
    if not np.any(difference):
        raise ValueError("No subject changed, so that there is nothing to test.")
    exact = 2**difference.size <= _ALL_ARRANGEMENTS
    outcome = stats.permutation_test(
        (difference,),
        lambda values, axis: values.mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf if exact else repetitions,
        alternative=alternative,
        rng=np.random.default_rng(seed),
    )
    how = "all arrangements" if exact else f"{repetitions} random arrangements"
    mean = float(outcome.statistic)
    return Inference(
        method=f"sign-flip test of paired means ({how})",
        statistic=mean,
        statistic_name="mean difference",
        df=(),
        p=float(outcome.pvalue),
        alternative=alternative,
        n={"pairs": difference.size},
        estimates={"mean difference": Estimate(mean, np.nan, np.nan, np.nan, "no interval")},
        excluded={"pairs": excluded},
    )


def max_t_test(
    first: Mapping[str, ArrayLike],
    second: Mapping[str, ArrayLike],
    *,
    family: str,
    repetitions: int = 4999,
    seed: int = 0,
    level: float = 0.05,
) -> Family:
    """Compare two groups in many regions at once by the largest of their t statistics (Westfall and Young).

    Parameters
    ----------
    first, second : mapping of str to array_like
        Values of each group by region, one row for each subject. No value may be missing, as whole subjects move.
    family : str
        What makes the regions a family.
    repetitions : int
        Random arrangements of subjects.
    seed : int
        Of the random numbers.
    level : float
        Allowed family-wise error rate.

    Returns
    -------
    Family
        Two-sided p values before (Welch) and after the adjustment. It uses that regions are correlated, which
        adjustments of p values alone cannot.

    References
    ----------
    Westfall PH, Young SS. Resampling-Based Multiple Testing. Wiley 1993. ISBN 978-0-471-55761-6
    """
    if not family.strip():
        raise ValueError("The family has no name: say which regions are judged together.")
    if list(first) != list(second) or not first:
        raise ValueError("Both groups need values of the same regions.")
    tables = [np.column_stack([numbers(name, group[name]) for name in group]) for group in (first, second)]
    if not all(np.isfinite(table).all() for table in tables):
        raise ValueError("Values are missing. Leave these subjects out of all regions.")
    n1, n2 = (len(table) for table in tables)
    if min(n1, n2) < 2:
        raise ValueError(f"Each group needs at least 2 subjects, but got {n1} and {n2}.")
    together = np.concatenate(tables)
    if np.any(np.ptp(together, axis=0) == 0):
        raise ValueError("A region has the same value in all subjects. Leave it out.")
    observed = np.abs(_welch(tables[0], tables[1]))
    random = np.random.default_rng(seed)
    reached = np.ones(observed.size)  # the observed arrangement is one of all
    for _ in range(repetitions):
        mixed = together[random.permutation(n1 + n2)]
        reached += np.max(np.abs(_welch(mixed[:n1], mixed[n1:]))) >= observed - 1e-12
    adjusted = reached / (repetitions + 1)
    p = stats.ttest_ind(tables[0], tables[1], equal_var=False).pvalue
    names = list(first)
    return Family(
        name=family,
        method=f"max-T permutation ({repetitions} arrangements)",
        controls="family-wise error rate",
        level=level,
        p=dict(zip(names, map(float, p))),
        adjusted=dict(zip(names, map(float, adjusted))),
        rejected=tuple(name for name, value in zip(names, adjusted) if value <= level),
    )


def _welch(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    spread = np.sqrt(first.var(axis=0, ddof=1) / len(first) + second.var(axis=0, ddof=1) / len(second))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num(np.divide(first.mean(axis=0) - second.mean(axis=0), spread))


def _arrangements(n: int, m: int) -> float:
    return float(comb(n + m, n))
