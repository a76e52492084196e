"""First-order features: the values of a region without their places."""

from __future__ import annotations

import numpy as np
from scipy import stats


def first_order(values: np.ndarray, levels: np.ndarray) -> dict[tuple[str, str], float]:
    """Intensity statistics, and entropy and uniformity of the histogram of gray levels.

    Parameters
    ----------
    values : ndarray, shape (n,)
        At least one.
    levels : ndarray, int, shape (n,)
        Their gray levels.

    Returns
    -------
    dict of (str, str) to float
        (Name, IBSI code) -> value. Moments of the shape are NaN where all values are the same, ratios where their
        denominator is 0.
    """
    mean, median = float(values.mean()), float(np.median(values))
    p10, p25, p75, p90 = np.percentile(values, (10, 25, 75, 90))
    varied = np.ptp(values) > 0
    central = values[(values >= p10) & (values <= p90)]
    part = np.bincount(levels)[1:] / levels.size
    part = part[part > 0]
    nan = float("nan")
    return {
        ("mean", "Q4LE"): mean,
        ("variance", "ECT3"): float(values.var()),
        ("skewness", "KE2A"): float(stats.skew(values)) if varied else nan,
        ("kurtosis", "IPH6"): float(stats.kurtosis(values)) if varied else nan,
        ("median", "Y12H"): median,
        ("minimum", "1GSF"): float(values.min()),
        ("p10", "QG58"): float(p10),
        ("p90", "8DWT"): float(p90),
        ("maximum", "84IY"): float(values.max()),
        ("interquartile range", "SALO"): float(p75 - p25),
        ("range", "2OJQ"): float(np.ptp(values)),
        ("mean absolute deviation", "4FUA"): float(np.mean(np.abs(values - mean))),
        ("robust mean absolute deviation", "1128"): float(np.mean(np.abs(central - central.mean()))),
        ("median absolute deviation", "N72L"): float(np.mean(np.abs(values - median))),
        ("coefficient of variation", "7TET"): float(values.std() / mean) if mean else nan,
        ("quartile coefficient of dispersion", "9S40"): float((p75 - p25) / (p75 + p25)) if p75 + p25 else nan,
        ("energy", "N8CA"): float(np.sum(values**2)),
        ("root mean square", "5ZWQ"): float(np.sqrt(np.mean(values**2))),
        ("histogram entropy", "TLU2"): float(-np.sum(part * np.log2(part))),
        ("histogram uniformity", "BJ5W"): float(np.sum(part**2)),
    }
