"""One subject beside the norm of the age: expected values, z scores, and figures of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from .figure_data import Figure, Series, series
from .maps import UNITS
from .measures import Measurement
from .norms import Controls, norm_of
from .statistics.gaussian_process import GaussianProcessNorm
from .statistics.normative import NormativeCurve, compare_case

DO_NOT_DIAGNOSE = "A z score tells how unusual a value is among these controls; it is no diagnosis."
_NAN = float("nan")
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class NormComparison:
    """The mean of one region beside the norm; numbers are NaN where they do not exist, and `remark` says why.

    Attributes
    ----------
    region, side : str
    age : float
        Of the subject, in years.
    mean, expected, low, high : float
        Of the subject, of controls of this age, and the limits of 95 % of single controls, in `unit`.
    z, p : float
        How many prediction standard deviations the subject lies from the norm, and the two-sided test of Crawford and
        Howell, not adjusted for other regions.
    n : int
        Controls.
    youngest, oldest : float
        Of the controls, in years.
    unit, reference, norm_reference : str
        What the means of the map and of the controls are relative to; empty if unknown.
    do_not_diagnose : {"yes"}
    remark : str
    """

    region: str
    side: str
    age: float
    mean: float
    expected: float
    low: float
    high: float
    z: float
    p: float
    n: int
    youngest: float
    oldest: float
    unit: str
    reference: str
    norm_reference: str
    do_not_diagnose: str
    remark: str


def beside_norms(
    rows: Sequence[Measurement], controls: Mapping[str, Controls], age: float
) -> tuple[tuple[NormComparison, ...], tuple[Figure, ...]]:
    """The regions of one map that have a norm, beside it.

    Parameters
    ----------
    rows : sequence of Measurement
        Of one map.
    controls : mapping of str to Controls
        Structure, alone or with its side ("SN left"), as `norms.read_controls` gives them.
    age : float
        Of the subject, in years.

    Returns
    -------
    comparisons : tuple of NormComparison
    figures : tuple of Figure
        The subject on the age curve, one for each comparison.

    Raises
    ------
    ValueError
        If the age is none, no region has a norm, or controls are too few for one.
    """
    if not (math.isfinite(age) and age >= 0):
        raise ValueError(f"The age must be a number of years, but got {age}.")
    found = []
    for row in rows:
        name = next((n for n in (f"{row.region} {row.side}".strip(), row.region) if n in controls), None)
        if name is not None and row.unit in UNITS and math.isfinite(row.mean):
            curve = norm_of(name, controls[name], "The controls")
            one = _comparison(row, controls[name], curve, age)
            found.append((one, _figure(one, controls[name], curve)))
    if not found:
        raise ValueError(
            f"No region of the table has a norm: controls are of {', '.join(list(controls)[:6])}, the table has "
            f"{', '.join(list(dict.fromkeys(row.region for row in rows))[:6])}. Give regions the same names."
        )
    return tuple(one for one, _ in found), tuple(figure for _, figure in found)


def norm_series(
    norm: NormativeCurve | GaussianProcessNorm, youngest: float, oldest: float, factor: float = 1.0
) -> Series:
    """The norm between two ages with the limits of 95 % of single subjects; `factor` changes the unit."""
    at = np.linspace(youngest, oldest, 60)
    tail = (1 + _CONFIDENCE) / 2
    quantile = stats.t.ppf(tail, norm.df) if isinstance(norm, NormativeCurve) else stats.norm.ppf(tail)
    middle, half = norm.mean(at) * factor, quantile * norm.prediction_sd(at) * factor
    return series("norm, 95 % prediction interval", at, middle, low=middle - half, high=middle + half, line=True)


def _comparison(row: Measurement, controls: Controls, curve: NormativeCurve, age: float) -> NormComparison:
    factor = UNITS[row.unit]
    interval = curve.prediction_interval(age, confidence=_CONFIDENCE)
    (youngest, oldest), z, p, remark = curve.ages, _NAN, _NAN, ""
    if row.reference and controls.reference and row.reference.casefold() != controls.reference.casefold():
        remark = f"The controls are relative to {controls.reference}: no z score follows."
    elif not youngest <= age <= oldest:
        remark = f"The age lies outside that of the controls ({youngest:g} to {oldest:g} years): no z score follows."
    elif curve.prediction_sd(age) == 0:
        remark = "The controls do not differ, so that no z score follows."
    else:
        test = compare_case(curve, age, row.mean / factor)
        z, p = test.statistic, test.p
        if not (row.reference and controls.reference):
            remark = "What the map or the controls are relative to is not known; the z score holds if it is the same."
    return NormComparison(
        row.region, row.side, age, row.mean, interval.value * factor, interval.low * factor, interval.high * factor,
        z, p, curve.n, youngest, oldest, row.unit, row.reference, controls.reference, "yes", remark,
    )  # fmt: skip


def _figure(one: NormComparison, controls: Controls, curve: NormativeCurve) -> Figure:
    factor, title = UNITS[one.unit], f"{one.region} {one.side}".strip()
    drawn = (
        series("controls", controls.ages, np.multiply(controls.means, factor)),
        series("this map", [one.age], [one.mean]),
        norm_series(curve, min(one.youngest, one.age), max(one.oldest, one.age), factor),
    )
    z = f"z = {one.z:.2f}, " if math.isfinite(one.z) else ""
    relative = f"relative to {one.norm_reference}" if one.norm_reference else "relative to what is not known"
    caption = (
        f"{z}{one.n} controls of {one.youngest:g} to {one.oldest:g} years, {relative}. {one.remark} {DO_NOT_DIAGNOSE}"
    )
    name = f"norm_{title.replace(' ', '_').lower()}"
    return Figure("norm", name, title, "Age (years)", f"Mean ({one.unit})", " ".join(caption.split()), drawn)
