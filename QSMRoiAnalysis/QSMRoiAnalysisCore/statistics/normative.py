"""Normative curves over age, and where a subject lies in relation to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from scipy.optimize import curve_fit, minimize_scalar

from .assumptions import normality
from .observations import check_varies, complete_rows, numbers
from .result import TWO_SIDED, Check, Estimate, Inference, check_confidence

#: Shapes of a curve over age, in years.
SHAPES = {
    "linear": "a + b age",
    "quadratic": "a + b age + c age^2",
    "saturating": "a (1 - exp(-b age)) + c",
    "rise and fall": "a age exp(-b age) + c",
}

#: Rate at which the search for a saturating curve starts, per year: iron of the putamen accumulates at 0.04.
_TYPICAL_RATE = 0.04

#: Fewer subjects tell too little about how a spread changes.
_FEWEST_FOR_SPREAD = 20

#: Between the youngest and the oldest, a spread changes by at most the exponential of this (a factor of 20).
_LARGEST_LOG_RATIO = 3.0

#: Turns of curve and spread; the change of the spread settles to four digits within three.
_ROUNDS = 8


@dataclass(frozen=True)
class NormativeCurve:
    """What is normal at each age.

    Parameters
    ----------
    shape : str
        One of `SHAPES`.
    coefficients : ndarray
        a, b and c of the shape.
    covariance : ndarray
        Of the coefficients.
    residual_sd : float
        Spread about the curve at the mean age.
    spread_growth : float
        Change of the logarithm of the spread per year; 0 where one spread holds for all ages.
    mean_age : float
    df : int
        Degrees of freedom of that spread.
    ages : tuple of float
        Youngest and oldest of the norm; beyond them, a curve is extrapolated.
    aicc : float
        Akaike's criterion with its correction for small samples, to compare shapes on the same subjects.
    n : int
        Subjects of the norm.
    excluded : tuple of int
        Positions of subjects without age or value.
    checks : tuple of Check
        Normality of the residuals in units of the spread, and whether their size changes with age (Spearman); if it
        does, the fitted spread does not follow it.
    """

    shape: str
    coefficients: np.ndarray
    covariance: np.ndarray
    residual_sd: float
    spread_growth: float
    mean_age: float
    df: int
    ages: tuple[float, float]
    aicc: float
    n: int
    excluded: tuple[int, ...]
    checks: tuple[Check, ...]

    def mean(self, age: ArrayLike) -> np.ndarray:
        """The curve at given ages."""
        return _value(self.shape, np.asarray(age, float), *self.coefficients)

    def spread(self, age: ArrayLike) -> np.ndarray:
        """Standard deviation of healthy subjects of given ages about the curve."""
        return self.residual_sd * np.exp(self.spread_growth * (np.asarray(age, float) - self.mean_age))

    def prediction_sd(self, age: ArrayLike) -> np.ndarray:
        """Spread of a new subject about the curve: that of the norm and the uncertainty of the curve together."""
        slopes = _gradient(self.shape, np.asarray(age, float), self.coefficients)
        return np.sqrt(self.spread(age) ** 2 + np.einsum("...i,ij,...j->...", slopes, self.covariance, slopes))

    def prediction_interval(self, age: float, *, confidence: float = 0.95) -> Estimate:
        """Where a new healthy subject of this age is expected.

        Voxels above its upper limit make up the high-iron subregion (RII) of a subject of this age.
        """
        check_confidence(confidence)
        half = stats.t.ppf((1 + confidence) / 2, self.df) * self.prediction_sd(age)
        center = float(self.mean(age))
        return Estimate(center, float(center - half), float(center + half), confidence, "prediction, t distribution")


def fit_normative_curve(
    age: ArrayLike, values: ArrayLike, *, shape: str = "linear", growing_spread: bool = False
) -> NormativeCurve:
    """Fit what is normal at each age from healthy subjects.

    Parameters
    ----------
    age : array_like, shape (n,)
        In years.
    values : array_like, shape (n,)
        One measure of each healthy subject.
    shape : {"linear", "quadratic", "saturating", "rise and fall"}
        Shape of the curve. The last one, of the form of a Poisson or gamma density, is that of white matter over the
        whole of life.
    growing_spread : bool
        Let the logarithm of the spread change linearly with age, as spreads of iron-rich regions grow. Curve and spread
        are then found in turn, by weighted least squares and by maximum likelihood. It takes at least 20 subjects.

    Returns
    -------
    NormativeCurve

    Raises
    ------
    ValueError
        If the shape is unknown, subjects are too few or of one age, a value is not a number, or no saturating curve
        fits.

    References
    ----------
    Li W et al. Hum Brain Mapp 2014;35:2698-2713. https://doi.org/10.1002/hbm.22360
    """
    if shape not in SHAPES:
        raise ValueError(f"The shape is {shape!r}; choose one of {', '.join(SHAPES)}.")
    rows, excluded = complete_rows({"Age": age, "Values": values})
    t, y = rows["Age"], rows["Values"]
    parameters = 2 if shape == "linear" else 3
    if t.size < parameters + 2 or np.unique(t).size < parameters:
        raise ValueError(
            f"A {shape} curve needs at least {parameters + 2} subjects of {parameters} ages, but got {t.size} of "
            f"{np.unique(t).size}."
        )
    check_varies("Values", y)
    if growing_spread and t.size < _FEWEST_FOR_SPREAD:
        raise ValueError(f"A spread that changes with age needs {_FEWEST_FOR_SPREAD} subjects, but got {t.size}.")
    df = t.size - parameters
    relative, growth = np.ones_like(t), 0.0
    coefficients = _fitted(shape, t, y, relative)
    if growing_spread:
        for _ in range(_ROUNDS):
            growth = _spread_growth(t, y - _value(shape, t, *coefficients))
            relative = np.exp(growth * (t - t.mean()))
            coefficients = _fitted(shape, t, y, relative)
    residuals = (y - _value(shape, t, *coefficients)) / relative
    design = _gradient(shape, t, coefficients) / relative[:, None]
    rss = float(residuals @ residuals)
    variance = rss / df
    exact = rss <= 1e-20 * float(np.sum((y - y.mean()) ** 2))
    k = parameters + 1 + growing_spread  # the parameters of the spread count, too
    aicc = np.nan
    if t.size > k + 1 and not exact:
        likelihood = t.size * np.log(rss / t.size) + 2 * np.sum(np.log(relative))
        aicc = likelihood + 2 * k + 2 * k * (k + 1) / (t.size - k - 1)
    return NormativeCurve(
        shape=shape,
        coefficients=coefficients,
        covariance=np.linalg.pinv(design.T @ design) * variance,
        residual_sd=float(np.sqrt(variance)),
        spread_growth=growth,
        mean_age=float(t.mean()),
        df=df,
        ages=(float(t.min()), float(t.max())),
        aicc=float(aicc),
        n=t.size,
        excluded=excluded,
        checks=() if exact else normality({"residuals": residuals}) + _growing_spread(t, residuals),
    )


def z_scores(curve: NormativeCurve, age: ArrayLike, values: ArrayLike) -> np.ndarray:
    """How many prediction standard deviations subjects lie from the norm of their age; NaN for missing values.

    Raises
    ------
    ValueError
        If a subject is younger or older than all of the norm; the message says who.
    """
    t, y = numbers("Age", age), numbers("Values", values)
    low, high = curve.ages
    outside = np.flatnonzero((t < low) | (t > high))
    if outside.size:
        raise ValueError(
            f"{outside.size} subject(s) are outside the ages of the norm ({low:g} to {high:g} years), the first of "
            f"{t[outside[0]]:g} at position {outside[0]}. Leave them out or extend the norm."
        )
    return (y - curve.mean(t)) / curve.prediction_sd(t)


def compare_case(curve: NormativeCurve, age: float, value: float) -> Inference:
    """Test whether one subject belongs to the norm of this age (Crawford and Howell, with age held fixed).

    References
    ----------
    Crawford JR, Howell DC. Clin Neuropsychol 1998;12:482-486. https://doi.org/10.1076/clin.12.4.482.7241

    Crawford JR, Garthwaite PH. Neuropsychology 2006;20:259-271. https://doi.org/10.1037/0894-4105.20.3.259
    """
    z = float(z_scores(curve, [age], [value])[0])
    if not np.isfinite(z):
        raise ValueError(f"A case needs an age and a value, but got {age} and {value}.")
    return Inference(
        method=f"one case against a {curve.shape} normative curve (Crawford-Howell)",
        statistic=z,
        statistic_name="t",
        df=(float(curve.df),),
        p=float(2 * stats.t.sf(abs(z), curve.df)),
        alternative=TWO_SIDED,
        n={"norm": curve.n, "case": 1},
        estimates={"prediction": curve.prediction_interval(age)},
        excluded={"norm": curve.excluded},
        checks=curve.checks,
    )


def best_shape(age: ArrayLike, values: ArrayLike) -> Mapping[str, NormativeCurve]:
    """All curves that can be fitted to the norm by shape, the one of the least AICc first."""
    found = {}
    for shape in SHAPES:
        try:
            found[shape] = fit_normative_curve(age, values, shape=shape)
        except NoCurveError:
            continue
    return dict(sorted(found.items(), key=lambda item: np.nan_to_num(item[1].aicc, nan=np.inf)))


class NoCurveError(ValueError):
    """No curve of the shape fits these values."""


def _value(shape: str, t: np.ndarray, a: float, b: float, c: float = 0.0) -> np.ndarray:
    if shape == "saturating":
        return a * (1 - np.exp(-b * t)) + c
    if shape == "rise and fall":
        return a * t * np.exp(-b * t) + c
    return a + b * t + c * t**2


def _gradient(shape: str, t: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Derivatives of the curve by its coefficients, in the last axis."""
    if shape == "saturating":
        a, b, _ = coefficients
        decay = np.exp(-b * t)
        return np.stack([1 - decay, a * t * decay, np.ones_like(t)], axis=-1)
    if shape == "rise and fall":
        a, b, _ = coefficients
        decay = np.exp(-b * t)
        return np.stack([t * decay, -a * t**2 * decay, np.ones_like(t)], axis=-1)
    return np.stack([t**power for power in range(len(coefficients))], axis=-1)


