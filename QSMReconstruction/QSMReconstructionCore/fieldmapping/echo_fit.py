"""Straight line through the phase of the echoes of each voxel, weighted by the squared magnitude.

    phi(TE) = phi0 + omega TE,   variance of each phase = sigma^2 / M(TE)^2

Voxels are packed into one-dimensional arrays and worked on in batches, so that all echoes of a batch fit the cache.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..acquisition import Acquisition
from ..numerics.romeo_weights import wrapped
from ..progress import Progress, no_progress
from .phase_noise import largest_misfit, noise_floor_factor

#: Voxels fitted at once.
_BATCH = 1 << 16

#: Squared magnitude, relative to the mean, that voxels without signal are given: they come out as pure noise.
_NO_SIGNAL = np.float32(1e-10)

#: Power of the echo time with which phase departs from a straight line. Where a voxel holds a skewed distribution of
#: fields, the argument of its signal has no quadratic term: the first departure is cubic.
_DEPARTURE = 3

_BISECTIONS = 14


@dataclass(frozen=True, eq=False)
class Echoes:
    """The data of the voxels of a mask.

    Attributes
    ----------
    magnitude, phase : ndarray, float32, shape (echo, voxels of the volume)
        Flattened volumes.
    voxels : ndarray, int, shape (n,)
        Places of the voxels of the mask in them.
    times : ndarray, float32, shape (echo, 1)
        Echo times in s.
    scale : float
        Magnitudes are divided by it.
    trust : ndarray, float32, shape (echo, 1)
        Factor of the weight of each echo; below 1 for echoes that are noisier than their magnitude says.
    """

    magnitude: np.ndarray
    phase: np.ndarray
    voxels: np.ndarray
    times: np.ndarray
    scale: np.float32
    trust: np.ndarray

    @classmethod
    def of(cls, acquisition: Acquisition, mask: np.ndarray) -> Echoes:
        """The data of a scan in a mask; all echoes are trusted."""
        count = len(acquisition.echo_times)
        voxels = np.flatnonzero(mask)
        magnitude, phase = (a.reshape(count, -1) for a in (acquisition.magnitude, acquisition.phase))
        scale = magnitude[0, voxels].mean(dtype=np.float64)
        times = np.array(acquisition.echo_times, np.float32)[:, None]
        return cls(
            magnitude, phase, voxels, times, np.float32(scale) if scale > 0 else np.float32(1), np.ones_like(times)
        )

    def at(self, chosen) -> tuple[np.ndarray, np.ndarray]:
        """Weight (squared magnitude, never 0) and phase of chosen voxels of the mask, both of shape (echo, chosen)."""
        places = self.voxels[chosen]
        weight = self.magnitude[:, places] / self.scale
        weight *= weight
        weight *= self.trust
        return np.maximum(weight, _NO_SIGNAL, out=weight), self.phase[:, places]

    def echo(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Weight (squared magnitude, never 0) and phase of one echo, both of shape (n,)."""
        weight = self.magnitude[number, self.voxels] / self.scale
        weight *= weight
        weight *= self.trust[number]
        return np.maximum(weight, _NO_SIGNAL, out=weight), self.phase[number, self.voxels]


@dataclass(frozen=True, eq=False)
class LineFit:
    """Weighted least-squares lines of n voxels. All arrays are float32 of shape (n,).

    Attributes
    ----------
    slope : ndarray
        omega, in rad/s.
    intercept : ndarray
        phi0, in rad within [-pi, pi].
    weight : ndarray
        Sum of the squared magnitudes.
    mean_time : ndarray
        Weighted mean echo time, in s.
    spread : ndarray
        Weighted sum of the squared distances of the echo times from their mean, in s^2.
    misfit : ndarray
        Weighted sum of the squared residuals, in rad^2.
    """

    slope: np.ndarray
    intercept: np.ndarray
    weight: np.ndarray
    mean_time: np.ndarray
    spread: np.ndarray
    misfit: np.ndarray

    @property
    def intercept_variance(self) -> np.ndarray:
        """Variance of the intercept over sigma^2."""
        return 1 / self.weight + self.mean_time**2 / self.spread

    @property
    def squared_times(self) -> np.ndarray:
        """Weighted sum of the squared echo times, in s^2."""
        return self.spread + self.weight * self.mean_time**2


