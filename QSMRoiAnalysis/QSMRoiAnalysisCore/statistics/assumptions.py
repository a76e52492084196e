"""Checks of what a test assumes: normal values or residuals, and equal variances."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import stats

from .result import Check

#: The table behind the p value of the Shapiro-Wilk test ends here.
_LARGEST_SHAPIRO = 5000


def normality(samples: Mapping[str, np.ndarray]) -> tuple[Check, ...]:
    """Shapiro-Wilk test of each sample that it can be made on: 3 to 5000 values that are not all the same."""
    return tuple(
        Check("normal distribution", "Shapiro-Wilk", name, *map(float, stats.shapiro(values)))
        for name, values in samples.items()
        if 3 <= values.size <= _LARGEST_SHAPIRO and np.ptp(values) > 0
    )


def equal_variances(samples: Mapping[str, np.ndarray]) -> tuple[Check, ...]:
    """Levene's test about the medians (Brown-Forsythe); none if the spread of every sample is the same by itself."""
    deviations = [np.abs(values - np.median(values)) for values in samples.values()]
    if all(np.ptp(deviation) == 0 for deviation in deviations):
        return ()  # the statistic would be 0/0
    outcome = stats.levene(*samples.values(), center="median")
    check = Check("equal variances", "Levene (median)", " and ".join(samples), *map(float, outcome))
    return (check,)
