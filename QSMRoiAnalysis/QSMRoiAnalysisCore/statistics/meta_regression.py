"""Meta-regression: whether effects of studies depend on what the studies are, such as the mean age."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from scipy.optimize import minimize_scalar

from .observations import complete_rows, numbers
from .regression import INTERCEPT, Coefficient, design_matrix, wald
from .result import TWO_SIDED, Inference, check_confidence


@dataclass(frozen=True)
class MetaRegression:
    """Effects of studies on a line over moderators, with variance of the true effects about it.

    Parameters
    ----------
    coefficients : mapping of str to Coefficient
        With Wald z tests.
    test : Inference
        Of all moderators together (chi-square).
    tau2 : float
        Variance of the true effects that moderators leave.
    residual_q, residual_q_p : float
        Whether they leave any.
    n : int
        Studies used.
    excluded : tuple of str
        Studies that lack a moderator.
    remarks : tuple of str
    """

    coefficients: Mapping[str, Coefficient]
    test: Inference
    tau2: float
    residual_q: float
    residual_q_p: float
    n: int
    excluded: tuple[str, ...]
    remarks: tuple[str, ...]


def meta_regression(
    effects: Mapping[str, tuple[float, float]], moderators: Mapping[str, ArrayLike], *, confidence: float = 0.95
) -> MetaRegression:
    """Regress effects of studies on moderators (random effects, restricted maximum likelihood).

    Parameters
    ----------
    effects : mapping of str to (float, float)
        Effect and its sampling variance, by study.
    moderators : mapping of str to array_like of shape (studies,)
        In the order of the effects.
    confidence : float
        Level of the intervals.

    Raises
    ------
    ValueError
        If studies are too few for the moderators, moderators cannot be told apart, or a variance is not positive.

    References
    ----------
    Thompson SG, Higgins JPT. Stat Med 2002;21:1559-1573. https://doi.org/10.1002/sim.1187
    """
    check_confidence(confidence)
    names = list(effects)
    columns = {
        "Effects": [effect for effect, _ in effects.values()],
        "Variances": [variance for _, variance in effects.values()],
        **{name: numbers(name, values) for name, values in moderators.items()},
    }
    rows, excluded = complete_rows(columns)
    y, v = rows["Effects"], rows["Variances"]
    if np.any(v <= 0):
        raise ValueError("Variances: every study needs a positive one.")
    x = design_matrix({name: rows[name] for name in moderators})
    k, p = x.shape
    if k < p + 2:
        raise ValueError(f"{k} studies are too few to explain their effects by {p - 1} moderator(s).")

    def solve(tau2: float) -> tuple[np.ndarray, np.ndarray, float]:
        w = 1 / (v + tau2)
        information = x.T @ (x * w[:, None])
        beta = np.linalg.solve(information, x.T @ (w * y))
        return beta, information, float(np.sum(w * (y - x @ beta) ** 2))

    def criterion(tau2: float) -> float:
        _, information, squares = solve(tau2)
        return float(np.sum(np.log(v + tau2)) + np.linalg.slogdet(information)[1] + squares)

    largest = 10 * float(np.var(y) + v.max())
    found = minimize_scalar(criterion, bounds=(0, largest), method="bounded", options={"xatol": 1e-10 * largest})
    tau2 = float(found.x) if found.fun < criterion(0.0) else 0.0
    beta, information, _ = solve(tau2)
    covariance = np.linalg.inv(information)
    residual_q = solve(0.0)[2]
    explained = float(beta[1:] @ np.linalg.solve(covariance[1:, 1:], beta[1:]))
    few = k < 10 * (p - 1)
    return MetaRegression(
        coefficients=wald(INTERCEPT, moderators, beta, covariance, np.full(p, np.inf), confidence),
        test=Inference(
            method="meta-regression, test of moderators (REML)",
            statistic=explained,
            statistic_name="chi2",
            df=(float(p - 1),),
            p=float(stats.chi2.sf(explained, p - 1)),
            alternative=TWO_SIDED,
            n={"studies": k},
            estimates={},
            excluded={"studies": excluded},
        ),
        tau2=tau2,
        residual_q=residual_q,
        residual_q_p=float(stats.chi2.sf(residual_q, k - p)),
        n=k,
        excluded=tuple(names[i] for i in excluded),
        remarks=("Fewer than 10 studies for each moderator; moderators found by chance are likely.",) if few else (),
    )
