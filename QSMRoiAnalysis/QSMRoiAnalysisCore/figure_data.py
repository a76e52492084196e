"""Figures as plain data: what is drawn, without how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Kinds of figures -> what their series hold.
FIGURES = {
    "violin": "one series for each group; y holds its values, x the position of the group",
    "scatter": "one series of points (x, y) for each group, and one with the fitted line, its limits in low and high",
    "norm": "one series of points (age, y) for each group, and one line: the norm, in low and high limits of subjects",
    "roc": "one series for each measure: x is 1 - specificity, y is sensitivity",
    "forest": "one series: y holds estimates, low and high their limits, labels what each of them is",
    "trajectory": "one series for each subject: x is time in years, y the value; group tells the group",
    "heat_map": "one series for each row: y holds coefficients, labels the columns",
    "bland_altman": "one series of points: x is the mean of two readings, y their difference; low and high the limits",
}


@dataclass(frozen=True, eq=False)
class Series:
    """Points that belong together.

    Attributes
    ----------
    name, group : str
        Its name in a legend, and the group of subjects that it belongs to.
    x, y : ndarray, shape (n,)
    low, high : ndarray, shape (n,) or (0,)
        Limits of y where it has them.
    labels : tuple of str
        One for each point, where points have names.
    line : bool
        Whether points are joined.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    low: np.ndarray
    high: np.ndarray
    labels: tuple[str, ...] = ()
    group: str = ""
    line: bool = False


@dataclass(frozen=True, eq=False)
class Figure:
    """One figure: its kind (`FIGURES`), the titles of figure and axes, and the series in it.

    `caption` is a sentence or two: what is shown, of whom, and the numbers that belong to it. `name` can be the name
    of a file.
    """

    kind: str
    name: str
    title: str
    x_title: str
    y_title: str
    caption: str
    series: tuple[Series, ...]


def series(
    name: str,
    x: Sequence[float] | np.ndarray,
    y: Sequence[float] | np.ndarray,
    *,
    low: Sequence[float] | np.ndarray = (),
    high: Sequence[float] | np.ndarray = (),
    labels: Sequence[str] = (),
    group: str = "",
    line: bool = False,
) -> Series:
    """A series from lists of numbers, which must be as long as each other."""
    arrays = [np.asarray(values, float) for values in (x, y, low, high)]
    if arrays[0].shape != arrays[1].shape or any(a.size not in (0, arrays[1].size) for a in arrays[2:]):
        raise ValueError(f"Series {name}: x, y and limits differ in length, {[a.size for a in arrays]}.")
    return Series(name, *arrays, labels=tuple(labels), group=group, line=line)
