"""From a first estimate of the slope to the best one: the line through the echoes, and what is known of its offset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..numerics.romeo_weights import wrapped
from ..progress import Progress, part_of
from .echo_differences import UnwrappedDifferences
from .echo_fit import Echoes, LineFit, SlopeEstimate, fit_lines, refine_slopes
from .phase_noise import largest_misfit, noise_floor_factor, noise_variance, ripple_variance
from .phase_offset import offset_variance, smooth_offset

#: Misfit, over what noise explains, at which the intercept of a voxel loses half its say on the smooth offset.
_BROKEN = 5.0


@dataclass(frozen=True, eq=False)
class Offset:
    """What the intercepts of all voxels together tell.

    Attributes
    ----------
    values : ndarray, float32, shape (n,)
        Smooth phase offset of the coils at the n voxels of the mask, in rad, not wrapped.
    variance : ndarray, float32, shape (n,)
        Variance of the true offsets about it, in rad^2.
    noise : float
        sigma^2, the variance of the noise in the real and in the imaginary part over the squared scale of the echoes.
    """

    values: np.ndarray
    variance: np.ndarray
    noise: float


def offset_of(
    fit: LineFit,
    echoes: int,
    inside: np.ndarray,
    spacing: tuple[float, float, float],
    knot_distance: float,
    progress: Progress,
) -> Offset:
    """The phase offset of the coils from the lines through two or more echoes.

    Parameters
    ----------
    fit : LineFit
        Of the n voxels of the mask.
    echoes : int
        Their number.
    inside : ndarray, bool, shape (k, j, i)
        The mask, cropped to its bounding box.
    spacing : (float, float, float)
        Voxel size along (k, j, i), in mm.
    knot_distance : float
        Distance of the knots of the smooth function, in mm.
    progress : callable
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    Offset
        Two echoes have no misfit; their noise is estimated from the scatter of the intercepts about the smooth offset.
    """
    freedom = echoes - 2
    variance = noise_variance(fit.misfit, freedom, fit.weight) if freedom else None
    # Broken voxels must not bend the offset: they lose weight as their misfit exceeds what noise explains.
    information = 1 / fit.intercept_variance
    if freedom:
        information /= 1 + fit.misfit * np.float32(1 / (_BROKEN * freedom * variance))
    offset = smooth_offset(fit.intercept, information, inside, spacing, knot_distance, progress)
    if not freedom:
        distance = wrapped(offset - fit.intercept)
        variance = noise_variance(distance**2 / fit.intercept_variance, 1, fit.weight)
    straight = fit.misfit <= variance * largest_misfit(freedom)
    noise = np.float32(variance) * fit.intercept_variance
    return Offset(offset, offset_variance(fit.intercept, offset, noise, straight, inside, spacing), variance)


def best_slopes(
    echoes: Echoes,
    slope: np.ndarray,
    inside: np.ndarray,
    spacing: tuple[float, float, float],
    smooth: bool,
    knot_distance: float,
    progress: Progress,
) -> SlopeEstimate:
    """Slopes of the lines through two or more echoes.

    Parameters
    ----------
    echoes : Echoes
    slope : ndarray, float32, shape (n,)
        First estimate of omega in rad/s, right but for noise.
    inside, spacing, knot_distance, progress
        As in `offset_of`.
    smooth : bool
        Hold the intercepts to a smooth function of space, as far as the data agree; otherwise they are free.

    Returns
    -------
    SlopeEstimate
    """
    fit = fit_lines(echoes, slope, part_of(progress, 0.0, 0.5))
    freedom = len(echoes.times) - 2
    if not smooth and freedom:
        variance = noise_variance(fit.misfit, freedom, fit.weight)
        return refine_slopes(echoes, fit, variance, progress=part_of(progress, 0.5, 1.0))
    offset = offset_of(fit, len(echoes.times), inside, spacing, knot_distance, part_of(progress, 0.5, 0.8))
    rest = part_of(progress, 0.8, 1.0)
    if not smooth:
        return refine_slopes(echoes, fit, offset.noise, progress=rest)
    return refine_slopes(echoes, fit, offset.noise, offset.values, offset.variance, rest)


def slope_of_single_echo(differences: UnwrappedDifferences, echoes: Echoes) -> SlopeEstimate:
    """Unwrapped phase of a single echo over the echo time, with the phase offset left in it."""
    weight = echoes.at(slice(None))[0][0]
    variance = np.float32(ripple_variance(differences.phase, weight, differences.inside))
    deviation = np.sqrt(variance / weight) * noise_floor_factor(weight / variance, 1)
    time = echoes.times[0]
    return SlopeEstimate(differences.slope, deviation / time, np.zeros_like(deviation))
