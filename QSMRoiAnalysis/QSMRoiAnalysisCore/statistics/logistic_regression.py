"""Logistic regression, also with Firth's penalty for small or separated samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .observations import complete_rows
from .regression import INTERCEPT, Coefficient, design_matrix, wald
from .result import TWO_SIDED, Estimate, Inference, check_confidence

#: Largest change of a linear predictor at which the iteration has converged.
_CONVERGED = 1e-9
_MAX_ITERATIONS = 200

#: Linear predictors beyond this are as good as certain: without a penalty, they grow without end when groups separate.
_CERTAIN = 30.0


@dataclass(frozen=True)
class LogisticFit:
    """A logistic model.

    Parameters
    ----------
    method : str
    coefficients : mapping of str to Coefficient
        On the scale of log odds, with Wald z tests.
    odds_ratios : mapping of str to Estimate
        For one unit of each predictor.
    probabilities : ndarray, shape (n,)
        Fitted probability of each row used.
    test : Inference
        Likelihood-ratio test of all predictors together.
    n : mapping of str to int
        Rows with outcome 1 and with outcome 0.
    excluded : tuple of int
        Positions of incomplete rows.
    remarks : tuple of str
    """

    method: str
    coefficients: Mapping[str, Coefficient]
    odds_ratios: Mapping[str, Estimate]
    probabilities: np.ndarray
    test: Inference
    n: Mapping[str, int]
    excluded: tuple[int, ...]
    remarks: tuple[str, ...]


def logistic_regression(
    outcome: ArrayLike, predictors: Mapping[str, ArrayLike], *, firth: bool = False, confidence: float = 0.95
) -> LogisticFit:
    """Regress an outcome of yes or no on predictors, with an intercept.

    Parameters
    ----------
    outcome : array_like of 0 and 1, shape (n,)
        Rows that lack it or a predictor are left out.
    predictors : mapping of str to array_like of shape (n,)
    firth : bool
        Penalize the likelihood by Jeffreys' prior: less bias in small samples, and finite odds ratios where a
        predictor separates the outcomes.
    confidence : float
        Level of the intervals.

    Returns
    -------
    LogisticFit

    Raises
    ------
    ValueError
        If the outcome is not 0 or 1 or the same in all rows, predictors cannot be told apart, or they separate the
        outcomes and there is no penalty.

    References
    ----------
    Firth D. Biometrika 1993;80:27-38. https://doi.org/10.1093/biomet/80.1.27

    Heinze G, Schemper M. Stat Med 2002;21:2409-2419. https://doi.org/10.1002/sim.1047
    """
    check_confidence(confidence)
    rows, excluded = complete_rows({"Outcome": outcome, **predictors})
    y = rows.pop("Outcome")
    if not np.isin(y, (0, 1)).all():
        raise ValueError(f"Outcome: expected 0 and 1, but got {', '.join(f'{value:g}' for value in np.unique(y)[:5])}.")
    n = {"outcome 1": int(y.sum()), "outcome 0": int(y.size - y.sum())}
    if not all(n.values()):
        raise ValueError(f"All {y.size} complete rows have the same outcome, so that nothing is explained.")
    x = design_matrix(rows)
    if y.size <= x.shape[1]:
        raise ValueError(f"{y.size} complete row(s) cannot determine {x.shape[1]} coefficients. Use fewer predictors.")
    scale = np.r_[1.0, [np.std(column) for column in rows.values()]]  # predictors of any unit converge alike
    beta, likelihood, information = _fit(x / scale, y, firth)
    null_likelihood = _fit(np.ones((y.size, 1)), y, firth)[1]
    beta = beta / scale
    covariance = np.linalg.inv(information) / np.outer(scale, scale)
    coefficients = wald(INTERCEPT, rows, beta, covariance, np.full(beta.size, np.inf), confidence)
    df = len(rows)
    method = "logistic regression" + (", Firth's penalty" if firth else "")
    statistic = 0.0 if firth else max(2 * (likelihood - null_likelihood), 0.0)
    if firth:  # the penalty must be that of the whole model in both, so the smaller model fixes slopes at zero
        restricted = _fit(x / scale, y, True, fixed=np.r_[False, np.ones(df, bool)])[1]
        statistic = max(2 * (likelihood - restricted), 0.0)
    few = min(n.values()) < 10 * df
    return LogisticFit(
        method=method,
        coefficients=coefficients,
        odds_ratios={name: _odds(c.estimate) for name, c in coefficients.items() if name != INTERCEPT},
        probabilities=_probability(x @ beta),
        test=Inference(
            method=f"likelihood-ratio test of all predictors, {method}",
            statistic=float(statistic),
            statistic_name="chi2",
            df=(float(df),),
            p=float(stats.chi2.sf(statistic, df)),
            alternative=TWO_SIDED,
            n=n,
            estimates={},
            excluded={"rows": excluded},
        ),
        n=n,
        excluded=excluded,
        remarks=("Fewer than 10 rows of the rarer outcome for each predictor; odds ratios are uncertain.",)
        if few
        else (),
    )


def _odds(log_odds: Estimate) -> Estimate:
    values = (float(np.exp(value)) for value in (log_odds.value, log_odds.low, log_odds.high))
    return Estimate(*values, log_odds.confidence, log_odds.method)


def _probability(linear: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-linear))


def _log_likelihood(x: np.ndarray, y: np.ndarray, beta: np.ndarray, firth: bool) -> float:
    linear = x @ beta
    value = float(y @ linear - np.sum(np.logaddexp(0, linear)))
    if firth:
        p = _probability(linear)
        value += 0.5 * float(np.linalg.slogdet(x.T @ (x * (p * (1 - p))[:, None]))[1])
    return value


def _fit(x, y, firth: bool, fixed: np.ndarray | None = None) -> tuple[np.ndarray, float, np.ndarray]:
    """Newton's method with halved steps; `fixed` coefficients stay zero."""
    free = np.ones(x.shape[1], bool) if fixed is None else ~fixed
    beta = np.zeros(x.shape[1])
    likelihood = _log_likelihood(x, y, beta, firth)
    for _ in range(_MAX_ITERATIONS):
        p = _probability(x @ beta)
        information = x.T @ (x * (p * (1 - p))[:, None])
        score = y - p
        if firth:
            leverage = np.einsum("ij,ji->i", x, np.linalg.solve(information, x.T)) * p * (1 - p)
            score = score + leverage * (0.5 - p)
        step = np.zeros_like(beta)
        step[free] = np.linalg.solve(information[np.ix_(free, free)], x.T[free] @ score)
        while (moved := _log_likelihood(x, y, beta + step, firth)) < likelihood - 1e-12 * abs(likelihood):
            step = step / 2
        beta, likelihood = beta + step, moved
        if not firth and np.max(np.abs(x @ beta)) > _CERTAIN:
            raise ValueError(
                "The predictors separate the outcomes, so that odds ratios are infinite. Set firth to True."
            )
        if np.max(np.abs(x @ step)) < _CONVERGED:
            return beta, likelihood, information
    raise ValueError(f"The logistic regression did not converge in {_MAX_ITERATIONS} iterations. Use fewer predictors.")
