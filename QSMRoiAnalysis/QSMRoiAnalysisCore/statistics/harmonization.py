"""Removal of the effects of sites or scanners on regional measures (ComBat)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .observations import check_same_length, labels, numbers

#: Relative change of the site effects below which their estimation has converged.
_CONVERGED = 1e-6
_MAX_ITERATIONS = 1000


@dataclass(frozen=True)
class SiteEffects:
    """What each site adds to and multiplies each measure with, learned from training subjects.

    Parameters
    ----------
    sites : tuple of str
    covariates : tuple of str
        What is preserved.
    reference : str
        Site whose values stay as they are; empty if all move to their grand mean.
    shrunk : bool
        Whether effects of the measures of a site were drawn to each other (empirical Bayes).
    shift, scale : ndarray, shape (sites, measures)
        Additive effect in standard deviations, and multiplicative effect on the variance.
    mean, sd : ndarray, shape (measures,)
        Grand mean, and spread about the fit.
    slopes : ndarray, shape (covariates, measures)
        Effects of covariates.
    n : mapping of str to int
        Training subjects of each site.
    """

    sites: tuple[str, ...]
    covariates: tuple[str, ...]
    reference: str
    shrunk: bool
    shift: np.ndarray
    scale: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    slopes: np.ndarray
    n: Mapping[str, int]


def learn_site_effects(
    values: ArrayLike,
    site: Sequence,
    covariates: Mapping[str, ArrayLike],
    *,
    shrink: bool = True,
    reference: str | None = None,
) -> SiteEffects:
    """Learn site effects from training subjects (ComBat).

    Parameters
    ----------
    values : array_like, shape (subjects, measures)
        One column for each region and measure. Impute nothing: leave out subjects that lack a value.
    site : sequence of str, shape (subjects,)
        Site or scanner of each subject.
    covariates : mapping of str to array_like of shape (subjects,)
        What the harmonized values must keep, such as age, sex and group (coded as numbers).
    shrink : bool
        Draw the effects of the measures of a site to each other (empirical Bayes), which steadies small sites. It needs
        at least two measures.
    reference : str, optional
        Site that others are moved to; by default all are moved to their common mean.

    Returns
    -------
    SiteEffects

    Raises
    ------
    ValueError
        If there is one site, a site has one subject, sites and covariates cannot be told apart (for example, all
        patients come from one site and all controls from another), a measure is constant, or a value is missing.

    References
    ----------
    Johnson WE et al. Biostatistics 2007;8:118-127. https://doi.org/10.1093/biostatistics/kxj037

    Fortin JP et al. NeuroImage 2018;167:104-120. https://doi.org/10.1016/j.neuroimage.2017.11.024
    """
    y = _table(values)
    label = labels("Site", site)
    columns = {name: numbers(name, column) for name, column in covariates.items()}
    check_same_length({"Values": y, "Site": label, **columns})
    if missing := [name for name, column in columns.items() if np.isnan(column).any()]:
        raise ValueError(f"Covariates have missing values: {', '.join(missing)}. Leave these subjects out first.")
    if np.any(label == ""):
        raise ValueError(f"{np.count_nonzero(label == '')} subject(s) have no site. Leave them out first.")
    sites, index = np.unique(label, return_inverse=True)
    counts = np.bincount(index)
    n = {str(name): int(count) for name, count in zip(sites, counts)}
    if sites.size < 2:
        raise ValueError(f"Harmonization needs at least two sites, but all subjects come from {sites[0]}.")
    if small := [name for name, count in n.items() if count < 2]:
        raise ValueError(f"Site(s) {', '.join(small)} have one subject, whose spread cannot be known. Leave them out.")
    if reference is not None and reference not in n:
        raise ValueError(f"The reference {reference!r} is no site; there are {', '.join(n)}.")
    if shrink and y.shape[1] < 2:
        raise ValueError("Shrinking needs at least two measures to draw to each other. Set shrink to False.")
    batch = np.eye(sites.size)[index]
    x = np.column_stack(list(columns.values())) if columns else np.empty((len(y), 0))
    _refuse_confounding(batch, columns)
    design = np.column_stack([batch, x])
    if len(y) <= design.shape[1]:
        raise ValueError(f"{len(y)} subjects cannot determine {design.shape[1]} effects of sites and covariates.")
    beta = np.linalg.lstsq(design, y, rcond=None)[0]
    residuals = y - design @ beta
    if reference is None:
        mean, variance = counts / len(y) @ beta[: sites.size], np.mean(residuals**2, axis=0)
    else:
        own = index == np.flatnonzero(sites == reference)[0]
        mean, variance = beta[: sites.size][sites == reference][0], np.mean(residuals[own] ** 2, axis=0)
    if np.any(variance <= 1e-20 * np.maximum(np.var(y, axis=0), np.finfo(float).tiny)):
        raise ValueError("A measure does not vary beyond sites and covariates, so it has no spread to harmonize.")
    sd = np.sqrt(variance)
    slopes = beta[sites.size :]
    standardized = (y - mean - x @ slopes) / sd
    shift = np.stack([standardized[index == s].mean(axis=0) for s in range(sites.size)])
    scale = np.stack([standardized[index == s].var(axis=0, ddof=1) for s in range(sites.size)])
    if np.any(scale == 0):
        raise ValueError("A measure does not vary within a site, so its spread there cannot be harmonized.")
    if shrink:
        for s in range(sites.size):
            shift[s], scale[s] = shrink_effects(standardized[index == s], shift[s], scale[s])
    if reference is not None:
        shift[sites == reference], scale[sites == reference] = 0.0, 1.0
    return SiteEffects(tuple(n), tuple(columns), reference or "", shrink, shift, scale, mean, sd, slopes, n)


def harmonize(
    effects: SiteEffects, values: ArrayLike, site: Sequence, covariates: Mapping[str, ArrayLike]
) -> np.ndarray:
    """Remove learned site effects, from the training subjects or from others of the same sites.

    Parameters
    ----------
    effects : SiteEffects
        Learned from training subjects alone, so that nothing of tested subjects leaks into them.
    values, site, covariates
        As in `learn_site_effects`.

    Returns
    -------
    ndarray, shape (subjects, measures)

    Raises
    ------
    ValueError
        If a site was not learned, or measures or covariates are not those that were.
    """
    y = _table(values)
    label = labels("Site", site)
    if unknown := sorted(set(map(str, label)) - set(effects.sites)):
        raise ValueError(f"No effects were learned for site(s) {', '.join(map(repr, unknown))}.")
    if tuple(covariates) != effects.covariates or y.shape[1] != effects.mean.size:
        raise ValueError(
            f"Effects were learned for {effects.mean.size} measures and the covariates {effects.covariates}, but got "
            f"{y.shape[1]} and {tuple(covariates)}."
        )
    columns = {name: numbers(name, column) for name, column in covariates.items()}
    check_same_length({"Values": y, "Site": label, **columns})
    x = np.column_stack(list(columns.values())) if columns else np.empty((len(y), 0))
    if not np.isfinite(x).all():
        raise ValueError("Covariates have missing values. Leave these subjects out first.")
    index = np.array([effects.sites.index(name) for name in label])
    kept = effects.mean + x @ effects.slopes
    standardized = (y - kept) / effects.sd
    return (standardized - effects.shift[index]) / np.sqrt(effects.scale[index]) * effects.sd + kept


def _refuse_confounding(batch: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:
    design = batch
    for name, column in columns.items():
        spread = np.ptp(column)
        scaled = (column - column.mean()) / spread if spread else np.zeros_like(column)
        wider = np.column_stack([design, scaled])
        if np.linalg.matrix_rank(wider, tol=1e-8 * np.sqrt(len(wider))) < wider.shape[1]:
            raise ValueError(
                f"{name} cannot be told apart from the sites (or from covariates before it), so that removing site "
                "effects would remove or invent its effect. Analyze the sites apart."
            )
        design = wider


def shrink_effects(standardized: np.ndarray, shift: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Posterior means of a site's effects under priors whose parameters come from all of its measures."""
    n = len(standardized)
    prior_mean, prior_variance = shift.mean(), shift.var(ddof=1)
    m, v = scale.mean(), scale.var(ddof=1)
    if prior_variance == 0 or v == 0:
        raise ValueError("All measures have the same site effects, so there is nothing to learn by shrinking.")
    shape, rate = (2 * v + m**2) / v, (m * v + m**3) / v  # of the inverse gamma distribution with these moments
    new_shift, new_scale = shift, scale
    for _ in range(_MAX_ITERATIONS):
        old_shift, old_scale = new_shift, new_scale
        new_shift = (n * prior_variance * shift + old_scale * prior_mean) / (n * prior_variance + old_scale)
        squares = np.sum((standardized - new_shift) ** 2, axis=0)
        new_scale = (0.5 * squares + rate) / (n / 2 + shape - 1)
        change = np.max(np.abs(new_shift - old_shift) / np.maximum(np.abs(old_shift), np.finfo(float).tiny))
        if max(change, np.max(np.abs(new_scale - old_scale) / old_scale)) < _CONVERGED:
            return new_shift, new_scale
    raise ValueError(f"Site effects did not converge in {_MAX_ITERATIONS} iterations. Set shrink to False.")


def _table(values: ArrayLike) -> np.ndarray:
    try:
        y = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError("Values must be numbers, with as many for each subject.") from None
    if y.ndim != 2:
        raise ValueError(f"Values: expected one row for each subject, but got the shape {y.shape}.")
    if bad := int(np.count_nonzero(~np.isfinite(y).all(axis=1))):
        raise ValueError(f"{bad} subject(s) lack a value. Leave them out first.")
    return y
