"""Field map from the phase differences between echoes, unwrapped once, and a weighted line through all echoes."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..acquisition import Acquisition, checked_mask
from ..numerics.romeo_weights import wrapped
from ..parameter import Parameter
from ..progress import Progress, no_progress, part_of
from . import FieldMap
from .bipolar import Readout, without_odd_even_phase
from .echo_differences import unwrapped_differences
from .echo_fit import Echoes, SlopeEstimate, fit_lines, largest_misfit, refine_slopes
from .echo_variance import distrusting, notes_on, spoiled_echoes
from .lost_turns import field_map_of
from .phase_noise import noise_floor_factor, noise_variance, ripple_variance
from .phase_offset import offset_variance, smooth_offset

#: Misfit, over what noise explains, at which the intercept of a voxel loses half its say on the smooth offset.
_BROKEN = 5.0


def romeo_linear(
    acquisition: Acquisition,
    mask: np.ndarray,
    *,
    phase_offset: Annotated[str, Parameter("Phase offset of the coils", choices=("smooth", "free"))] = "smooth",
    offset_scale: Annotated[float, Parameter("Distance over which the phase offset varies", "mm", (10, 200))] = 30.0,
    readout: Readout = "detect",
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
    readout : str
        Whether odd and even echoes were read in opposite directions ("bipolar"), which takes a linear function of space
        off their phase (`bipolar`). By default the phase tells.
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
        If the mask does not fit or is empty, or a bipolar readout cannot be told from the field.
    Cancelled
        If `progress` raised it.

    Notes
    -----
    The offset cancels in ``sum_e S_{e+1} conj(S_e)`` over the pairs of echoes with the shortest spacing. Its phase is
    unwrapped in space, once. From there on phases are only compared with the line through the echoes (`echo_fit`):
    there is no unwrapping echo by echo that could go wrong in noise, and a line needs no whole turns.

    An echo that does not go with the others anywhere in the brain, as after motion, loses weight (`echo_variance`; with
    four or more echoes), and the notes of the result say so.

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
    acquisition, notes = without_odd_even_phase(acquisition, mask, readout, part_of(progress, 0.0, 0.1))
    differences = unwrapped_differences(acquisition, mask, part_of(progress, 0.1, 0.5))
    echoes = Echoes.of(acquisition, mask)
    if len(echoes.times) == 1:
        found = _single_echo(differences.phase, echoes, differences.inside)
    else:
        progress(0.5, "judging the echoes")
        slope = differences.slope
        spoiled = spoiled_echoes(echoes, slope)
        notes += notes_on(spoiled, acquisition.echo_times)
        echoes = distrusting(echoes, spoiled)
        smooth = phase_offset == "smooth"
        spacing = acquisition.grid.spacing
        found = _line(echoes, slope, differences.inside, spacing, smooth, offset_scale, part_of(progress, 0.5, 0.9))
    progress(0.9, "noise map")
    field_map = field_map_of(found, differences, acquisition, mask, notes)
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
