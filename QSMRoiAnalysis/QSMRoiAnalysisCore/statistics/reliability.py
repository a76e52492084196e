"""Reliability of repeated readings: intraclass correlation and repeatability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .observations import positions
from .result import Estimate, check_confidence


@dataclass(frozen=True)
class IntraclassCorrelations:
    """The intraclass correlations of Shrout and Fleiss.

    Parameters
    ----------
    single : mapping of str to Estimate
        Of one reading: "ICC(1,1)" for readers that differ between subjects, "ICC(2,1)" for absolute agreement of
        readers who stand for others, "ICC(3,1)" for consistency of just these readers.
    average : mapping of str to Estimate
        The same for the mean of all readings: "ICC(1,k)" and so on.
    subjects, readings : int
    excluded : tuple of int
        Positions of subjects that lack a reading.
    """

    single: Mapping[str, Estimate]
    average: Mapping[str, Estimate]
    subjects: int
    readings: int
    excluded: tuple[int, ...]


@dataclass(frozen=True)
class Repeatability:
    """Spread of repeated readings of the same subjects.

    Parameters
    ----------
    within_sd : float
        Standard deviation of the readings of a subject.
    coefficient : Estimate
        Repeatability coefficient: 95 % of differences between two readings are smaller (1.96 sqrt(2) within_sd), with
        the chi-square interval.
    coefficient_of_variation : float
        within_sd by the absolute mean of all readings; it means little for a measure whose zero is arbitrary.
    subjects, readings, df : int
    excluded : tuple of int
        Positions of subjects that lack a reading.
    """

    within_sd: float
    coefficient: Estimate
    coefficient_of_variation: float
    subjects: int
    readings: int
    df: int
    excluded: tuple[int, ...]


def intraclass_correlations(readings: ArrayLike, *, confidence: float = 0.95) -> IntraclassCorrelations:
    """Intraclass correlations of readings of the same subjects.

    Parameters
    ----------
    readings : array_like, shape (subjects, readings)
        One row for each subject; rows that lack a reading are left out.
    confidence : float
        Level of the intervals.

    Returns
    -------
    IntraclassCorrelations

    Raises
    ------
    ValueError
        If fewer than two subjects or readings are complete, or subjects do not differ.

    References
    ----------
    Shrout PE, Fleiss JL. Psychol Bull 1979;86:420-428. https://doi.org/10.1037/0033-2909.86.2.420

    McGraw KO, Wong SP. Psychol Methods 1996;1:30-46. https://doi.org/10.1037/1082-989X.1.1.30
    """
    check_confidence(confidence)
    x, excluded = complete_table(readings)
    n, k = x.shape
    total = np.sum((x - x.mean()) ** 2)
    rows = k * np.sum((x.mean(axis=1) - x.mean()) ** 2)
    columns = n * np.sum((x.mean(axis=0) - x.mean()) ** 2)
    between, readers = rows / (n - 1), columns / (k - 1)
    within = (total - rows) / (n * (k - 1))
    error = max(total - rows - columns, 0.0) / ((n - 1) * (k - 1))
    if within <= 1e-20 * total:
        raise ValueError("All readings of each subject are the same, so that every intraclass correlation is 1.")
    # F ratios and their limits; those of ICC(2) follow McGraw and Wong's approximation.
    tail = (1 + confidence) / 2
    one = _ratio_limits(between / within, n - 1, n * (k - 1), tail)
    three = _ratio_limits(between / error, n - 1, (n - 1) * (k - 1), tail) if error > 0 else (np.inf,) * 3
    agreement = (between - error) / (between + (k - 1) * error + k * (readers - error) / n)
    two = _agreement_limits(agreement, between, readers, error, n, k, tail)

    def single(f):
        return float((f - 1) / (f + k - 1)) if np.isfinite(f) else 1.0

    def average(icc):
        return icc * k / (1 + (k - 1) * icc)

    limits = {"1": tuple(map(single, one)), "2": two, "3": tuple(map(single, three))}
    return IntraclassCorrelations(
        single={f"ICC({form},1)": Estimate(*found, confidence, "F") for form, found in limits.items()},
        average={f"ICC({form},k)": Estimate(*map(average, found), confidence, "F") for form, found in limits.items()},
        subjects=n,
        readings=k,
        excluded=excluded,
    )


def repeatability(readings: ArrayLike, *, confidence: float = 0.95) -> Repeatability:
    """Spread of repeated readings.

    Parameters
    ----------
    readings : array_like, shape (subjects, readings)
        One row for each subject; rows that lack a reading are left out.
    confidence : float
        Level of the interval.

    References
    ----------
    Bland JM, Altman DG. Stat Methods Med Res 1999;8:135-160. https://doi.org/10.1177/096228029900800204
    """
    check_confidence(confidence)
    x, excluded = complete_table(readings)
    n, k = x.shape
    df = n * (k - 1)
    sd = float(np.sqrt(np.sum((x - x.mean(axis=1, keepdims=True)) ** 2) / df))
    low, high = (sd * np.sqrt(df / stats.chi2.ppf(tail, df)) for tail in ((1 + confidence) / 2, (1 - confidence) / 2))
    coefficient = Estimate(*(repeatability_coefficient(value) for value in (sd, low, high)), confidence, "chi-square")
    mean = abs(float(x.mean()))
    return Repeatability(sd, coefficient, sd / mean if mean else np.nan, n, k, df, excluded)


def repeatability_coefficient(within_sd: float) -> float:
    """What 95 % of differences between two readings stay below, from the standard deviation within subjects."""
    if not within_sd >= 0:
        raise ValueError(f"A standard deviation is 0 or more, but got {within_sd}.")
    return float(1.96 * np.sqrt(2) * within_sd)


def complete_table(readings: ArrayLike) -> tuple[np.ndarray, tuple[int, ...]]:
    """Rows of a table of readings that are complete, and the positions of the others."""
    try:
        x = np.asarray(readings, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError("Readings must be numbers, with as many for each subject.") from None
    if x.ndim != 2:
        raise ValueError(f"Readings: expected one row for each subject, but got the shape {x.shape}.")
    kept = np.isfinite(x).all(axis=1)
    if np.isinf(x).any():
        raise ValueError(f"{np.count_nonzero(np.isinf(x))} reading(s) are infinite. Correct or mark them as missing.")
    if np.count_nonzero(kept) < 2 or x.shape[1] < 2:
        raise ValueError(
            f"Expected at least 2 subjects with 2 readings, but got {np.count_nonzero(kept)} complete subject(s) of "
            f"{x.shape[1]} reading(s)."
        )
    if np.ptp(x[kept]) == 0:
        raise ValueError(f"All readings are {x[kept][0, 0]:g}, so that nothing can be told about them.")
    return x[kept], positions(~kept)


def _ratio_limits(f: float, df1: int, df2: int, tail: float) -> tuple[float, float, float]:
    return f, f / stats.f.ppf(tail, df1, df2), f * stats.f.ppf(tail, df2, df1)


def _agreement_limits(icc, between, readers, error, n, k, tail) -> tuple[float, float, float]:
    # A correlation of one leaves no freedom to approximate.
    if error == 0 and readers == 0:
        return float(icc), np.nan, np.nan
    a = k * icc / (n * (1 - icc))
    b = 1 + k * icc * (n - 1) / (n * (1 - icc))
    df = (a * readers + b * error) ** 2 / ((a * readers) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1)))
    up, down = stats.f.ppf(tail, n - 1, df), stats.f.ppf(tail, df, n - 1)
    rest = k * readers + (k * n - k - n) * error
    low = n * (between - up * error) / (up * rest + n * between)
    high = n * (down * between - error) / (rest + n * down * between)
    return float(icc), float(low), float(high)