def _fitted(shape: str, t: np.ndarray, y: np.ndarray, spread: np.ndarray) -> np.ndarray:
    if shape in ("linear", "quadratic"):
        return np.polynomial.polynomial.polyfit(t, y, 1 if shape == "linear" else 2, w=1 / spread)
    start = (np.ptp(y), _TYPICAL_RATE, y.min())
    if shape == "rise and fall":  # it begins at c, and rises or falls first by how its middle lies to its youngest
        sign = 1 if y[np.argsort(t)[t.size // 2]] >= y[np.argmin(t)] else -1
        start = (sign * np.ptp(y) * _TYPICAL_RATE * np.e, _TYPICAL_RATE, y[np.argmin(t)])
    try:
        return curve_fit(lambda age, *c: _value(shape, age, *c), t, y, p0=start, sigma=spread, maxfev=5000)[0]
    except RuntimeError:
        raise NoCurveError(f"No {shape} curve fits these values; choose the linear or quadratic shape.") from None


def _spread_growth(t: np.ndarray, residuals: np.ndarray) -> float:
    """Most likely change of the logarithm of the spread per year."""
    centered = t - t.mean()

    def criterion(growth: float) -> float:  # the common factor of the spread is profiled out, and centered adds to zero
        return float(np.log(np.mean(residuals**2 * np.exp(-2 * growth * centered))))

    largest = _LARGEST_LOG_RATIO / np.ptp(t)
    return float(minimize_scalar(criterion, bounds=(-largest, largest), method="bounded", options={"xatol": 1e-9}).x)


def _growing_spread(t: np.ndarray, residuals: np.ndarray) -> tuple[Check, ...]:
    outcome = stats.spearmanr(t, np.abs(residuals))
    return (Check("equal spread at all ages", "Spearman", "age and |residual|", *map(float, outcome)),)
