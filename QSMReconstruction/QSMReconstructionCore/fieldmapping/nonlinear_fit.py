"""Field map from a nonlinear least-squares fit to the complex signal of all echoes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from ..acquisition import Acquisition, checked_mask
from ..parameter import Parameter
from ..progress import Progress, no_progress, part_of
from . import FieldMap
from .bipolar import Readout, without_odd_even_phase
from .echo_differences import unwrapped_differences
from .echo_fit import Echoes, LineFit, SlopeEstimate, fit_lines
from .echo_line import Offset, offset_of, slope_of_single_echo
from .echo_variance import distrusting, notes_on, spoiled_echoes
from .lost_turns import field_map_of
from .phase_noise import disagreement_factor, noise_floor_factor, noise_variance
from .phase_offset import PhaseOffset

#: Voxels fitted at once.
_BATCH = 1 << 16

#: No offset is held tighter than this, in rad^2.
_TIGHTEST = np.float32(1e-8)


@dataclass(frozen=True, eq=False)
class ComplexFit:
    """Fits of n voxels. All arrays are float32 of shape (n,).

    Attributes
    ----------
    intercept, slope : ndarray
        phi0 in rad and omega in rad/s.
    slope_variance : ndarray
        Variance of omega over sigma^2, in 1/s^2.
    misfit : ndarray
        sum_e |S_e - model|^2.
    """

    intercept: np.ndarray
    slope: np.ndarray
    slope_variance: np.ndarray
    misfit: np.ndarray


def nonlinear_fit(
    acquisition: Acquisition,
    mask: np.ndarray,
    *,
    phase_offset: PhaseOffset = "smooth",
    offset_scale: Annotated[float, Parameter("Distance over which the phase offset varies", "mm", (10, 200))] = 30.0,
    max_iterations: Annotated[int, Parameter("Largest number of iterations", range=(1, 500))] = 50,
    tolerance: Annotated[float, Parameter("Change of phase at which a voxel is done", "rad", (1e-6, 0.1))] = 1e-4,
    readout: Readout = "detect",
    progress: Progress = no_progress,
) -> FieldMap:
    """Map the field by a nonlinear fit to the complex signal of all echoes.

    Parameters
    ----------
    acquisition : Acquisition
        One or more echoes, equally spaced or not.
    mask : ndarray, bool, shape (k, j, i)
        The voxels to map.
    phase_offset : str
        "smooth" holds the phase at echo time zero to a smooth function of space, as far as the data agree. "free" fits
        it voxel by voxel, as published.
    offset_scale : float
        Distance of the knots of that smooth function, in mm.
    max_iterations : int
        Of the Gauss-Newton iteration in each voxel. Tissue needs about three.
    tolerance : float
        A voxel is done when no phase of its fit changes by more than this, in rad: the default is a hundredth of the
        noise at a signal-to-noise ratio of 100.
    readout : str
        Whether odd and even echoes were read in opposite directions ("bipolar"), which takes a linear function of space
        off their phase (`bipolar`). By default the phase tells.
    progress : callable
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    FieldMap
        `noise` is from the covariance of the fit, raised where the misfit is larger than noise explains.

    Raises
    ------
    ValueError
        If the mask does not fit or is empty, or a bipolar readout cannot be told from the field.
    Cancelled
        If `progress` raised it.

    Notes
    -----
    Minimizes, in each voxel, with r_e = phi_e - phi0 - omega TE_e,

        sum_e |S_e - M_e exp(i (phi0 + omega TE_e))|^2 = 2 sum_e M_e^2 (1 - cos r_e).

    Phases are never unwrapped, and a phase that is far off pulls less than in a linear fit, since its pull is sin r.
    The Gauss-Newton matrix, with the elements sum M^2, sum M^2 TE and sum M^2 TE^2, bounds the curvature of the misfit
    from above (the second derivative of 1 - cos r is at most 1), so that no step can raise the misfit and none needs
    damping. Its inverse times sigma^2 is the covariance. Slopes start from a line through the echoes along the
    unwrapped echo-to-echo differences: near the right minimum, whatever the field.

    What is known of the offset, with the variance v, acts as one more echo at TE = 0 with M^2 = sigma^2 / v.

    References
    ----------
    Liu T et al. Nonlinear formulation of the magnetic field to source relationship for robust quantitative
    susceptibility mapping. Magn Reson Med 2013;69:467-476. doi: 10.1002/mrm.24272
    """
    mask = checked_mask(mask, acquisition.grid.shape)
    acquisition, notes = without_odd_even_phase(acquisition, mask, readout, part_of(progress, 0.0, 0.1))
    differences = unwrapped_differences(acquisition, mask, part_of(progress, 0.1, 0.4))
    echoes = Echoes.of(acquisition, mask)
    if len(echoes.times) == 1:
        found = slope_of_single_echo(differences, echoes)
    else:
        progress(0.4, "judging the echoes")
        spoiled = spoiled_echoes(echoes, differences.slope)
        notes += notes_on(spoiled, acquisition.echo_times)
        echoes = distrusting(echoes, spoiled)
        fit = fit_lines(echoes, differences.slope, part_of(progress, 0.4, 0.6))
        offset, freedom = None, len(echoes.times) - 2
        if phase_offset == "smooth" or not freedom:
            offset = offset_of(
                fit, len(echoes.times), differences.inside, acquisition.grid.spacing, offset_scale,
                part_of(progress, 0.6, 0.7),
            )  # fmt: skip
        variance = offset.noise if offset else noise_variance(fit.misfit, freedom, fit.weight)
        found = _fitted(
            echoes, fit, np.float32(variance), offset if phase_offset == "smooth" else None, max_iterations, tolerance,
            part_of(progress, 0.7, 0.9),
        )  # fmt: skip
    progress(0.9, "noise map")
    field_map = field_map_of(found, differences, acquisition, mask, notes)
    progress(1.0, "field map")
    return field_map


def _fitted(
    echoes: Echoes, start: LineFit, variance: np.float32, offset: Offset | None, max_iterations: int, tolerance: float,
    progress: Progress,
) -> SlopeEstimate:  # fmt: skip
    count = len(start.slope)
    slope, deviation, residual = (np.empty(count, np.float32) for _ in range(3))
    times = echoes.times
    freedom = len(times) - (2 if offset is None else 1)
    if offset is not None:
        times = np.concatenate([np.zeros((1, 1), np.float32), times])
    for first in range(0, count, _BATCH):
        progress(first / count, "nonlinear fit")
        batch = slice(first, first + _BATCH)
        weight, phase = echoes.at(batch)
        squared_snr = weight.sum(axis=0) / variance
        if offset is not None:
            known = variance / np.maximum(offset.variance[batch], _TIGHTEST)
            weight, phase = np.concatenate([known[None], weight]), np.concatenate([offset.values[batch][None], phase])
        model = minimized(weight, phase, times, start.intercept[batch], start.slope[batch], max_iterations, tolerance)
        slope[batch] = model.slope
        spread = np.sqrt(variance * model.slope_variance) * noise_floor_factor(squared_snr, len(echoes.times))
        deviation[batch] = spread * disagreement_factor(model.misfit / variance, freedom)
        residual[batch] = np.sqrt(model.misfit / weight[-len(echoes.times) :].sum(axis=0))
    return SlopeEstimate(slope, deviation, residual)


def minimized(weight, phase, times, intercept, slope, max_iterations: int, tolerance: float) -> ComplexFit:
    """Gauss-Newton steps towards the least 2 sum w (1 - cos r) from a start near it.

    Parameters
    ----------
    weight, phase : ndarray, float32, shape (echo, n)
        Squared magnitude, and phase in rad.
    times : ndarray, float32, shape (echo, 1)
        In s.
    intercept, slope : ndarray, float32, shape (n,)
        Start, in rad and rad/s.
    max_iterations : int
    tolerance : float
        In rad; see `nonlinear_fit`.

    Returns
    -------
    ComplexFit
    """
    intercept, slope = intercept.copy(), slope.copy()
    total = weight.sum(axis=0)
    mean_time = (weight * times).sum(axis=0) / total
    spread = (weight * (times - mean_time) ** 2).sum(axis=0)
    longest = times.max()
    active = np.arange(len(slope))
    for _ in range(max_iterations):
        w, centred = weight[:, active], times - mean_time[active]
        pull = w * np.sin(phase[:, active] - intercept[active] - slope[active] * times)
        turn = (centred * pull).sum(axis=0) / spread[active]
        shift = pull.sum(axis=0) / total[active] - turn * mean_time[active]
        slope[active] += turn
        intercept[active] += shift
        active = active[np.maximum(np.abs(shift), np.abs(shift + turn * longest)) > tolerance]
        if not active.size:
            break
    left = phase - intercept - slope * times
    misfit = 4 * (weight * np.sin(left / 2) ** 2).sum(axis=0)
    return ComplexFit(intercept, slope, 1 / spread, misfit)