def fit_lines(echoes: Echoes, slope: np.ndarray, progress: Progress = no_progress) -> LineFit:
    """Fit slope and intercept to at least two echoes, starting from a slope that is right but for noise.

    Parameters
    ----------
    echoes : Echoes
    slope : ndarray, float32, shape (n,)
        First estimate of omega in rad/s, with errors well below pi over the smallest difference of echo times.
    progress : callable
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    LineFit

    Notes
    -----
    No echo is unwrapped for good. The slope is refined over pairs of echoes farther and farther apart, each time at
    most twice as far as before, so that its error times the distance never comes near pi where noise allows; then the
    phases are compared with the line itself and what is left, wrapped, is fitted.
    """
    count = len(slope)
    result = [np.empty(count, np.float32) for _ in range(6)]
    times = echoes.times.astype(np.float64).ravel()
    pairs = [(times[b] - times[a], a, b) for a in range(len(times)) for b in range(a + 1, len(times))]
    shortest, longest = min(pairs)[0], max(pairs)[0]
    reaches = shortest * 2.0 ** np.arange(1, np.ceil(np.log2(longest / shortest)) + 1)
    for start in range(0, count, _BATCH):
        progress(start / count, "fitting the echoes")
        batch = slice(start, start + _BATCH)
        weight, phase = echoes.at(batch)
        omega = slope[batch].copy()
        for reach in reaches:
            omega += _mean_excess(weight, phase, omega, [pair for pair in pairs if pair[0] <= reach * 1.001])
        for whole, part in zip(result, _line(weight, phase, echoes.times, omega)):
            whole[batch] = part
    return LineFit(*result)


def _mean_excess(weight, phase, omega, pairs) -> np.ndarray:
    """What the slope lacks, from the phase differences of pairs of echoes; inverse-variance weights."""
    excess, total = np.zeros_like(omega), np.zeros_like(omega)
    for distance, a, b in pairs:
        distance = np.float32(distance)
        trust = distance * np.sqrt(weight[a] * weight[b])
        excess += trust * wrapped(phase[b] - phase[a] - omega * distance)
        total += trust * distance
    return excess / total


def _line(weight, phase, times, omega):
    total = weight.sum(axis=0)
    mean_time = (weight * times).sum(axis=0) / total
    centred = times - mean_time
    spread = (weight * centred**2).sum(axis=0)
    left = phase - omega * times
    intercept = np.arctan2((weight * np.sin(left)).sum(axis=0), (weight * np.cos(left)).sum(axis=0))
    for _ in range(2):
        left = wrapped(phase - omega * times - intercept)
        mean = (weight * left).sum(axis=0) / total
        change = (weight * centred * left).sum(axis=0) / spread
        omega = omega + change
        intercept = intercept + mean - change * mean_time
        left -= mean + change * centred
    return omega, wrapped(intercept), total, mean_time, spread, (weight * left**2).sum(axis=0)


@dataclass(frozen=True, eq=False)
class SlopeEstimate:
    """Slopes with their standard deviations, both in rad/s, and root mean square residuals in rad; shape (n,)."""

    slope: np.ndarray
    deviation: np.ndarray
    residual: np.ndarray


