"""Field map from the phase differences between echoes, unwrapped once, and a weighted line through all echoes."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from scipy.special import erfc

from ..acquisition import Acquisition, checked_mask
from ..numerics.crop import bounding_box
from ..numerics.romeo_weights import edge_weights, mean_of_incident, wrapped
from ..parameter import Parameter
from ..progress import Progress, no_progress, part_of
from . import FieldMap
from .echo_fit import Echoes, SlopeEstimate, fit_lines, largest_misfit, refine_slopes
from .phase_noise import noise_floor_factor, noise_variance, ripple_variance
from .phase_offset import offset_variance, smooth_offset, volume_of
from .unwrapping import unwrap_spatially

#: Pairs of echoes count as equally spaced if their distances differ by at most this fraction.
_SAME_SPACING = 0.02

#: Misfit, over what noise explains, at which the intercept of a voxel loses half its say on the smooth offset.
_BROKEN = 5.0


def romeo_linear(
    acquisition: Acquisition,
    mask: np.ndarray,
    *,
    phase_offset: Annotated[str, Parameter("Phase offset of the coils", choices=("smooth", "free"))] = "smooth",
    offset_scale: Annotated[float, Parameter("Distance over which the phase offset varies", "mm", (10, 200))] = 30.0,
    progress: Progress = no_progress,
) -> FieldMap:
    """Map the field by exact unwrapping (ROMEO) and a magnitude-weighted linear fit over the echoes.

    Parameters
    ----------
    acquisition : Acquisition
        One or more echoes, equally spaced or not.
    mask : ndarray, bool, shape (k, j, i)
        The voxels to map.
    phase_offset : str
        "smooth" holds the phase at echo time zero to a smooth function of space, as far as the data agree, which halves
        the noise of the field. "free" fits it voxel by voxel.
    offset_scale : float
        Distance of the knots of that smooth function, in mm. The default is wide enough that broken voxels near air
        cannot bend it, and narrow enough for the phase of a head coil.
    progress : callable
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    FieldMap
        `field` has its median over the largest connected part of the mask within half a turn of zero (see Notes).
        `noise` holds the thermal noise and, where the phase is not a straight line or jumps against the neighbours,
        as much more as that takes: weigh by it instead of cutting the mask. `quality` is the mean ROMEO weight of the
        voxel's edges inside the mask.

    Raises
    ------
    ValueError
        If the mask does not fit or is empty.
    Cancelled
        If `progress` raised it.

    Notes
    -----
    The offset cancels in ``sum_e S_{e+1} conj(S_e)`` over the pairs of echoes with the shortest spacing. Its phase is
    unwrapped in space, once. From there on phases are only compared with the line through the echoes (`echo_fit`):
    there is no unwrapping echo by echo that could go wrong in noise, and a line needs no whole turns.

    What one scan cannot tell: a field that is wrong by the same multiple of 1 / (shortest spacing) everywhere has the
    same phase. The field nearest zero is taken, as after any shim. Neighbouring voxels whose field differs by more than
    half of that cannot be unwrapped by anybody.

    Two echoes leave no residual, so the noise is estimated from the scatter of their intercepts about the smooth
    offset. A single echo has its phase offset left in the field, and its noise is estimated from its finest ripples.

    References
    ----------
    Dymerska B et al. Phase unwrapping with a rapid opensource minimum spanning tree algorithm (ROMEO). Magn Reson Med
    2021;85:2294-2308. doi: 10.1002/mrm.28563
    Eckstein K et al. Computationally efficient combination of multi-channel phase data from multi-echo acquisitions
    (ASPIRE). Magn Reson Med 2018;79:2996-3006. doi: 10.1002/mrm.26963
    """
    mask = checked_mask(mask, acquisition.grid.shape)
    box = bounding_box(mask)
    inside = mask[box]

    phase, magnitude, interval = _phase_to_unwrap(acquisition, box, part_of(progress, 0.0, 0.1))
    weights = edge_weights(phase, magnitude=magnitude)
    quality = mean_of_incident(weights, inside)[inside]
    unwrapped = unwrap_spatially(phase, inside, weights=weights, progress=part_of(progress, 0.1, 0.5))
    del phase, magnitude, weights

    echoes = _echoes(acquisition, mask)
    if len(echoes.times) == 1:
        found = _single_echo(unwrapped, echoes, inside)
    else:
        slope = unwrapped[inside] / np.float32(interval)
        smooth = phase_offset == "smooth"
        spacing = acquisition.grid.spacing
        found = _line(echoes, slope, inside, spacing, smooth, offset_scale, part_of(progress, 0.5, 0.9))

    progress(0.9, "noise map")
    # A turn is lost where noise exceeds half of it, or where the voxel has come off its neighbours.
    lost = erfc(np.float32(np.pi / np.sqrt(2)) / (found.deviation * np.float32(interval)))
    lost[_torn(found.slope, inside, interval)] = 1
    noise = np.hypot(found.deviation, np.float32(2 * np.pi / interval) * np.sqrt(lost))
    per_ppm = np.float32(acquisition.radians_per_ppm_second)
    volumes = (volume_of(values, mask) for values in (found.slope / per_ppm, noise / per_ppm, quality, found.residual))
    field_map = FieldMap(*volumes)
    progress(1.0, "field map")
    return field_map


def _line(echoes, slope, inside, spacing, smooth: bool, offset_scale: float, progress: Progress) -> SlopeEstimate:
    """The line through two or more echoes."""
    fit = fit_lines(echoes, slope, part_of(progress, 0.0, 0.5))
    freedom = len(echoes.times) - 2
    variance = noise_variance(fit.misfit, freedom, fit.weight) if freedom else None
    if not smooth and freedom:
        return refine_slopes(echoes, fit, variance, progress=part_of(progress, 0.5, 1.0))

    # Broken voxels must not bend the offset: they lose weight as their misfit exceeds what noise explains.
    information = 1 / fit.intercept_variance
    if freedom:
        information /= 1 + fit.misfit * np.float32(1 / (_BROKEN * freedom * variance))
    offset = smooth_offset(fit.intercept, information, inside, spacing, offset_scale, part_of(progress, 0.5, 0.8))
    if not freedom:
        distance = wrapped(offset - fit.intercept)
        variance = noise_variance(distance**2 / fit.intercept_variance, 1, fit.weight)
    if not smooth:
        return refine_slopes(echoes, fit, variance, progress=part_of(progress, 0.8, 1.0))
    straight = fit.misfit <= variance * largest_misfit(freedom)
    noise = np.float32(variance) * fit.intercept_variance
    about_offset = offset_variance(fit.intercept, offset, noise, straight, inside, spacing)
    return refine_slopes(echoes, fit, variance, offset, about_offset, part_of(progress, 0.8, 1.0))


def _single_echo(unwrapped: np.ndarray, echoes: Echoes, inside: np.ndarray) -> SlopeEstimate:
    """The phase over the echo time, with the phase offset left in it."""
    weight = echoes.at(slice(None))[0][0]
    variance = np.float32(ripple_variance(unwrapped, weight, inside))
    deviation = np.sqrt(variance / weight) * noise_floor_factor(weight / variance, 1)
    time = echoes.times[0]
    return SlopeEstimate(unwrapped[inside] / time, deviation / time, np.zeros_like(deviation))


def _torn(slope: np.ndarray, inside: np.ndarray, interval: float) -> np.ndarray:
    """Voxels that jump by more than half a turn over the interval along at least half of their edges; shape (n,)."""
    volume = volume_of(slope, inside)
    jumps, edges = np.zeros(inside.shape, np.uint8), np.zeros(inside.shape, np.uint8)
    for axis in range(3):
        ends = [np.moveaxis(a, axis, 0) for a in (volume, inside, jumps, edges)]
        edge = ends[1][1:] & ends[1][:-1]
        jump = edge & (np.abs(ends[0][1:] - ends[0][:-1]) > np.pi / interval)
        for side in (slice(1, None), slice(None, -1)):
            ends[2][side] += jump
            ends[3][side] += edge
    return (2 * jumps >= edges)[inside] & (edges[inside] > 0)


def _echoes(acquisition: Acquisition, mask: np.ndarray) -> Echoes:
    count = len(acquisition.echo_times)
    voxels = np.flatnonzero(mask)
    magnitude, phase = (a.reshape(count, -1) for a in (acquisition.magnitude, acquisition.phase))
    scale = magnitude[0, voxels].mean(dtype=np.float64)
    times = np.array(acquisition.echo_times, np.float32)[:, None]
    return Echoes(magnitude, phase, voxels, times, np.float32(scale) if scale > 0 else np.float32(1))


def _phase_to_unwrap(acquisition: Acquisition, box, progress: Progress) -> tuple[np.ndarray, np.ndarray, float]:
    """Phase and magnitude of the sum of echo-to-echo products over the shortest spacing, and that spacing in s."""
    times = acquisition.echo_times
    if len(times) == 1:
        return acquisition.phase[0][box], acquisition.magnitude[0][box], times[0]
    distances = np.diff(times)
    shortest = distances.min()
    real, imaginary = 0.0, 0.0
    for echo in np.flatnonzero(distances <= shortest * (1 + _SAME_SPACING)):
        progress(echo / len(times), "phase differences")
        product = acquisition.magnitude[echo][box] * acquisition.magnitude[echo + 1][box]
        difference = acquisition.phase[echo + 1][box] - acquisition.phase[echo][box]
        real = real + product * np.cos(difference)
        imaginary = imaginary + product * np.sin(difference)
    return np.arctan2(imaginary, real), np.sqrt(np.hypot(real, imaginary)), float(shortest)
