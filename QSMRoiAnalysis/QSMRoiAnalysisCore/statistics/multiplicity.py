"""Control of errors over a declared family of tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

#: Methods, and what each of them controls.
METHODS = {
    "bonferroni": "family-wise error rate",
    "holm": "family-wise error rate",
    "benjamini-hochberg": "false discovery rate of independent or positively dependent tests",
    "benjamini-yekutieli": "false discovery rate under any dependence",
}


@dataclass(frozen=True)
class Family:
    """Tests that are judged together.

    Parameters
    ----------
    name : str
        What makes them a family, such as "mean susceptibility of 8 nuclei, patients against controls".
    method, controls : str
        How p values are adjusted, and the error rate that this controls.
    level : float
        The error rate that is allowed.
    p, adjusted : mapping of str to float
        p value of each test before and after.
    rejected : tuple of str
        Tests whose adjusted p value is at most the level.
    """

    name: str
    method: str
    controls: str
    level: float
    p: Mapping[str, float]
    adjusted: Mapping[str, float]
    rejected: tuple[str, ...]

    @property
    def size(self) -> int:
        """Number of tests in the family."""
        return len(self.p)


def adjust(p: Mapping[str, float], *, family: str, method: str = "holm", level: float = 0.05) -> Family:
    """Adjust the p values of a family of tests.

    Parameters
    ----------
    p : mapping of str to float
        p value of every test of the family by its name, also of those that found nothing.
    family : str
        What makes the tests a family. It must be said, because an adjustment means nothing without it.
    method : {"bonferroni", "holm", "benjamini-hochberg", "benjamini-yekutieli"}
        The adjustment.
    level : float
        Allowed error rate.

    Returns
    -------
    Family

    Raises
    ------
    ValueError
        If the family has no name or no test, a p value is missing or outside [0, 1], or the method is unknown.

    References
    ----------
    Holm S. Scand J Stat 1979;6:65-70. https://www.jstor.org/stable/4615733

    Benjamini Y, Hochberg Y. J R Stat Soc B 1995;57:289-300. https://doi.org/10.1111/j.2517-6161.1995.tb02031.x

    Benjamini Y, Yekutieli D. Ann Stat 2001;29:1165-1188. https://doi.org/10.1214/aos/1013699998
    """
    if not family.strip():
        raise ValueError("The family has no name: say which tests are judged together.")
    if method not in METHODS:
        raise ValueError(f"The method is {method!r}; choose one of {', '.join(METHODS)}.")
    if not 0 < level < 1:
        raise ValueError(f"The level is {level}; give a fraction between 0 and 1, such as 0.05.")
    if not p:
        raise ValueError("The family has no test.")
    wrong = [f"{name} ({value})" for name, value in p.items() if not 0 <= value <= 1]
    if wrong:
        raise ValueError(f"p values lie between 0 and 1, but not those of {', '.join(wrong)}. Leave out failed tests.")
    adjusted = dict(zip(p, map(float, _adjusted(np.array(list(p.values()), float), method))))
    rejected = tuple(name for name, value in adjusted.items() if value <= level)
    return Family(family, method, METHODS[method], level, dict(p), adjusted, rejected)


def _adjusted(p: np.ndarray, method: str) -> np.ndarray:
    if method == "bonferroni":
        return np.minimum(p * p.size, 1)
    if method == "holm":
        order = np.argsort(p)
        stepped = np.maximum.accumulate(p[order] * (p.size - np.arange(p.size)))
        adjusted = np.empty(p.size)
        adjusted[order] = np.minimum(stepped, 1)
        return adjusted
    return stats.false_discovery_control(p, method="bh" if method == "benjamini-hochberg" else "by")
