"""Change over time: annual rates of each subject, their mean, and polynomials of time for growth curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .group_comparison import paired_t
from .observations import check_same_length, labels, numbers, positions
from .result import TWO_SIDED, Estimate, Inference


@dataclass(frozen=True)
class AnnualChange:
    """Change between two visits.

    Parameters
    ----------
    rates : ndarray, shape (n,)
        Change per year of each subject used.
    mean_change, mean_rate : float
        Mean change between the visits, and mean change per year.
    percent_per_year : float
        Mean rate by the absolute mean at baseline, in percent; it means little for a measure whose zero is arbitrary.
    test : Inference
        Paired t test of the change; its "standardized mean difference" is the standardized response mean.
    excluded : tuple of int
        Positions of subjects that lack a value or an interval.
    """

    rates: np.ndarray
    mean_change: float
    mean_rate: float
    percent_per_year: float
    test: Inference
    excluded: tuple[int, ...]


@dataclass(frozen=True)
class SubjectSlopes:
    """Slope of each subject over all visits.

    Parameters
    ----------
    slopes : mapping of str to float
        Change per year by subject.
    visits : mapping of str to int
        Visits used of each subject.
    excluded : tuple of int
        Positions of rows that lack a value, a time, or a subject.
    too_few : tuple of str
        Subjects without visits at two different times, who have no slope.
    """

    slopes: Mapping[str, float]
    visits: Mapping[str, int]
    excluded: tuple[int, ...]
    too_few: tuple[str, ...]


def annual_change(
    baseline: ArrayLike,
    follow_up: ArrayLike,
    years: ArrayLike | float,
    *,
    alternative: str = TWO_SIDED,
    confidence: float = 0.95,
) -> AnnualChange:
    """Change between two visits of the same subjects, per year.

    Parameters
    ----------
    baseline, follow_up : array_like, shape (n,)
        Values of each subject at both visits.
    years : float or array_like of shape (n,)
        Time between the visits, from the dates of acquisition.
    alternative : {"two-sided", "greater", "less"}
        Whether a change, a rise, or a fall is tested for.
    confidence : float
        Level of the intervals.

    Raises
    ------
    ValueError
        If an interval is not positive, fewer than two subjects are complete, or all changed alike.
    """
    before, after = numbers("Baseline", baseline), numbers("Follow-up", follow_up)
    interval = np.full(before.size, float(years)) if np.ndim(years) == 0 else numbers("Years", years)
    check_same_length({"Baseline": before, "Follow-up": after, "Years": interval})
    if np.any(interval <= 0):
        raise ValueError(f"Years between visits must be positive, but {np.count_nonzero(interval <= 0)} are not.")
    kept = np.isfinite(before) & np.isfinite(after) & np.isfinite(interval)
    test = paired_t(after[kept], before[kept], alternative=alternative, confidence=confidence)
    change = after[kept] - before[kept]
    rates = change / interval[kept]
    level = abs(float(before[kept].mean()))
    mean_rate = float(rates.mean())
    percent = 100 * mean_rate / level if level else np.nan
    return AnnualChange(rates, float(change.mean()), mean_rate, percent, test, positions(~kept))


def subject_slopes(values: ArrayLike, years: ArrayLike, subject: Sequence) -> SubjectSlopes:
    """Slope of a least-squares line through the visits of each subject.

    Parameters
    ----------
    values, years : array_like, shape (n,)
        Measured value and time of each visit.
    subject : sequence, shape (n,)
        Whose visit it is.
    """
    y, t, who = numbers("Values", values), numbers("Years", years), labels("Subject", subject)
    check_same_length({"Values": y, "Years": t, "Subject": who})
    kept = np.isfinite(y) & np.isfinite(t) & (who != "")
    slopes, visits, too_few = {}, {}, []
    for name in dict.fromkeys(map(str, who[who != ""])):
        own = kept & (who == name)
        if np.unique(t[own]).size < 2:
            too_few.append(name)
            continue
        centered = t[own] - t[own].mean()
        slopes[name] = float(centered @ y[own] / (centered @ centered))
        visits[name] = int(np.count_nonzero(own))
    if not slopes:
        raise ValueError("No subject has values at two different times, so that nothing changes.")
    return SubjectSlopes(slopes, visits, positions(~kept), tuple(too_few))


def reliable_change(baseline: float, follow_up: float, within_sd: float, *, confidence: float = 0.95) -> Estimate:
    """Change of one subject with the interval that measurement error alone would give it.

    Parameters
    ----------
    baseline, follow_up : float
        The two values.
    within_sd : float
        Standard deviation of repeated measurements of a subject, as `reliability.repeatability` finds it.
    confidence : float
        Level of the interval; a change whose interval excludes zero is larger than error.
    """
    if not within_sd > 0:
        raise ValueError(f"The standard deviation within subjects must be positive, but is {within_sd}.")
    change = float(follow_up - baseline)
    half = float(stats.norm.ppf((1 + confidence) / 2)) * np.sqrt(2) * within_sd
    return Estimate(change, change - half, change + half, confidence, "measurement error")


def time_polynomials(years: ArrayLike, *, degree: int, name: str = "time") -> dict[str, np.ndarray]:
    """Orthonormal polynomials of time, to be fixed effects of a growth curve in a mixed model.

    Parameters
    ----------
    years : array_like, shape (n,)
        Times of all rows.
    degree : int
        1 for a line, 2 with a quadratic, 3 with a cubic part.
    name : str
        Beginning of the names of the columns.

    Returns
    -------
    dict of str to ndarray
        Columns "time 1", "time 2", ... of unit length, each orthogonal to a constant and to those before it. Fits are
        the same as with powers of time, but coefficients do not depend on the powers that follow.
    """
    t = numbers("Years", years)
    present = np.isfinite(t)
    if not 1 <= degree < np.unique(t[present]).size:
        raise ValueError(
            f"A degree of {degree} needs more than that many different times, but there are "
            f"{np.unique(t[present]).size}."
        )
    center = t[present].mean()
    powers = np.vander(t[present] - center, degree + 1, increasing=True)
    orthogonal, triangle = np.linalg.qr(powers)
    orthogonal = orthogonal * np.sign(np.diag(triangle))  # so that columns rise at late times
    columns = {}
    for i in range(1, degree + 1):
        column = np.full(t.size, np.nan)
        column[present] = orthogonal[:, i]
        columns[f"{name} {i}"] = column
    return columns
