"""Effect sizes of differences between means."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from .result import Estimate
from .roc import delong_covariance


def pooled_sd(sd1: float, n1: int, sd2: float, n2: int) -> float:
    """Standard deviation within two groups."""
    return math.sqrt(((n1 - 1) * sd1**2 + (n2 - 1) * sd2**2) / (n1 + n2 - 2))


def cohen_d(mean1: float, sd1: float, n1: int, mean2: float, sd2: float, n2: int) -> float:
    """Difference of two means in units of the standard deviation within the groups."""
    pooled = pooled_sd(sd1, n1, sd2, n2)
    if pooled == 0:
        raise ValueError("Neither group varies, so a difference has no size relative to their spread.")
    return (mean1 - mean2) / pooled


def hedges_g(d: float, n1: int, n2: int) -> tuple[float, float]:
    """Cohen's d corrected for its bias in small samples, and its variance.

    Parameters
    ----------
    d : float
        Cohen's d.
    n1, n2 : int
        Number of subjects in each group.

    Returns
    -------
    g, variance : float

    Notes
    -----
    g = d (1 - 3 / (4 df - 1)) with df = n1 + n2 - 2, and the large-sample variance (n1 + n2) / (n1 n2) +
    g^2 / (2 (n1 + n2)).

    References
    ----------
    Hedges LV. J Educ Stat 1981;6:107-128. https://doi.org/10.3102/10769986006002107
    """
    g = d * (1 - 3 / (4 * (n1 + n2 - 2) - 1))
    return g, (n1 + n2) / (n1 * n2) + g**2 / (2 * (n1 + n2))


def sd_from_standard_error(standard_error: float, n: int) -> float:
    """Standard deviation behind a standard error of the mean, which some tables print instead."""
    if standard_error < 0 or n < 2:
        raise ValueError(f"Expected a standard error >= 0 of at least 2 values, but got {standard_error} of {n}.")
    return standard_error * math.sqrt(n)


def standardized_differences(first: np.ndarray, second: np.ndarray, confidence: float) -> dict[str, Estimate]:
    """Cohen's d and Hedges' g of two samples, with large-sample confidence intervals."""
    n1, n2 = first.size, second.size
    d = cohen_d(first.mean(), first.std(ddof=1), n1, second.mean(), second.std(ddof=1), n2)
    g, variance = hedges_g(d, n1, n2)
    half = stats.norm.ppf((1 + confidence) / 2) * math.sqrt(variance)
    bias = 1 - 3 / (4 * (n1 + n2 - 2) - 1)
    how = "large-sample variance of Hedges' g"
    return {
        "Cohen d": Estimate(float(d), float(d - half / bias), float(d + half / bias), confidence, how),
        "Hedges g": Estimate(float(g), float(g - half), float(g + half), confidence, how),
    }


def probability_of_superiority(first: np.ndarray, second: np.ndarray, confidence: float) -> Estimate:
    """Probability that a value of the first sample exceeds one of the second, ties counting half (area under the ROC).

    The interval is DeLong's, clipped to [0, 1]; a sample of one value has none.
    """
    area = float(np.mean(np.sign(first[:, None] - second[None]) / 2 + 0.5))
    if min(first.size, second.size) < 2:
        return Estimate(area, np.nan, np.nan, confidence, "no interval")
    half = stats.norm.ppf((1 + confidence) / 2) * math.sqrt(delong_covariance(first[None], second[None])[0, 0])
    low, high = (float(np.clip(area + sign * half, 0, 1)) for sign in (-1, 1))
    return Estimate(area, low, high, confidence, "DeLong, clipped to its range")


def rank_biserial(first: np.ndarray, second: np.ndarray, confidence: float) -> Estimate:
    """Rank-biserial correlation 2 A - 1 of two samples, where A is their probability of superiority."""
    area = probability_of_superiority(first, second, confidence)
    method = f"rank-biserial correlation, {area.method}"
    return Estimate(2 * area.value - 1, 2 * area.low - 1, 2 * area.high - 1, confidence, method)