def refine_slopes(
    echoes: Echoes,
    fit: LineFit,
    variance: float,
    offset: np.ndarray | None = None,
    offset_variance: np.ndarray | float = 0.0,
    progress: Progress = no_progress,
) -> SlopeEstimate:
    """Best slopes given what is known of the phase offset, robust where the phase is not a straight line.

    Parameters
    ----------
    echoes : Echoes
    fit : LineFit
        From `fit_lines`.
    variance : float
        sigma^2.
    offset : ndarray, float32, shape (n,), optional
        Expected intercept in rad. Intercepts are free without it.
    offset_variance : ndarray, shape (n,), or float
        Variance of the true intercepts about the expected ones, in rad^2.
    progress : callable
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    SlopeEstimate

    Notes
    -----
    With a known intercept the variance of the slope falls from sigma^2 / sum M^2 (TE - mean)^2 to
    sigma^2 / sum M^2 TE^2. Where the misfit is larger than noise explains, phases are given a second variance that
    grows as TE^6, just large enough to explain it: late echoes lose their weight, and the standard deviation grows.
    Where a straight line with another intercept would explain it as well (flowing blood has a phase offset of its own),
    the standard deviation includes half the difference between the two slopes.
    """
    freedom = len(echoes.times) - (2 if offset is None else 1)
    variance = np.float32(variance)
    weight, squares = fit.weight, fit.squared_times
    misfit = fit.misfit / variance
    if offset is None:
        slope, residual = fit.slope.copy(), np.sqrt(fit.misfit / weight)
        deviation = np.sqrt(variance / fit.spread)
        trust = np.zeros_like(slope)
    else:
        trust = 1 / np.maximum(np.broadcast_to(np.float32(offset_variance), weight.shape), np.float32(1e-8))
        distance = wrapped(offset - fit.intercept)
        own = 1 / (variance * fit.intercept_variance)
        shift = distance * (trust / (trust + own))
        slope = fit.slope - weight * fit.mean_time / squares * shift
        residual = np.sqrt((fit.misfit + own * variance * shift**2) / weight)
        # What is known of the offset acts as one more phase, at echo time zero.
        known = trust * variance
        deviation = np.sqrt(variance / (fit.spread + weight * fit.mean_time**2 * (known / (weight + known))))
        misfit += distance**2 / (1 / own + 1 / trust)
    deviation *= noise_floor_factor(weight / variance, len(echoes.times))
    if freedom < 1:
        return SlopeEstimate(slope, deviation, residual)

    broken = np.flatnonzero(misfit > largest_misfit(freedom))
    for start in range(0, len(broken), _BATCH):
        progress(start / len(broken), "weighing late echoes")
        chosen = broken[start : start + _BATCH]
        expected = fit.intercept[chosen] if offset is None else offset[chosen]
        found = _without_late_echoes(echoes, chosen, slope[chosen], expected, variance, trust[chosen], freedom)
        slope[chosen], deviation[chosen], residual[chosen] = found
        if offset is not None:
            straight = chosen[fit.misfit[chosen] <= variance * largest_misfit(freedom - 1)]
            doubt = (slope[straight] - fit.slope[straight]) / 2
            deviation[straight] = np.hypot(deviation[straight], doubt)
    return SlopeEstimate(slope, deviation, residual)


def _without_late_echoes(echoes, chosen, slope, offset, variance, trust, freedom):
    """Slope, deviation and residual with a second variance that grows with echo time.

    The logarithm of that variance is found by bisection: the smallest one that explains the misfit.
    """
    magnitude_squared, phase = echoes.at(chosen)
    noise = variance / magnitude_squared
    growth = (echoes.times / echoes.times[0]) ** (2 * _DEPARTURE)
    low = np.log(noise[0] * np.float32(1e-4))
    high = np.full_like(low, np.log(np.float32(np.pi**2)))
    low = np.minimum(low, high)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        weight = 1 / (noise + np.exp(middle) * growth)
        change, shift, deviation, misfit = _solved(weight, echoes.times, phase, slope, offset, trust)
        enough = misfit <= freedom
        high = np.where(enough, middle, high)
        low = np.where(enough, low, middle)
        slope = slope + change
    left = wrapped(phase - slope * echoes.times - offset - shift)
    residual = np.sqrt((magnitude_squared * left**2).sum(axis=0) / magnitude_squared.sum(axis=0))
    return slope, deviation, residual


def _solved(weight, times, phase, slope, offset, trust):
    """Change of slope, shift of offset, deviation of the slope and misfit of the line under given weights.

    What is known of the offset acts as one more phase, at echo time zero and of weight `trust`.
    """
    left = wrapped(phase - slope * times - offset)
    total = weight.sum(axis=0) + trust
    mean_time = (weight * times).sum(axis=0) / total
    centred = times - mean_time
    spread = (weight * centred**2).sum(axis=0) + trust * mean_time**2
    change = (weight * centred * left).sum(axis=0) / spread
    shift = (weight * left).sum(axis=0) / total - change * mean_time
    misfit = (weight * (left - shift - change * times) ** 2).sum(axis=0) + trust * shift**2
    return change, shift, 1 / np.sqrt(spread), misfit
