"""A verdict: one thing that was looked at, what was found, and what it means."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GOOD, CAUTION, BAD, NOT_ASSESSED = "good", "caution", "bad", "not assessed"
#: Best first.
LEVELS = (GOOD, CAUTION, BAD, NOT_ASSESSED)


@dataclass(frozen=True)
class Verdict:
    """One thing that was looked at in a scan or in a reconstruction.

    Attributes
    ----------
    name : str
        Identifies it in files, such as "phase_sign".
    title : str
        What was looked at, in words.
    level : str
        One of `LEVELS`.
    explanation : str
        What was found and what it means, in plain sentences; why nothing was, if it was not assessed.
    action : str
        What was done about it, or what the user can do; empty if nothing is needed.
    value : float, optional
        What was measured.
    unit : str
        Of the value and its limits.
    caution, bad : float, optional
        From these values on, the level is that. Larger values are worse, unless `bad` is below `caution`.
    """

    name: str
    title: str
    level: str
    explanation: str
    action: str = ""
    value: float | None = None
    unit: str = ""
    caution: float | None = None
    bad: float | None = None

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"level must be one of {', '.join(LEVELS)}, but got {self.level!r}.")

    @property
    def sentence(self) -> str:
        """The verdict as one line of text."""
        return f"{self.title}: {self.explanation} {self.action}".rstrip()

    def as_dict(self) -> dict[str, Any]:
        """The verdict as plain data for JSON; what it does not have is left out."""
        entries = {
            "Name": self.name, "Title": self.title, "Level": self.level, "Value": self.value, "Unit": self.unit,
            "CautionLimit": self.caution, "BadLimit": self.bad, "Explanation": self.explanation,
            "Action": self.action,
        }  # fmt: skip
        return {key: value for key, value in entries.items() if value not in (None, "")}

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Verdict:
        """The verdict that `as_dict` has written."""
        return cls(
            entry["Name"], entry["Title"], entry["Level"], entry["Explanation"], entry.get("Action", ""),
            entry.get("Value"), entry.get("Unit", ""), entry.get("CautionLimit"), entry.get("BadLimit"),
        )  # fmt: skip


def level_of(value: float, caution: float, bad: float) -> str:
    """The level of a value by its limits, as `Verdict` defines them."""
    sign = -1 if bad < caution else 1
    if sign * value >= sign * bad:
        return BAD
    return CAUTION if sign * value >= sign * caution else GOOD


@dataclass(frozen=True)
class Question:
    """What is looked at, and the answers there can be; `judged` picks one by the value that was measured.

    Attributes
    ----------
    name, title, unit
        As in `Verdict`.
    good, fault : str
        Explanation when all is well, and when it is not. `{value}` stands for the value with its unit.
    action : str
        What to do when all is not well.
    caution, bad : float
        As in `Verdict`; infinite where a level cannot be reached.
    decimals : int
        Of the value, in words.
    """

    name: str
    title: str
    good: str
    fault: str
    action: str
    caution: float
    bad: float
    unit: str = ""
    decimals: int = 2

    def judged(self, measured: float | str) -> Verdict:
        """The verdict on a measured value, or that there is none for the reason given instead of a value."""
        if isinstance(measured, str):
            return self.not_assessed(measured)
        value = float(measured)
        if not math.isfinite(value):
            return self.not_assessed("It cannot be measured in these data.")
        level = level_of(value, self.caution, self.bad)
        words = f"{value:.{self.decimals}f}{'' if self.unit in ('', '%') else ' '}{self.unit}"
        limits = (limit if math.isfinite(limit) else None for limit in (self.caution, self.bad))
        return Verdict(
            self.name, self.title, level,
            (self.good if level == GOOD else self.fault).format(value=words),
            "" if level == GOOD else self.action,
            value, self.unit, *limits,
        )

    def not_assessed(self, reason: str) -> Verdict:
        """The verdict that there is none, and why."""
        return Verdict(self.name, self.title, NOT_ASSESSED, reason)
