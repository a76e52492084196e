"""Comparison of groups adjusted for covariates (analysis of covariance)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .multiplicity import adjust
from .observations import complete_rows, labels, numbers
from .regression import LinearFit, compare_nested, linear_regression
from .result import Estimate, Inference
from .several_groups import PairwiseComparison


@dataclass(frozen=True)
class Ancova:
    """An analysis of covariance.

    Parameters
    ----------
    test : Inference
        F test of the groups, with partial eta squared.
    adjusted_means : mapping of str to Estimate
        Mean of each group at the mean of all covariates.
    contrasts : tuple of PairwiseComparison
        Adjusted differences of all pairs of groups; their p values are adjusted by Holm's method.
    slopes : Inference or None
        F test of whether covariates act differently in the groups, which the adjustment assumes they do not. None
        where there are too few subjects for it.
    fit : LinearFit
        The model behind.
    n : mapping of str to int
        Subjects used in each group.
    excluded : tuple of int
        Positions of rows without a group, a value, or a covariate.
    """

    test: Inference
    adjusted_means: Mapping[str, Estimate]
    contrasts: tuple[PairwiseComparison, ...]
    slopes: Inference | None
    fit: LinearFit
    n: Mapping[str, int]
    excluded: tuple[int, ...]


def ancova(
    values: ArrayLike,
    group: Sequence,
    covariates: Mapping[str, ArrayLike],
    *,
    reference: str | None = None,
    robust: bool = False,
    confidence: float = 0.95,
) -> Ancova:
    """Compare groups at the same values of covariates.

    Parameters
    ----------
    values : array_like, shape (n,)
        What is compared.
    group : sequence of str, shape (n,)
        Group of each row.
    covariates : mapping of str to array_like of shape (n,)
        What is adjusted for, such as age and sex (coded by `regression.indicators`).
    reference : str, optional
        The group that the coefficients compare with; by default the first that occurs.
    robust : bool
        Use HC3 standard errors for coefficients, adjusted means and contrasts. The F tests stay those of least squares.
    confidence : float
        Level of the intervals.

    Returns
    -------
    Ancova

    Raises
    ------
    ValueError
        If there is one group, a group has one subject, a covariate tells the groups apart perfectly or is constant, or
        values are not numbers.
    """
    label = labels("Group", group)
    columns = {"Values": values, **covariates, "Group": np.where(label == "", np.nan, 0.0)}
    rows, excluded = complete_rows({name: numbers(name, column) for name, column in columns.items()})
    kept = np.delete(label, excluded)
    y, rows = rows["Values"], {name: rows[name] for name in covariates}
    names = [str(name) for name in dict.fromkeys(kept)]
    n = {name: int(np.count_nonzero(kept == name)) for name in names}
    if len(names) < 2:
        raise ValueError(f"Groups: expected two or more with complete rows, but got {', '.join(names)}.")
    if small := [name for name, count in n.items() if count < 2]:
        raise ValueError(f"Group(s) {', '.join(small)} have one complete row, and comparing needs two in each.")
    reference = names[0] if reference is None else reference
    if reference not in names:
        raise ValueError(f"The reference {reference!r} is no group; there are {', '.join(names)}.")
    names = [reference, *(name for name in names if name != reference)]
    dummies = {f"group {name}": (kept == name).astype(float) for name in names[1:]}
    fit = linear_regression(y, {**rows, **dummies}, robust=robust, confidence=confidence)
    # The F tests compare plain least squares, whose sums of squares the robust fit shares.
    without = linear_regression(y, rows) if rows else _mean_only(fit)
    return Ancova(
        test=compare_nested(without, fit, tested="groups"),
        adjusted_means=_adjusted_means(fit, rows, names, confidence),
        contrasts=_contrasts(fit, len(rows), names, n, excluded, confidence),
        slopes=_slopes(y, rows, dummies, fit),
        fit=fit,
        n=n,
        excluded=excluded,
    )


def _slopes(y, rows, dummies, fit: LinearFit) -> Inference | None:
    products = {
        f"{covariate} x {name}": (column - column.mean()) * dummy
        for covariate, column in rows.items()
        for name, dummy in dummies.items()
    }
    if not products or fit.df - len(products) < 1:
        return None
    try:
        larger = linear_regression(y, {**rows, **dummies, **products})
    except ValueError:  # a covariate does not vary within a group, so its slope there cannot be known
        return None
    return compare_nested(fit, larger, tested="equal slopes in all groups")


def _mean_only(fit: LinearFit) -> LinearFit:
    """The model of the same rows without predictors."""
    (intercept, coefficient), *_ = fit.coefficients.items()
    return replace(
        fit,
        coefficients={intercept: coefficient},
        df=fit.n - 1,
        residual_sum_of_squares=fit.total_sum_of_squares,
        r_squared=0.0,
    )


def _weights(fit: LinearFit, covariate_means: Sequence[float], names: Sequence[str], group: str) -> np.ndarray:
    """How the coefficients make up the adjusted mean of a group."""
    return np.array([1.0, *covariate_means, *(float(group == name) for name in names[1:])])


def _combined(fit: LinearFit, weights: np.ndarray, confidence: float) -> tuple[Estimate, float]:
    beta = np.array([coefficient.estimate.value for coefficient in fit.coefficients.values()])
    value, error = float(weights @ beta), float(np.sqrt(weights @ fit.covariance @ weights))
    half = float(stats.t.ppf((1 + confidence) / 2, fit.df)) * error
    return Estimate(value, value - half, value + half, confidence, "t distribution"), error


def _adjusted_means(fit, rows, names, confidence) -> dict[str, Estimate]:
    means = [float(column.mean()) for column in rows.values()]
    return {name: _combined(fit, _weights(fit, means, names, name), confidence)[0] for name in names}


def _contrasts(fit, covariates: int, names, n, excluded, confidence) -> tuple[PairwiseComparison, ...]:
    found = {}
    for first, second in combinations(names, 2):
        at = [0.0] * covariates
        weights = _weights(fit, at, names, first) - _weights(fit, at, names, second)
        estimate, error = _combined(fit, weights, confidence)
        with np.errstate(divide="ignore"):
            t = float(np.divide(estimate.value, error))
        found[first, second] = estimate, t, float(2 * stats.t.sf(abs(t), fit.df))
    p = {f"{first} - {second}": row[2] for (first, second), row in found.items()}
    adjusted = adjust(p, family="all pairs of groups", method="holm").adjusted
    return tuple(
        PairwiseComparison(
            first=first,
            second=second,
            n=(n[first], n[second]),
            difference=estimate,
            effect=_standardized(estimate, fit.residual_sd),
            statistic=t,
            df=float(fit.df),
            p=p[f"{first} - {second}"],
            adjusted_p=adjusted[f"{first} - {second}"],
            method="adjusted means, Holm",
            excluded={"rows": excluded},
        )
        for (first, second), (estimate, t, _) in found.items()
    )


def _standardized(difference: Estimate, residual_sd: float) -> Estimate:
    with np.errstate(divide="ignore"):
        value, low, high = np.divide((difference.value, difference.low, difference.high), residual_sd)
    return Estimate(float(value), float(low), float(high), difference.confidence, "adjusted difference by residual SD")
