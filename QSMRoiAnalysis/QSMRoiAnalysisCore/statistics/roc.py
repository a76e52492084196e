"""Areas under receiver operating characteristic (ROC) curves, and their comparison (DeLong)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from scipy.special import expit, logit

from .observations import check_same_length, complete_rows, labels, numbers, positions, present_in_groups
from .result import TWO_SIDED, Estimate, Inference, check_confidence


class CurvePoints(NamedTuple):
    """Points of a ROC curve, as in `RocCurve`."""

    thresholds: np.ndarray
    sensitivity: np.ndarray
    specificity: np.ndarray


@dataclass(frozen=True)
class RocCurve:
    """A ROC curve: one point for each threshold, from "no one is positive" to "everyone is".

    Parameters
    ----------
    area : Estimate
        Area under the curve with DeLong's interval.
    variance : float
        DeLong's variance of the area.
    thresholds : ndarray, shape (k,)
        Midway between neighboring values; infinite at both ends. Positive is what lies beyond a threshold.
    sensitivity, specificity : ndarray, shape (k,)
        Of each threshold.
    higher_is_positive : bool
        Whether cases have the higher values.
    n : mapping of str to int
        Number of cases and of controls.
    excluded : mapping of str to tuple of int
        Positions of missing values among cases and among controls.
    """

    area: Estimate
    variance: float
    thresholds: np.ndarray
    sensitivity: np.ndarray
    specificity: np.ndarray
    higher_is_positive: bool
    n: Mapping[str, int]
    excluded: Mapping[str, tuple[int, ...]]


def roc_curve(
    cases: ArrayLike,
    controls: ArrayLike,
    *,
    higher_is_positive: bool = True,
    interval: str = "normal",
    confidence: float = 0.95,
) -> RocCurve:
    """The ROC curve of a measure, and the area under it.

    Parameters
    ----------
    cases, controls : array_like
        Values of those who have the condition, and of those who do not.
    higher_is_positive : bool
        Whether high values speak for the condition. It is declared, not chosen by the data, because choosing the
        better direction makes every area at least one half.
    interval : {"normal", "logit"}
        Scale on which DeLong's interval is symmetric. On the logit scale it stays between 0 and 1, and has no limits
        where cases and controls separate.
    confidence : float
        Level of the interval.

    Returns
    -------
    RocCurve

    Raises
    ------
    ValueError
        If cases or controls number fewer than two, nothing varies, or values are not numbers.

    References
    ----------
    DeLong ER et al. Biometrics 1988;44:837-845. https://doi.org/10.2307/2531595
    """
    check_confidence(confidence)
    if interval not in ("normal", "logit"):
        raise ValueError(f"The interval is {interval!r}; choose normal or logit.")
    groups = {"cases": cases, "controls": controls}
    present, excluded = present_in_groups(groups, least=2, test="A ROC curve", count=2)
    sign = 1 if higher_is_positive else -1
    positive, negative = sign * present["cases"], sign * present["controls"]
    points = curve_points(present["cases"], present["controls"], higher_is_positive)
    area = float(_areas(positive[None], negative[None])[0])
    variance = float(delong_covariance(positive[None], negative[None])[0, 0])
    return RocCurve(
        area=_area_estimate(area, variance, confidence, interval),
        variance=variance,
        thresholds=points.thresholds,
        sensitivity=points.sensitivity,
        specificity=points.specificity,
        higher_is_positive=higher_is_positive,
        n={"cases": positive.size, "controls": negative.size},
        excluded=excluded,
    )


def curve_points(cases: np.ndarray, controls: np.ndarray, higher_is_positive: bool) -> CurvePoints:
    """The points of a curve alone, for complete values that are not all the same."""
    sign = 1 if higher_is_positive else -1
    positive, negative = np.sort(sign * cases), np.sort(sign * controls)
    values = np.unique(np.concatenate([positive, negative]))
    thresholds = np.concatenate([[np.inf], (values[:-1] + values[1:])[::-1] / 2, [-np.inf]])
    return CurvePoints(
        thresholds=sign * thresholds,
        sensitivity=1 - np.searchsorted(positive, thresholds, side="right") / positive.size,
        specificity=np.searchsorted(negative, thresholds, side="right") / negative.size,
    )


def average_precision(cases: ArrayLike, controls: ArrayLike, *, higher_is_positive: bool = True) -> float:
    """Area under the precision-recall curve: what part of those called positive are cases, averaged over all cases.

    Where few have the condition, it tells more than the area under the ROC curve. A measure that tells nothing has the
    part of cases among all.

    Parameters
    ----------
    cases, controls, higher_is_positive
        As for `roc_curve`.

    Notes
    -----
    The sum of precision times the gain of sensitivity over all thresholds, without interpolation between them.

    References
    ----------
    Davis J, Goadrich M. Proc ICML 2006:233-240. https://doi.org/10.1145/1143844.1143874
    """
    present, _ = present_in_groups({"cases": cases, "controls": controls}, least=2, test="Precision", count=2)
    points = curve_points(present["cases"], present["controls"], higher_is_positive)
    true = points.sensitivity * present["cases"].size
    positive = true + (1 - points.specificity) * present["controls"].size
    return float(np.sum(np.diff(points.sensitivity) * true[1:] / positive[1:]))


def compare_paired_areas(
    condition: Sequence[int] | ArrayLike, first: ArrayLike, second: ArrayLike, *, confidence: float = 0.95
) -> Inference:
    """Compare the areas of two measures of the same subjects (DeLong).

    Parameters
    ----------
    condition : array_like, shape (n,)
        1 for cases and 0 for controls.
    first, second : array_like, shape (n,)
        The measures; high values speak for the condition. Subjects that lack either are left out.
    confidence : float
        Level of the interval of the difference.

    Returns
    -------
    Inference
        Two-sided, with the estimates "first area", "second area" and "difference of areas" (first minus second).

    Raises
    ------
    ValueError
        If the condition is not 0 or 1, cases or controls number fewer than two, or the measures rank everyone alike.
    """
    check_confidence(confidence)
    rows, excluded = complete_rows({"Condition": condition, "First": first, "Second": second})
    if not np.isin(rows["Condition"], (0, 1)).all():
        raise ValueError(f"Condition: expected 1 for cases and 0 for controls, but got {np.unique(rows['Condition'])}.")
    measures = np.stack([rows["First"], rows["Second"]])
    case = rows["Condition"] == 1
    positive, negative = measures[:, case], measures[:, ~case]
    n = {"cases": positive.shape[1], "controls": negative.shape[1]}
    if min(n.values()) < 2:
        raise ValueError(f"Comparing areas needs at least 2 cases and 2 controls, but got {n}.")
    areas, covariance = _areas(positive, negative), delong_covariance(positive, negative)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    # Measures that order all pairs alike leave rounding errors of the variances they share.
    if variance <= 1e-12 * (covariance[0, 0] + covariance[1, 1]):
        raise ValueError("First and Second rank cases and controls alike, so their areas have no difference to test.")
    method = "DeLong test of paired areas"
    return _compared(areas, np.diag(covariance), variance, method, n, {"rows": excluded}, confidence)


def compare_unpaired_areas(first: RocCurve, second: RocCurve) -> Inference:
    """Compare the areas of two ROC curves of different subjects (DeLong); otherwise like `compare_paired_areas`."""
    variances = np.array([first.variance, second.variance])
    if not variances.sum() > 0:
        raise ValueError("Both curves separate cases and controls without error, so their areas have no spread.")
    n = {f"{which} {name}": count for which, curve in _named(first, second) for name, count in curve.n.items()}
    excluded = {f"{which} {name}": at for which, curve in _named(first, second) for name, at in curve.excluded.items()}
    areas = np.array([first.area.value, second.area.value])
    confidence = first.area.confidence
    return _compared(areas, variances, variances.sum(), "DeLong test of unpaired areas", n, excluded, confidence)


def cases_and_controls(
    values: ArrayLike, group: Sequence, case: str | Sequence[str], control: str | Sequence[str]
) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Values of the groups that count as cases and as controls, and the positions of the rows in neither."""
    column, label = numbers("Values", values), labels("Group", group)
    check_same_length({"Values": column, "Group": label})
    wanted = [np.atleast_1d(np.asarray(names, dtype=str)) for names in (case, control)]
    if missing := [name for names in wanted for name in names if name not in label]:
        raise ValueError(f"No row has the group(s) {', '.join(missing)}; there are {', '.join(np.unique(label))}.")
    is_case, is_control = (np.isin(label, names) for names in wanted)
    if np.any(is_case & is_control):
        both = ", ".join(np.unique(label[is_case & is_control]))
        raise ValueError(f"A group cannot be both case and control, as {both} here.")
    return column[is_case], column[is_control], positions(~is_case & ~is_control)


