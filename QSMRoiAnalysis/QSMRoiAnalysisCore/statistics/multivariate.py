"""Comparison of groups in several measures at once (multivariate analysis of covariance)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .observations import complete_rows, labels, numbers
from .regression import design_matrix, indicators
from .result import TWO_SIDED, Estimate, Inference


def mancova(
    measures: Mapping[str, ArrayLike], group: Sequence, covariates: Mapping[str, ArrayLike] | None = None
) -> Inference:
    """Test whether groups differ in any of several measures, at the same values of covariates (Pillai's trace).

    Parameters
    ----------
    measures : mapping of str to array_like of shape (n,)
        What is compared, such as regions. Subjects that lack any of them are left out.
    group : sequence of str, shape (n,)
    covariates : mapping of str to array_like of shape (n,), optional

    Returns
    -------
    Inference
        With the estimates "Pillai trace" and "Wilks lambda"; the F test is that of Pillai's trace, which suffers least
        from unequal covariances.

    Raises
    ------
    ValueError
        If there are fewer than two groups or complete subjects than measures and predictors need, a measure is a
        combination of others, or covariates and groups cannot be told apart.

    Notes
    -----
    V = tr H (H + E)^-1 with the sums of squares and products of groups H and of error E.

    References
    ----------
    Pillai KCS. Ann Math Stat 1955;26:117-121. https://doi.org/10.1214/aoms/1177728599
    """
    label = labels("Group", group)
    covariates = covariates or {}
    columns = {**measures, **covariates, "Group": np.where(label == "", np.nan, 0.0)}
    if len(columns) < len(measures) + len(covariates) + 1:
        raise ValueError("A measure and a covariate bear the same name.")
    rows, excluded = complete_rows({name: numbers(name, values) for name, values in columns.items()})
    kept = np.delete(label, excluded)
    dummies = indicators("group", kept)
    y = np.column_stack([rows[name] for name in measures])
    fixed = {name: rows[name] for name in covariates}
    smaller = design_matrix(fixed) if fixed else np.ones((len(y), 1))
    larger = design_matrix({**fixed, **dummies})
    n, p, q, df = len(y), y.shape[1], len(dummies), len(y) - larger.shape[1]
    if df < p:
        raise ValueError(f"{n} complete subjects are too few for {p} measures and {larger.shape[1]} predictors.")
    error, without = _products(larger, y), _products(smaller, y)
    if np.linalg.matrix_rank(error) < p:
        raise ValueError("A measure is a combination of others, or varies within no group. Leave it out.")
    pillai = float(np.trace(np.linalg.solve(without, without - error)))
    wilks = float(np.exp(np.linalg.slogdet(error)[1] - np.linalg.slogdet(without)[1]))
    s, a, b = min(p, q), (abs(p - q) - 1) / 2, (df - p - 1) / 2
    freedom = s * (2 * a + s + 1), s * (2 * b + s + 1)
    f = freedom[1] / freedom[0] * pillai / (s - pillai)
    estimates = {"Pillai trace": pillai, "Wilks lambda": wilks, "partial eta squared": pillai / s}
    return Inference(
        method="multivariate analysis of covariance (Pillai)",
        statistic=float(f),
        statistic_name="F",
        df=tuple(map(float, freedom)),
        p=float(stats.f.sf(f, *freedom)),
        alternative=TWO_SIDED,
        n={str(name): int(np.count_nonzero(kept == name)) for name in dict.fromkeys(kept)},
        estimates={name: Estimate(value, np.nan, np.nan, np.nan, "no interval") for name, value in estimates.items()},
        excluded={"rows": excluded},
    )


def _products(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Sums of squares and products of what a model leaves."""
    residuals = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    return residuals.T @ residuals
