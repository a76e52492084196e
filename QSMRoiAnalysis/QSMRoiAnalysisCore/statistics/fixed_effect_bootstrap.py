"""Confidence intervals of the fixed effects of a mixed model by drawing subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from .mixed_model import MixedModelFit
from .observations import complete_rows, labels, numbers
from .regression import design_matrix
from .result import Estimate, check_confidence


def bootstrap_fixed_effects(
    fit: MixedModelFit,
    response: ArrayLike,
    fixed: Mapping[str, ArrayLike],
    subject: Sequence,
    *,
    slope: str | None = None,
    nested: Sequence | None = None,
    repetitions: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict[str, Estimate]:
    """Percentile intervals of all fixed effects, from samples of whole subjects.

    Parameters
    ----------
    fit : MixedModelFit
        The model of the same rows.
    response, fixed, subject, slope, nested
        As they were given to `mixed_model`.
    repetitions : int
        Samples to draw.
    seed : int
        Of the random numbers.
    confidence : float
        Level of the intervals.

    Returns
    -------
    dict of str to Estimate
        By the name of the fixed effect.

    Notes
    -----
    The covariance of the rows of a subject stays that of the fit, so that a sample needs no new search: with A_i =
    X_i' V_i^-1 X_i and b_i = X_i' V_i^-1 y_i, the estimate of a sample is (sum A_i)^-1 sum b_i over the subjects drawn.
    The weights of subjects are thus held, and what varies is who is in the sample.
    """
    check_confidence(confidence)
    if repetitions < 100:
        raise ValueError(f"An interval needs at least 100 repetitions, but got {repetitions}.")
    who = labels("Subject", subject)
    unit = None if nested is None else labels("Nested", nested)
    columns = {"Response": response, **fixed, "Subject": np.where(who == "", np.nan, 0.0)}
    if unit is not None:
        columns["Nested"] = np.where(unit == "", np.nan, 0.0)
    rows, excluded = complete_rows({name: numbers(name, values) for name, values in columns.items()})
    who, y = np.delete(who, excluded), rows["Response"]
    unit = None if unit is None else np.delete(unit, excluded)
    x = design_matrix({name: rows[name] for name in fixed})
    parts = [
        _sums(fit, x[own], y[own], rows[slope][own] if slope else None, None if unit is None else unit[own], slope)
        for own in (np.flatnonzero(who == name) for name in np.unique(who))
    ]
    matrices, vectors = (np.stack(part) for part in zip(*parts))
    random = np.random.default_rng(seed)
    counts = random.multinomial(len(parts), np.full(len(parts), 1 / len(parts)), size=repetitions).astype(float)
    of_samples = np.einsum("rs,sij->rij", counts, matrices)
    # A sample may hold too few subjects of a group to tell its effect; it has no estimate.
    known = np.linalg.cond(of_samples) < 1e12
    if np.count_nonzero(~known) > repetitions / 10:
        raise ValueError(f"{np.count_nonzero(~known)} of {repetitions} samples of subjects had no estimate.")
    found = np.linalg.solve(of_samples[known], (counts[known] @ vectors)[..., None])[..., 0]
    low, high = np.quantile(found, ((1 - confidence) / 2, (1 + confidence) / 2), axis=0)
    method = f"bootstrap of subjects, percentiles of {len(found)}, weights held"
    return {
        name: Estimate(one.estimate.value, float(a), float(b), confidence, method)
        for (name, one), a, b in zip(fit.coefficients.items(), low, high)
    }


def _sums(fit: MixedModelFit, x, y, time, unit, slope: str | None) -> tuple[np.ndarray, np.ndarray]:
    """A_i and b_i of one subject."""
    n = y.size
    variance = np.eye(n) * max(fit.residual_sd, np.finfo(float).tiny) ** 2
    effects, sds = [np.ones(n)], [fit.random_sd["intercept"]]
    if slope is not None:
        effects.append(time)
        sds.append(fit.random_sd[f"slope of {slope}"])
    covariance = np.outer(sds, sds)
    if slope is not None:
        covariance[0, 1] = covariance[1, 0] = np.nan_to_num(fit.random_correlation) * sds[0] * sds[1]
    z = np.column_stack(effects)
    variance += z @ covariance @ z.T
    if unit is not None:
        variance += fit.random_sd["nested intercept"] ** 2 * (unit[:, None] == unit[None])
    weighted = np.linalg.solve(variance, x)
    return weighted.T @ x, weighted.T @ y
