"""Norms over age without a given shape: Gaussian process regression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

from .assumptions import normality
from .observations import check_varies, complete_rows
from .result import Check

#: Fewer subjects tell too little about a shape.
_FEWEST = 15

#: Length scales are sought between these, in standard deviations of age.
_LENGTHS = (0.3, 10.0)


@dataclass(frozen=True)
class GaussianProcessNorm:
    """What is normal at each age; `normative.z_scores` takes it as it takes a curve.

    Parameters
    ----------
    length : float
        Years over which the curve bends.
    curve_sd, line_sd, residual_sd : float
        Prior spread of the bends and of the line (per standard deviation of age), and spread of subjects about it.
    log_likelihood : float
        Marginal, at these.
    ages : tuple of float
        Youngest and oldest of the norm.
    n : int
    excluded : tuple of int
        Positions of subjects without age or value.
    checks : tuple of Check
        Normality of the residuals.
    """

    length: float
    curve_sd: float
    line_sd: float
    residual_sd: float
    log_likelihood: float
    ages: tuple[float, float]
    n: int
    excluded: tuple[int, ...]
    checks: tuple[Check, ...]
    _age: np.ndarray
    _center: tuple[float, float]
    _level: float
    _factor: np.ndarray
    _weights: np.ndarray

    def left_out_z(self) -> np.ndarray:
        """z score of each subject of the norm by the norm of all others, spreads and length held; shape (n,)."""
        inverse = cho_solve((self._factor, True), np.eye(self.n))
        return self._weights / np.sqrt(np.diag(inverse))

    def mean(self, age: ArrayLike) -> np.ndarray:
        """The curve at given ages."""
        return self._level + self._cross(age) @ self._weights

    def prediction_sd(self, age: ArrayLike) -> np.ndarray:
        """Spread of a new subject about the curve."""
        t = self._scaled(age)
        cross = solve_triangular(self._factor, self._cross(age).T, lower=True)
        prior = self.curve_sd**2 + self.line_sd**2 * (1 + t**2)
        return np.sqrt(np.maximum(prior - np.sum(cross**2, axis=0), 0) + self.residual_sd**2)

    def _scaled(self, age: ArrayLike) -> np.ndarray:
        mean, sd = self._center
        return (np.atleast_1d(np.asarray(age, float)) - mean) / sd

    def _cross(self, age: ArrayLike) -> np.ndarray:
        return _kernel(self._scaled(age), self._age, self.curve_sd, self.length / self._center[1], self.line_sd)


def fit_gaussian_process(age: ArrayLike, values: ArrayLike) -> GaussianProcessNorm:
    """Fit what is normal at each age, without a given shape.

    Parameters
    ----------
    age, values : array_like, shape (n,)
        Of healthy subjects; at least 15.

    Returns
    -------
    GaussianProcessNorm

    Raises
    ------
    ValueError
        If subjects are too few or of one age, or values are not numbers.

    Notes
    -----
    The prior covariance of the curve is a squared exponential plus that of a line, s^2 exp(-d^2 / 2 l^2) + a^2 (1 +
    t t'), so that without data it goes on as a line. Its parameters and the spread of subjects maximize the marginal
    likelihood.

    References
    ----------
    Rasmussen CE, Williams CKI. Gaussian Processes for Machine Learning. MIT Press 2006.
    https://doi.org/10.7551/mitpress/3206.001.0001
    """
    rows, excluded = complete_rows({"Age": age, "Values": values})
    t, y = rows["Age"], rows["Values"]
    if t.size < _FEWEST or np.unique(t).size < 4:
        raise ValueError(
            f"A norm without a given shape needs {_FEWEST} subjects of 4 ages, but got {t.size} of {np.unique(t).size}."
        )
    check_varies("Values", y)
    center, level, scale = (float(t.mean()), float(t.std())), float(y.mean()), float(y.std())
    scaled, target = (t - center[0]) / center[1], (y - level) / scale

    def cost(logs: np.ndarray) -> tuple[float, np.ndarray]:
        """Negative marginal likelihood and its gradient, by the logarithms of spreads and length."""
        curve, length, line, noise = np.exp(logs)
        smooth = _kernel(scaled, scaled, curve, length, 0.0)
        linear = line**2 * (1 + np.outer(scaled, scaled))
        factor = cho_factor(smooth + linear + noise**2 * np.eye(t.size), lower=True)
        weights = cho_solve(factor, target)
        inverse = cho_solve(factor, np.eye(t.size))
        distance = (scaled[:, None] - scaled[None]) ** 2 / length**2
        slopes = (2 * smooth, smooth * distance, 2 * linear, 2 * noise**2 * np.eye(t.size))
        outer = np.outer(weights, weights) - inverse
        value = 0.5 * target @ weights + np.sum(np.log(np.diag(factor[0]))) + 0.5 * t.size * np.log(2 * np.pi)
        return float(value), np.array([-0.5 * np.sum(outer * slope) for slope in slopes])

    bounds = [(-5, 2), tuple(np.log(_LENGTHS)), (-5, 2), (-6, 1)]
    starts = [np.log([0.5, length, 0.5, 0.7]) for length in (1.0, 3.0)]
    found = [minimize(cost, start, jac=True, bounds=bounds, method="L-BFGS-B") for start in starts]
    best = min(found, key=lambda one: one.fun)
    curve, length, line, noise = np.exp(best.x)
    factor = np.linalg.cholesky(_kernel(scaled, scaled, curve, length, line) + noise**2 * np.eye(t.size))
    weights = cho_solve((factor, True), target)
    residuals = target - _kernel(scaled, scaled, curve, length, line) @ weights
    return GaussianProcessNorm(
        length=float(length * center[1]),
        curve_sd=float(curve * scale),
        line_sd=float(line * scale),
        residual_sd=float(noise * scale),
        log_likelihood=float(-best.fun - t.size * np.log(scale)),
        ages=(float(t.min()), float(t.max())),
        n=t.size,
        excluded=excluded,
        checks=normality({"residuals": residuals}),
        _age=scaled,
        _center=center,
        _level=level,
        _factor=factor * scale,
        _weights=weights / scale,
    )


def _kernel(first: np.ndarray, second: np.ndarray, curve: float, length: float, line: float) -> np.ndarray:
    distance = (first[:, None] - second[None]) / length
    return curve**2 * np.exp(-0.5 * distance**2) + line**2 * (1 + np.outer(first, second))
