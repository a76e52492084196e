"""Removal of the effects of scanners from repeated measurements of the same subjects (longitudinal ComBat)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from .harmonization import shrink_effects
from .mixed_model import mixed_model
from .observations import check_same_length, labels, numbers
from .regression import INTERCEPT, indicators


def harmonize_longitudinally(
    values: ArrayLike,
    site: Sequence,
    covariates: Mapping[str, ArrayLike],
    subject: Sequence,
    *,
    shrink: bool = True,
) -> np.ndarray:
    """Remove effects of sites or scanners, keeping covariates and what is a subject's own.

    Parameters
    ----------
    values : array_like, shape (rows, measures)
        One row for each visit, complete.
    site : sequence of str, shape (rows,)
        Where each visit was scanned; it may change within a subject.
    covariates : mapping of str to array_like of shape (rows,)
        What the harmonized values must keep, such as time, group (coded as numbers) and their product.
    subject : sequence, shape (rows,)
    shrink : bool
        Draw the effects of the measures of a site to each other (empirical Bayes); takes two or more measures.

    Returns
    -------
    ndarray, shape (rows, measures)

    Raises
    ------
    ValueError
        If there is one site, a site has one visit, values are missing, or sites and covariates cannot be told apart.

    Notes
    -----
    For each measure, a mixed model with sites, covariates and an intercept of each subject is fitted. Values less its
    fixed effects (with sites at their mean) and the predicted intercepts of subjects, in units of the residual standard
    deviation, have the additive and multiplicative effects of sites, which are removed as ComBat does.

    References
    ----------
    Beer JC et al. NeuroImage 2020;220:117129. https://doi.org/10.1016/j.neuroimage.2020.117129
    """
    y = np.asarray(values, dtype=np.float64)
    label, who = labels("Site", site), labels("Subject", subject)
    columns = {name: numbers(name, column) for name, column in covariates.items()}
    if y.ndim != 2 or not np.isfinite(y).all():
        raise ValueError("Values: expected one complete row for each visit. Leave incomplete visits out first.")
    check_same_length({"Values": y, "Site": label, "Subject": who, **columns})
    if np.any(label == "") or np.any(who == ""):
        raise ValueError("Every visit needs a site and a subject. Leave the others out first.")
    sites, index, counts = np.unique(label, return_inverse=True, return_counts=True)
    if sites.size < 2:
        raise ValueError(f"Harmonization needs at least two sites, but all visits come from {sites[0]}.")
    if small := [str(name) for name, count in zip(sites, counts) if count < 2]:
        raise ValueError(f"Site(s) {', '.join(small)} have one visit, whose spread cannot be known. Leave them out.")
    if shrink and y.shape[1] < 2:
        raise ValueError("Shrinking needs at least two measures to draw to each other. Set shrink to False.")
    dummies = indicators("site", label, reference=str(sites[0]))
    kept, spread = np.empty_like(y), np.empty(y.shape[1])
    for i in range(y.shape[1]):
        kept[:, i], spread[i] = _kept(y[:, i], columns, dummies, who)
    standardized = (y - kept) / spread
    shift = np.stack([standardized[index == s].mean(axis=0) for s in range(sites.size)])
    scale = np.stack([standardized[index == s].var(axis=0, ddof=1) for s in range(sites.size)])
    if shrink:
        for s in range(sites.size):
            shift[s], scale[s] = shrink_effects(standardized[index == s], shift[s], scale[s])
    return (standardized - shift[index]) / np.sqrt(scale[index]) * spread + kept


def _kept(y: np.ndarray, columns, dummies, who: np.ndarray) -> tuple[np.ndarray, float]:
    """What of a measure is no effect of the site: fixed effects at the mean of sites, and intercepts of subjects."""
    fit = mixed_model(y, {**columns, **dummies}, who)
    beta = {name: one.estimate.value for name, one in fit.coefficients.items()}
    of_sites = sum(beta[name] * column for name, column in dummies.items())
    fixed = beta[INTERCEPT] + sum(beta[name] * column for name, column in columns.items()) + np.mean(of_sites)
    residuals = y - fixed - (of_sites - np.mean(of_sites))
    _, index, counts = np.unique(who, return_inverse=True, return_counts=True)
    ratio = (fit.random_sd["intercept"] / fit.residual_sd) ** 2
    means = np.bincount(index, residuals) / counts
    return fixed + (counts * ratio / (1 + counts * ratio) * means)[index], fit.residual_sd