def delong_covariance(cases: np.ndarray, controls: np.ndarray) -> np.ndarray:
    """Covariance of the areas of several measures of the same subjects.

    Parameters
    ----------
    cases : ndarray, shape (k, m)
    controls : ndarray, shape (k, n)
        k measures of m cases and n controls.

    Returns
    -------
    ndarray, shape (k, k)

    Notes
    -----
    Each case and control has a placement value, the fraction of the other side that it is ordered right against. It
    follows from ranks among all and ranks within the own side, so that no pair is visited.

    References
    ----------
    Sun X, Xu W. IEEE Signal Process Lett 2014;21:1389-1393. https://doi.org/10.1109/LSP.2014.2337313
    """
    of_cases, of_controls = _placements(cases, controls)
    m, n = cases.shape[1], controls.shape[1]
    return np.atleast_2d(np.cov(of_cases)) / m + np.atleast_2d(np.cov(of_controls)) / n


def _placements(cases: np.ndarray, controls: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    m, n = cases.shape[1], controls.shape[1]
    ranks = stats.rankdata(np.concatenate([cases, controls], axis=1), axis=1)
    of_cases = (ranks[:, :m] - stats.rankdata(cases, axis=1)) / n
    of_controls = 1 - (ranks[:, m:] - stats.rankdata(controls, axis=1)) / m
    return of_cases, of_controls


def _areas(cases: np.ndarray, controls: np.ndarray) -> np.ndarray:
    return _placements(cases, controls)[0].mean(axis=1)


def _area_estimate(area: float, variance: float, confidence: float, interval: str = "normal") -> Estimate:
    half = stats.norm.ppf((1 + confidence) / 2) * np.sqrt(variance)
    if interval == "normal":
        low, high = (float(np.clip(area + sign * half, 0, 1)) for sign in (-1, 1))
        return Estimate(float(area), low, high, confidence, "DeLong, clipped to [0, 1]")
    if not 0 < area < 1:
        return Estimate(float(area), np.nan, np.nan, confidence, "DeLong, no interval on the logit scale")
    half = half / (area * (1 - area))
    low, high = (float(expit(logit(area) + sign * half)) for sign in (-1, 1))
    return Estimate(float(area), low, high, confidence, "DeLong, logit scale")


def _compared(areas, variances, variance, method, n, excluded, confidence) -> Inference:
    difference = float(areas[0] - areas[1])
    z = difference / np.sqrt(variance)
    half = stats.norm.ppf((1 + confidence) / 2) * np.sqrt(variance)
    return Inference(
        method=method,
        statistic=float(z),
        statistic_name="z",
        df=(),
        p=float(2 * stats.norm.sf(abs(z))),
        alternative=TWO_SIDED,
        n=n,
        estimates={
            "first area": _area_estimate(areas[0], variances[0], confidence),
            "second area": _area_estimate(areas[1], variances[1], confidence),
            "difference of areas": Estimate(
                difference, float(difference - half), float(difference + half), confidence, "DeLong"
            ),
        },
        excluded=excluded,
    )


def _named(first: RocCurve, second: RocCurve) -> tuple[tuple[str, RocCurve], ...]:
    return ("first", first), ("second", second)
