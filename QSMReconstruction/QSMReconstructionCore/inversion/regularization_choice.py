"""Which regularization to take: misfit and penalty over a range of it, with two ways to choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..grid import Grid
from ..methods import METHODS, Method, method
from ..numerics.gradient import differences_within, gradient
from ..progress import Progress, no_progress, part_of
from .padded_field import PaddedField

#: Padding of the field of a susceptibility map when its misfit is judged, in mm.
_MARGIN = 16.0


@dataclass(frozen=True)
class Tried:
    """One regularization and what came of it.

    Attributes
    ----------
    regularization : float
        In the method's unit.
    misfit : float
        Root mean square of W (D x - f), in units of the noise; differences in the mean field do not count.
    penalty : float
        Mean length of the gradient of x inside the mask, in ppm/mm.
    """

    regularization: float
    misfit: float
    penalty: float


@dataclass(frozen=True)
class RegularizationChoice:
    """What was tried, from weak to strong, and what two rules choose.

    Attributes
    ----------
    tried : tuple of Tried
    by_discrepancy : float or None
        Where the misfit reaches the noise, between the tried values by the straight line over their logarithms; None
        if it stays above or below.
    by_corner : float or None
        The tried value at the corner of the L-curve; None if the curve has no corner between its ends.
    """

    tried: tuple[Tried, ...]
    by_discrepancy: float | None
    by_corner: float | None


def choose_regularization(
    name: str,
    field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray,
    regularizations: Sequence[float],
    parameters: Mapping[str, Any] | None = None,
    magnitude: np.ndarray | None = None,
    discrepancy: float = 1.0,
    progress: Progress = no_progress,
) -> RegularizationChoice:
    """Invert with each of several regularizations, and choose one by discrepancy and one by the L-curve.

    Parameters
    ----------
    name : str
        Method of inversion from the local field, such as "weighted_tv".
    field : ndarray, float32, shape (k, j, i)
        Local field in ppm.
    mask : ndarray, bool, shape (k, j, i)
        Where susceptibility is sought.
    grid : Grid
        Geometry.
    weights : ndarray, float32, shape (k, j, i)
        Reciprocal of the noise sd of `field`, in 1/ppm: without the noise there is no discrepancy.
    regularizations : sequence of float
        At least three different values, best evenly spaced in their logarithm.
    parameters : mapping, optional
        Other parameters of the method.
    magnitude : ndarray, shape (k, j, i) or (echo, k, j, i), optional
        For methods that use it.
    discrepancy : float
        Misfit aimed at, in units of the noise.
    progress : callable
        See `progress`.

    Returns
    -------
    RegularizationChoice

    Raises
    ------
    ValueError
        If the method has no `regularization`, takes the total field, or there are fewer than three values, at once;
        or what the method itself refuses.

    Notes
    -----
    By discrepancy, the misfit is that of the noise: sqrt(mean W^2 (D x - f)^2) = 1. It is right where the noise map is;
    what the model does not explain raises the misfit, and then even weak regularization may stay above 1. The L-curve
    is log penalty over log misfit; its corner is where the circle through three neighbouring points is smallest and the
    curve turns from steep to flat.

    References
    ----------
    Hansen & O'Leary, SIAM J Sci Comput 1993, 10.1137/0914086
    """
    chosen = _checked_method(name)
    values = sorted({float(value) for value in regularizations})
    if len(values) < 3:
        raise ValueError(f"regularizations must hold at least 3 different values, but got {list(regularizations)}.")
    complete = [chosen.completed({**(parameters or {}), "regularization": value}) for value in values]
    judged = PaddedField.around(field, mask, grid, weights, margin=_MARGIN)
    tried = []
    for done, settings in enumerate(complete):
        report = part_of(
            progress, done / len(values), (done + 1) / len(values), f"regularization {settings['regularization']:.3g}"
        )
        given = {"weights": weights, "magnitude": magnitude, "progress": report}
        found = chosen.run(field, mask, grid, given=given, parameters=settings)
        tried.append(Tried(settings["regularization"], *_misfit_and_penalty(judged, found)))
    return RegularizationChoice(tuple(tried), _where_misfit_is(discrepancy, tried), _corner(tried))


def _checked_method(name: str) -> Method:
    chosen = method("inversion", name)
    if "regularization" not in chosen.parameters or chosen.works_on_total_field:
        usable = [m.name for m in METHODS["inversion"].values()
                  if "regularization" in m.parameters and not m.works_on_total_field]
        reason = "takes the total field" if chosen.works_on_total_field else "has no regularization"
        raise ValueError(f"{name} {reason}, so there is nothing to choose. Methods to choose for: {', '.join(usable)}.")
    return chosen


def _misfit_and_penalty(judged: PaddedField, susceptibility: np.ndarray) -> tuple[float, float]:
    x = np.zeros(judged.shape, dtype=np.float32)
    x[judged.inside] = susceptibility[judged.box]
    difference = judged.convolved(x) - judged.data
    known = judged.precision > 0
    precision, difference = judged.precision[known].astype(np.float64), difference[known].astype(np.float64)
    difference -= np.average(difference, weights=precision)
    slope = gradient(x, judged.grid.spacing) * differences_within(judged.region)
    length = np.sqrt(np.sum(slope[:, judged.region].astype(np.float64) ** 2, axis=0))
    return float(np.sqrt(np.mean(precision * difference**2))), float(length.mean())


def _where_misfit_is(wanted: float, tried: Sequence[Tried]) -> float | None:
    for weaker, stronger in zip(tried, tried[1:]):
        if weaker.misfit <= wanted < stronger.misfit:
            share = np.log(wanted / weaker.misfit) / np.log(stronger.misfit / weaker.misfit)
            return float(weaker.regularization * (stronger.regularization / weaker.regularization) ** share)
    return None


def _corner(tried: Sequence[Tried]) -> float | None:
    """The inner point of largest curvature, of those where the curve turns to the left on its way down."""
    points = np.log([(max(t.misfit, 1e-12), max(t.penalty, 1e-12)) for t in tried])
    best, corner = 0.0, None
    for before, here, after, value in zip(points, points[1:], points[2:], tried[1:]):
        first, second = here - before, after - here
        turn = first[0] * second[1] - first[1] * second[0]
        sides = np.linalg.norm(first) * np.linalg.norm(second) * np.linalg.norm(after - before)
        curvature = 2 * turn / sides if sides > 0 else 0.0
        if curvature > best:
            best, corner = curvature, value.regularization
    return corner
