"""Linear regression by least squares, with model checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from scipy.optimize import brentq

from .assumptions import normality
from .observations import check_varies, complete_rows, labels
from .result import TWO_SIDED, Check, Estimate, Inference, check_confidence

#: Name of the constant term.
INTERCEPT = "intercept"

#: Beyond this, the noncentral F distribution is slow and inexact to compute, and no interval is given.
_LARGEST_NONCENTRALITY = 5000.0


@dataclass(frozen=True)
class Coefficient:
    """One coefficient of a model with its two-sided test against zero."""

    estimate: Estimate
    standard_error: float
    statistic: float
    df: float
    p: float


@dataclass(frozen=True)
class LinearFit:
    """A linear model fitted by least squares.

    Parameters
    ----------
    method : str
        How it was fitted and how its standard errors were found.
    coefficients : mapping of str to Coefficient
        By the name of the predictor, the intercept first.
    covariance : ndarray, shape (p, p)
        Of the coefficients, in their order.
    n : int
        Number of rows used.
    df : int
        Degrees of freedom of the residuals.
    residual_sd, r_squared, adjusted_r_squared, aicc : float
        Spread about the model, explained fraction of the variance, and Akaike's criterion with its correction for
        small samples.
    residuals : ndarray, shape (n,)
        Of the rows used, in their order.
    residual_sum_of_squares : float
    total_sum_of_squares : float
        About the mean.
    largest_cook : float
        Largest of Cook's distances; above 1, a single row governs the fit.
    excluded : tuple of int
        Positions of incomplete rows.
    checks : tuple of Check
        Normality of the residuals and constancy of their variance (Breusch-Pagan, studentized).
    remarks : tuple of str
    """

    method: str
    coefficients: Mapping[str, Coefficient]
    covariance: np.ndarray
    n: int
    df: int
    residual_sd: float
    r_squared: float
    adjusted_r_squared: float
    aicc: float
    residuals: np.ndarray
    residual_sum_of_squares: float
    total_sum_of_squares: float
    largest_cook: float
    excluded: tuple[int, ...]
    checks: tuple[Check, ...]
    remarks: tuple[str, ...]


def linear_regression(
    response: ArrayLike, predictors: Mapping[str, ArrayLike], *, robust: bool = False, confidence: float = 0.95
) -> LinearFit:
    """Regress a response on predictors, with an intercept.

    Parameters
    ----------
    response : array_like, shape (n,)
        What is explained. Rows that lack it or a predictor are left out.
    predictors : mapping of str to array_like of shape (n,)
        What explains it, by name. Code categories with `indicators`.
    robust : bool
        Find standard errors that hold for unequal variances (HC3).
    confidence : float
        Level of the intervals.

    Returns
    -------
    LinearFit

    Raises
    ------
    ValueError
        If a predictor is constant or a combination of others, rows are too few, or values are not numbers.

    References
    ----------
    MacKinnon JG, White H. J Econom 1985;29:305-325. https://doi.org/10.1016/0304-4076(85)90158-7
    """
    check_confidence(confidence)
    rows, excluded = complete_rows({"Response": response, **predictors})
    y = rows.pop("Response")
    x = design_matrix(rows)
    n, p = x.shape
    if n <= p:
        raise ValueError(f"{n} complete row(s) cannot determine {p} coefficients and an error. Use fewer predictors.")
    check_varies("Response", y)
    inverse = np.linalg.inv(x.T @ x)
    beta = np.linalg.lstsq(x, y, rcond=None)[0]
    residuals = y - x @ beta
    df = n - p
    rss, tss = float(residuals @ residuals), float(np.sum((y - y.mean()) ** 2))
    leverage = np.einsum("ij,jk,ik->i", x, inverse, x)
    if robust:
        if np.any(leverage > 1 - 1e-10):
            raise ValueError("A row determines a coefficient alone, so that robust standard errors do not exist.")
        weighted = x * (residuals / (1 - leverage))[:, None]
        covariance = inverse @ (weighted.T @ weighted) @ inverse
    else:
        covariance = inverse * rss / df
    exact = rss <= 1e-20 * tss
    cook = np.nan
    if not exact:
        inside = leverage < 1 - 1e-10
        scaled = residuals[inside] ** 2 * leverage[inside] / (1 - leverage[inside]) ** 2
        cook = float(np.max(scaled, initial=0.0)) / (p * rss / df)
    remarks = []
    if exact:
        remarks.append("The model fits without error, so its tests mean nothing.")
    if cook > 1:
        remarks.append(f"A single row governs the fit (Cook's distance {cook:.2g}); look at it.")
    # The error variance counts as a parameter.
    likelihood = n * np.log(rss / n) if not exact else -np.inf
    aicc = likelihood + 2 * (p + 1) + 2 * (p + 1) * (p + 2) / (n - p - 2) if n > p + 2 else np.nan
    return LinearFit(
        method="least squares, HC3 standard errors" if robust else "least squares",
        coefficients=wald(INTERCEPT, rows, beta, covariance, np.full(p, float(df)), confidence),
        covariance=covariance,
        n=n,
        df=df,
        residual_sd=float(np.sqrt(rss / df)),
        r_squared=1 - rss / tss,
        adjusted_r_squared=1 - rss / df / (tss / (n - 1)),
        aicc=float(aicc),
        residuals=residuals,
        residual_sum_of_squares=rss,
        total_sum_of_squares=tss,
        largest_cook=cook,
        excluded=excluded,
        checks=() if exact else normality({"residuals": residuals}) + _constant_variance(x, residuals),
        remarks=tuple(remarks),
    )


def compare_nested(smaller: LinearFit, larger: LinearFit, *, tested: str = "added predictors") -> Inference:
    """Test what a model gains over a smaller one on the same rows (F test).

    Parameters
    ----------
    smaller, larger : LinearFit
        The models; the predictors of the smaller are among those of the larger.
    tested : str
        What the larger model adds, for the name of the result.

    Returns
    -------
    Inference
        With the estimates "R squared change" and "partial eta squared", the latter with the interval of the noncentral
        F distribution.

    Raises
    ------
    ValueError
        If the models are not nested or rest on different rows.
    """
    if not set(smaller.coefficients) < set(larger.coefficients):
        raise ValueError("The predictors of the smaller model must be among those of the larger, which must have more.")
    same = smaller.n == larger.n and smaller.excluded == larger.excluded
    if not same or not np.isclose(smaller.total_sum_of_squares, larger.total_sum_of_squares):
        raise ValueError(
            f"The models rest on different rows ({smaller.n} and {larger.n}). "
            "Fit both to those complete in all predictors."
        )
    added = smaller.df - larger.df
    gain = max(smaller.residual_sum_of_squares - larger.residual_sum_of_squares, 0.0)
    with np.errstate(divide="ignore"):
        f = float(np.divide(gain / added, larger.residual_sum_of_squares / larger.df))
    eta = gain / (gain + larger.residual_sum_of_squares)
    low, high = _eta_interval(f, added, larger.df, larger.n)
    change = gain / larger.total_sum_of_squares
    return Inference(
        method=f"F test of {tested}",
        statistic=f,
        statistic_name="F",
        df=(float(added), float(larger.df)),
        p=float(stats.f.sf(f, added, larger.df)),
        alternative=TWO_SIDED,
        n={"rows": larger.n},
        estimates={
            "R squared change": Estimate(change, np.nan, np.nan, np.nan, "no interval"),
            "partial eta squared": Estimate(eta, low, high, 0.9, "noncentral F distribution"),
        },
        excluded={"rows": larger.excluded},
        checks=larger.checks,
        remarks=larger.remarks,
    )


def indicators(name: str, categories: Sequence, *, reference: str | None = None) -> dict[str, np.ndarray]:
    """Columns of 0 and 1 for each category but the reference, NaN where the category is missing.

    Parameters
    ----------
    name : str
        Name of the column of categories.
    categories : sequence of str
    reference : str, optional
        The category that the others are compared with; by default the first that occurs.
    """
    column = labels(name, categories)
    levels = [str(level) for level in dict.fromkeys(column) if level]
    if len(levels) < 2:
        raise ValueError(f"{name} has only the category {levels}, so it explains nothing.")
    reference = levels[0] if reference is None else reference
    if reference not in levels:
        raise ValueError(f"{name} has no category {reference!r}; it has {', '.join(levels)}.")
    return {
        f"{name} {level}": np.where(column == "", np.nan, column == level) for level in levels if level != reference
    }


def design_matrix(predictors: Mapping[str, np.ndarray]) -> np.ndarray:
    """A column of ones and the predictors; refuses predictors that cannot be told apart.

    Raises
    ------
    ValueError
        If a predictor is constant or a linear combination of those before it.
    """
    if not predictors:
        raise ValueError("A model needs at least one predictor.")
    size = len(next(iter(predictors.values())))
    x = np.column_stack([np.ones(size), *predictors.values()])
    scale = np.abs(x).max(axis=0)
    scale[scale == 0] = 1
    for i, name in enumerate(predictors, 2):
        if np.linalg.matrix_rank(x[:, :i] / scale[:i], tol=1e-10 * np.sqrt(size)) < i:
            before = ", ".join([INTERCEPT, *list(predictors)[: i - 2]])
            raise ValueError(
                f"{name} is determined by {before} in these rows, so their effects cannot be told apart. Leave one out."
            )
    return x


def wald(
    intercept: str, predictors: Mapping[str, object], beta, covariance, df, confidence: float
) -> dict[str, Coefficient]:
    """Coefficients with t tests; infinite degrees of freedom make them z tests."""
    found = {}
    for name, value, variance, freedom in zip([intercept, *predictors], beta, np.diag(covariance), df):
        error = float(np.sqrt(variance))
        with np.errstate(divide="ignore", invalid="ignore"):
            t = float(np.divide(value, error))
        half = float(stats.t.ppf((1 + confidence) / 2, freedom)) * error
        estimate = Estimate(float(value), float(value) - half, float(value) + half, confidence, "Wald")
        found[name] = Coefficient(estimate, error, t, float(freedom), float(2 * stats.t.sf(abs(t), freedom)))
    return found


def _constant_variance(x: np.ndarray, residuals: np.ndarray) -> tuple[Check, ...]:
    """Koenker's studentized form of the Breusch-Pagan test."""
    squares = residuals**2
    spread = np.sum((squares - squares.mean()) ** 2)
    if spread == 0:
        return ()
    left = squares - x @ np.linalg.lstsq(x, squares, rcond=None)[0]
    statistic = float(len(squares) * (1 - left @ left / spread))
    p = float(stats.chi2.sf(statistic, x.shape[1] - 1))
    return (Check("equal variances", "Breusch-Pagan (Koenker)", "residuals", statistic, p),)


def _eta_interval(f: float, df1: int, df2: int, n: int, confidence: float = 0.9) -> tuple[float, float]:
    """Interval of a partial eta squared; 90 % by custom, so that it excludes zero where p < 0.05."""
    if not f * df1 < _LARGEST_NONCENTRALITY:
        return np.nan, np.nan

    def noncentrality(probability: float) -> float:
        if stats.f.cdf(f, df1, df2) <= probability:
            return 0.0
        high = max(2 * f * df1, 10.0)
        while stats.ncf.cdf(f, df1, df2, high) > probability:
            high *= 2
        return float(brentq(lambda nc: stats.ncf.cdf(f, df1, df2, nc) - probability, 0.0, high, xtol=1e-6))

    tails = (1 + confidence) / 2, (1 - confidence) / 2
    low, high = (noncentrality(tail) for tail in tails)
    return low / (low + n), high / (high + n)
