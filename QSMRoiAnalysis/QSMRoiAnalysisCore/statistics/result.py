"""What every statistical result says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TWO_SIDED = "two-sided"
#: What a test may be directed at: a difference, the first being greater, or the first being less.
ALTERNATIVES = (TWO_SIDED, "greater", "less")


@dataclass(frozen=True)
class Estimate:
    """A quantity with its confidence interval; the limits are NaN where there is no interval for it."""

    value: float
    low: float
    high: float
    confidence: float
    method: str


@dataclass(frozen=True)
class Check:
    """One assumption that was tested, on whom, with what outcome; a small p speaks against the assumption."""

    assumption: str
    method: str
    of: str
    statistic: float
    p: float


@dataclass(frozen=True)
class Inference:
    """The outcome of a test.

    Parameters
    ----------
    method : str
        Name of the test.
    statistic : float
        The test statistic.
    statistic_name : str
        Its symbol, such as "t" or "F".
    df : tuple of float
        Degrees of freedom; empty for tests that have none.
    p : float
        The p value, not adjusted for other tests.
    alternative : {"two-sided", "greater", "less"}
        What the test was directed at.
    n : mapping of str to int
        Number of values used, by group or sample.
    estimates : mapping of str to Estimate
        Differences and effect sizes by name, with their confidence intervals.
    excluded : mapping of str to tuple of int
        Positions of the values left out as missing, by group or sample.
    checks : tuple of Check
        Assumptions that were checked.
    remarks : tuple of str
        What a reader should know before using the result.
    """

    method: str
    statistic: float
    statistic_name: str
    df: tuple[float, ...]
    p: float
    alternative: str
    n: Mapping[str, int]
    estimates: Mapping[str, Estimate]
    excluded: Mapping[str, tuple[int, ...]]
    checks: tuple[Check, ...] = ()
    remarks: tuple[str, ...] = field(default=())


def check_alternative(alternative: str) -> None:
    """Refuse a direction that no test knows."""
    if alternative not in ALTERNATIVES:
        raise ValueError(f"The alternative is {alternative!r}; choose one of {', '.join(ALTERNATIVES)}.")


def check_confidence(confidence: float) -> None:
    """Refuse a confidence level that is none, such as 95 instead of 0.95."""
    if not 0 < confidence < 1:
        raise ValueError(f"The confidence is {confidence}; give a fraction between 0 and 1, such as 0.95.")
