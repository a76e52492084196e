"""How many subjects a study needs, and what it can find with those it has."""

from __future__ import annotations

import numpy as np
from scipy import stats

from .result import TWO_SIDED

#: Directions of a planned test; both ends of the second are the same by symmetry.
_ALTERNATIVES = (TWO_SIDED, "one-sided")


def power_of_t_test(effect: float, n1: int, n2: int, *, level: float = 0.05, alternative: str = TWO_SIDED) -> float:
    """Probability that Student's t test of two groups finds a difference of this size.

    Parameters
    ----------
    effect : float
        Difference of means by the standard deviation within groups (Cohen's d).
    n1, n2 : int
        Subjects in each group.
    level : float
        Level of the test.
    alternative : {"two-sided", "one-sided"}

    Notes
    -----
    t follows the noncentral t distribution with noncentrality d sqrt(n1 n2 / (n1 + n2)).
    """
    _check(level, alternative)
    if min(n1, n2) < 2:
        raise ValueError(f"Each group needs at least 2 subjects, but got {n1} and {n2}.")
    df, shift = n1 + n2 - 2, abs(effect) * np.sqrt(n1 * n2 / (n1 + n2))
    return _power(df, shift, level, alternative)


def subjects_per_group(
    effect: float,
    *,
    power: float = 0.8,
    level: float = 0.05,
    alternative: str = TWO_SIDED,
    ratio: float = 1.0,
) -> tuple[int, int]:
    """Least numbers of subjects in two groups with which Student's t test reaches a power.

    Parameters
    ----------
    effect : float
        Cohen's d, not zero.
    power : float
        Probability of finding it.
    level, alternative
        As in `power_of_t_test`.
    ratio : float
        Size of the second group by that of the first.
    """
    _check(level, alternative)
    if effect == 0 or not level < power < 1 or not ratio > 0:
        raise ValueError(
            f"Expected an effect other than 0, a power between the level and 1, and a ratio above 0; got {effect}, "
            f"{power} and {ratio}."
        )

    def sizes(n: int) -> tuple[int, int]:
        return n, max(2, int(np.ceil(ratio * n)))

    n = _least(lambda n: power_of_t_test(effect, *sizes(n), level=level, alternative=alternative) >= power)
    return sizes(n)


def subjects_for_slopes(
    difference: float,
    times: np.ndarray,
    *,
    slope_sd: float,
    residual_sd: float,
    power: float = 0.8,
    level: float = 0.05,
) -> int:
    """Subjects in each of two groups to find a difference of mean slopes in a mixed model, two-sided.

    Parameters
    ----------
    difference : float
        Difference of the mean slopes of the groups.
    times : array_like, shape (k,)
        When every subject is measured.
    slope_sd : float
        Spread of slopes between subjects of a group.
    residual_sd : float
        Spread of measurements about a subject's line.

    Notes
    -----
    With complete, equal times, the mixed model compares slopes fitted to each subject, of variance slope_sd^2 +
    residual_sd^2 / sum (t - mean t)^2.

    References
    ----------
    Diggle PJ et al. Analysis of Longitudinal Data, 2nd ed. Oxford 2002. ISBN 978-0-19-852484-7
    """
    t = np.asarray(times, float)
    if t.size < 2 or np.ptp(t) == 0:
        raise ValueError("Slopes need at least two different times.")
    if min(slope_sd, residual_sd) < 0 or slope_sd + residual_sd == 0:
        raise ValueError(f"Spreads are 0 or more, and not both 0, but got {slope_sd} and {residual_sd}.")
    sd = np.sqrt(slope_sd**2 + residual_sd**2 / np.sum((t - t.mean()) ** 2))
    return subjects_per_group(difference / sd, power=power, level=level)[0]


def subjects_for_correlation(r: float, *, power: float = 0.8, level: float = 0.05) -> int:
    """Subjects with which a correlation of this size is found, two-sided, on Fisher's z scale."""
    _check(level, TWO_SIDED)
    if not 0 < abs(r) < 1 or not level < power < 1:
        raise ValueError(
            f"Expected a correlation other than 0 and 1, and a power above the level; got {r} and {power}."
        )
    needed = stats.norm.ppf(1 - level / 2) + stats.norm.ppf(power)
    return int(np.ceil((needed / np.arctanh(abs(r))) ** 2 + 3))


def _power(df: int, shift: float, level: float, alternative: str) -> float:
    if alternative == TWO_SIDED:
        critical = stats.t.ppf(1 - level / 2, df)
        return float(stats.nct.sf(critical, df, shift) + stats.nct.cdf(-critical, df, shift))
    return float(stats.nct.sf(stats.t.ppf(1 - level, df), df, shift))


def _least(enough) -> int:
    """The least whole number from 2 on that is enough, where every larger one is."""
    high = 2
    while not enough(high):
        high *= 2
        if high > 10**7:
            raise ValueError("More than ten million subjects would be needed; the effect is too small to be found.")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _check(level: float, alternative: str) -> None:
    if not 0 < level < 1:
        raise ValueError(f"The level is {level}; give a fraction between 0 and 1, such as 0.05.")
    if alternative not in _ALTERNATIVES:
        raise ValueError(f"The alternative is {alternative!r}; choose one of {', '.join(_ALTERNATIVES)}.")
