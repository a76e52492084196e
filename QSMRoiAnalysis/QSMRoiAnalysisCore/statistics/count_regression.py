"""Regression of counts, such as numbers of lesions, and of positive quantities whose spread grows with their mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .observations import complete_rows
from .regression import INTERCEPT, Coefficient, design_matrix, wald
from .result import Check, Estimate, check_confidence

#: Distributions, with what their variance is as a function of the mean.
DISTRIBUTIONS = {"poisson": "variance = mean", "gamma": "variance = dispersion x mean^2"}

_CONVERGED = 1e-10
_MAX_ITERATIONS = 100


@dataclass(frozen=True)
class RateFit:
    """A model of the logarithm of a mean.

    Parameters
    ----------
    method : str
    coefficients : mapping of str to Coefficient
        On the scale of logarithms.
    ratios : mapping of str to Estimate
        Factor by which one unit of each predictor multiplies the mean.
    dispersion : float
        Variance in units of what the distribution implies; for counts, values above 1 are overdispersion, by which
        standard errors are widened.
    n : int
    excluded : tuple of int
        Positions of incomplete rows.
    checks : tuple of Check
        For counts, whether they vary as a Poisson distribution does.
    remarks : tuple of str
    """

    method: str
    coefficients: Mapping[str, Coefficient]
    ratios: Mapping[str, Estimate]
    dispersion: float
    n: int
    excluded: tuple[int, ...]
    checks: tuple[Check, ...]
    remarks: tuple[str, ...]


def rate_regression(
    response: ArrayLike,
    predictors: Mapping[str, ArrayLike],
    *,
    distribution: str = "poisson",
    exposure: ArrayLike | None = None,
    confidence: float = 0.95,
) -> RateFit:
    """Regress the logarithm of a mean count or positive quantity on predictors, with an intercept.

    Parameters
    ----------
    response : array_like, shape (n,)
        Counts for "poisson", positive numbers for "gamma".
    predictors : mapping of str to array_like of shape (n,)
    distribution : {"poisson", "gamma"}
    exposure : array_like of shape (n,), optional
        What counts are in proportion to, such as years of observation.
    confidence : float
        Level of the intervals.

    Returns
    -------
    RateFit

    Raises
    ------
    ValueError
        If a count is negative or no whole number, a quantity or exposure not positive, rows are too few, or predictors
        cannot be told apart.

    References
    ----------
    McCullagh P, Nelder JA. Generalized Linear Models, 2nd ed. Chapman and Hall 1989.
    https://doi.org/10.1201/9780203753736
    """
    check_confidence(confidence)
    if distribution not in DISTRIBUTIONS:
        raise ValueError(f"The distribution is {distribution!r}; choose one of {', '.join(DISTRIBUTIONS)}.")
    columns = {"Response": response, **predictors}
    if exposure is not None:
        columns["Exposure"] = exposure
    rows, excluded = complete_rows(columns)
    y, offset = rows["Response"], np.zeros(rows["Response"].size)
    if exposure is not None:
        if np.any(rows["Exposure"] <= 0):
            raise ValueError("Exposure: every value must be positive.")
        offset = np.log(rows["Exposure"])
    counts = distribution == "poisson"
    if counts and (np.any(y < 0) or np.any(y != np.round(y)) or not y.any()):
        raise ValueError("Response: expected counts of 0, 1, 2, ... that are not all 0.")
    if not counts and np.any(y <= 0):
        raise ValueError(f"Response: expected positive numbers, but {np.count_nonzero(y <= 0)} are 0 or less.")
    x = design_matrix({name: rows[name] for name in predictors})
    n, p = x.shape
    if n <= p:
        raise ValueError(f"{n} complete row(s) cannot determine {p} coefficients and an error. Use fewer predictors.")
    scale = np.r_[1.0, [np.std(rows[name]) for name in predictors]]
    beta = np.r_[np.log(y.sum() / np.exp(offset).sum()), np.zeros(p - 1)]
    for _ in range(_MAX_ITERATIONS):
        mean = np.exp(x / scale @ beta + offset)
        weights = mean if counts else np.ones(n)
        working = x / scale * np.sqrt(weights)[:, None]
        step = np.linalg.lstsq(working, np.sqrt(weights) * (y - mean) / mean, rcond=None)[0]
        step *= min(1.0, 2.0 / max(np.max(np.abs(x / scale @ step)), 1e-300))  # a mean changes by e^2 a step at most
        beta = beta + step
        if np.max(np.abs(step)) < _CONVERGED:
            break
    else:
        raise ValueError("The regression did not converge: in some category of the predictors, all counts may be 0.")
    mean = np.exp(x / scale @ beta + offset)
    pearson = float(np.sum((y - mean) ** 2 / (mean if counts else mean**2)))
    dispersion = pearson / (n - p)
    widened = max(dispersion, 1.0) if counts else dispersion
    information = (x / scale).T @ (x / scale * (mean if counts else np.ones(n))[:, None])
    covariance = widened * np.linalg.inv(information) / np.outer(scale, scale)
    df = np.full(p, np.inf if counts and widened == 1.0 else float(n - p))
    coefficients = wald(INTERCEPT, predictors, beta / scale, covariance, df, confidence)
    over = float(stats.chi2.sf(pearson, n - p))
    return RateFit(
        method=f"{distribution} regression with logarithmic link",
        coefficients=coefficients,
        ratios={name: _exponential(one.estimate) for name, one in coefficients.items() if name != INTERCEPT},
        dispersion=dispersion,
        n=n,
        excluded=excluded,
        checks=(Check("variance as large as mean", "Pearson chi-square", "counts", pearson, over),) if counts else (),
        remarks=(f"Counts vary {dispersion:.2g} times as much as Poisson counts; standard errors are widened by that.",)
        if counts and dispersion > 1
        else (),
    )


def _exponential(estimate: Estimate) -> Estimate:
    values = (float(np.exp(value)) for value in (estimate.value, estimate.low, estimate.high))
    return Estimate(*values, estimate.confidence, estimate.method)
