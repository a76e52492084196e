"""Generalized estimating equations: regression of rows that belong together, such as sides or lesions of a subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .observations import check_varies, complete_rows, labels, numbers
from .regression import INTERCEPT, Coefficient, design_matrix, wald
from .result import check_confidence

#: Relative change of coefficients at which the iteration has converged.
_CONVERGED = 1e-10
_MAX_ITERATIONS = 100

#: Below this many subjects, even corrected standard errors are uncertain.
_FEW_SUBJECTS = 20


@dataclass(frozen=True)
class EstimatingEquationsFit:
    """A linear model of rows that are correlated within subjects.

    Parameters
    ----------
    method : str
    coefficients : mapping of str to Coefficient
        With standard errors that hold whatever the true correlation, and t tests on subjects less coefficients.
    correlation : float
        Common correlation of two rows of a subject, as the working model has it.
    residual_sd : float
    n, subjects : int
        Rows and subjects used.
    excluded : tuple of int
        Positions of rows that lack a value or a subject.
    remarks : tuple of str
    """

    method: str
    coefficients: Mapping[str, Coefficient]
    correlation: float
    residual_sd: float
    n: int
    subjects: int
    excluded: tuple[int, ...]
    remarks: tuple[str, ...]


def estimating_equations(
    response: ArrayLike, predictors: Mapping[str, ArrayLike], subject: Sequence, *, confidence: float = 0.95
) -> EstimatingEquationsFit:
    """Regress a response on predictors where rows of a subject share an unknown correlation.

    Parameters
    ----------
    response : array_like, shape (n,)
    predictors : mapping of str to array_like of shape (n,)
    subject : sequence, shape (n,)
        Whose row it is.
    confidence : float
        Level of the intervals.

    Returns
    -------
    EstimatingEquationsFit

    Raises
    ------
    ValueError
        If subjects do not outnumber coefficients by two or more, none has two rows, predictors cannot be told apart,
        or values are not numbers.

    Notes
    -----
    The working correlation is exchangeable, estimated by the mean product of residuals of a subject. The covariance
    of the coefficients is the sandwich, with the residuals of each subject multiplied by (I - H_i)^-1, which takes off
    its bias in small samples.

    References
    ----------
    Liang KY, Zeger SL. Biometrika 1986;73:13-22. https://doi.org/10.1093/biomet/73.1.13

    Mancl LA, DeRouen TA. Biometrics 2001;57:126-134. https://doi.org/10.1111/j.0006-341X.2001.00126.x
    """
    check_confidence(confidence)
    who = labels("Subject", subject)
    columns = {"Response": response, **predictors, "Subject": np.where(who == "", np.nan, 0.0)}
    rows, excluded = complete_rows({name: numbers(name, values) for name, values in columns.items()})
    who, y = np.delete(who, excluded), rows["Response"]
    check_varies("Response", y)
    x = design_matrix({name: rows[name] for name in predictors})
    members = [np.flatnonzero(who == name) for name in np.unique(who)]
    (n, p), m = x.shape, len(members)
    if m < p + 2:
        raise ValueError(f"{m} subject(s) cannot determine {p} coefficients and their errors. Use fewer predictors.")
    if m == n:
        raise ValueError(f"Each of the {n} subjects has one row, so rows are independent. Use a linear regression.")
    beta, correlation = np.linalg.lstsq(x, y, rcond=None)[0], 0.0
    for _ in range(_MAX_ITERATIONS):
        residuals = y - x @ beta
        correlation, variance = _moments(residuals, members, n - p)
        weights = [_inverse(own.size, correlation) for own in members]
        bread = sum(x[own].T @ inverse @ x[own] for own, inverse in zip(members, weights))
        moved = np.linalg.solve(bread, sum(x[own].T @ inverse @ y[own] for own, inverse in zip(members, weights)))
        change, beta = np.max(np.abs(moved - beta)), moved
        if change <= _CONVERGED * np.max(np.abs(beta)):
            break
    else:
        raise ValueError(f"The estimating equations did not converge in {_MAX_ITERATIONS} iterations.")
    residuals = y - x @ beta
    inverse_bread = np.linalg.inv(bread)
    meat = np.zeros((p, p))
    for own, inverse in zip(members, weights):
        leverage = x[own] @ inverse_bread @ x[own].T @ inverse
        score = x[own].T @ inverse @ np.linalg.solve(np.eye(own.size) - leverage, residuals[own])
        meat += np.outer(score, score)
    covariance = inverse_bread @ meat @ inverse_bread
    few = m < _FEW_SUBJECTS
    return EstimatingEquationsFit(
        method="generalized estimating equations, exchangeable, Mancl-DeRouen standard errors",
        coefficients=wald(INTERCEPT, predictors, beta, covariance, np.full(p, float(m - p)), confidence),
        correlation=float(correlation),
        residual_sd=float(np.sqrt(variance)),
        n=n,
        subjects=m,
        excluded=excluded,
        remarks=(f"Standard errors rest on {m} subjects alone; a mixed model may be better.",) if few else (),
    )


def _moments(residuals: np.ndarray, members: Sequence[np.ndarray], df: int) -> tuple[float, float]:
    """Common correlation of residuals within subjects, and their variance."""
    variance = float(residuals @ residuals) / df
    products = sum((residuals[own].sum() ** 2 - residuals[own] @ residuals[own]) / 2 for own in members)
    pairs = sum(own.size * (own.size - 1) / 2 for own in members)
    largest = max(own.size for own in members)
    # The matrix of a subject must stay positive definite: above -1 / (rows - 1), below 1.
    return float(np.clip(products / pairs / variance, -0.99 / (largest - 1), 0.99)), variance


def _inverse(size: int, correlation: float) -> np.ndarray:
    """Inverse of a matrix with ones on its diagonal and the correlation elsewhere."""
    common = correlation / (1 + (size - 1) * correlation)
    return (np.eye(size) - common) / (1 - correlation)
