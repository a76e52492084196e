"""Field map from Laplacian phase unwrapping."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated

import numpy as np

from ..acquisition import Acquisition, checked_mask
from ..numerics.crop import bounding_box
from ..numerics.poisson import BOUNDARIES, integrated
from ..numerics.romeo_weights import wrapped
from ..parameter import Parameter
from ..progress import Progress, no_progress, part_of
from . import FieldMap
from .bipolar import Readout, without_odd_even_phase
from .echo_differences import unwrapped_differences
from .echo_fit import Echoes, SlopeEstimate
from .echo_line import best_slopes, slope_of_single_echo
from .echo_variance import distrusting, notes_on, spoiled_echoes
from .lost_turns import field_map_of
from .phase_noise import disagreement_factor, noise_floor_factor, noise_variance, ripple_variance
from .phase_offset import PhaseOffset, volume_of

_TWO_PI = np.float32(2 * np.pi)


def laplacian(
    acquisition: Acquisition,
    mask: np.ndarray,
    *,
    boundary: Annotated[str, Parameter("Border of the volume", choices=BOUNDARIES)] = "reflecting",
    congruent: Annotated[bool, Parameter("Keep the measured phase but for whole turns")] = True,
    phase_offset: PhaseOffset = "smooth",
    offset_scale: Annotated[float, Parameter("Distance over which the phase offset varies", "mm", (10, 200))] = 30.0,
    readout: Readout = "detect",
    progress: Progress = no_progress,
) -> FieldMap:
    """Map the field by Laplacian unwrapping and a magnitude-weighted linear fit over the echoes.

    Parameters
    ----------
    acquisition : Acquisition
        One or more echoes, equally spaced or not.
    mask : ndarray, bool, shape (k, j, i)
        The voxels to map.
    boundary : str
        "reflecting" solves with cosine transforms: nothing is assumed about the phase beyond the border. "periodic"
        solves with Fourier transforms; the steps from one side of the volume to the other, which are usually taken for
        those of neighbors, are the sums of the steps between, so that a ramp stays a ramp.
    congruent : bool
        Use the Laplacian only to find the whole turns of the echo-to-echo differences, once. Otherwise every echo is
        replaced by the smooth phase with its Laplacian, as usual: nowhere torn, but without a part of the background
        field, and wrong around voxels whose phase is broken.
    phase_offset, offset_scale : str, float
        As in `romeo_linear`, if `congruent`; otherwise the offset is free.
    readout : str
        Whether odd and even echoes were read in opposite directions ("bipolar"), which takes a linear function of space
        off their phase (`bipolar`). By default the phase tells.
    progress : callable
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    FieldMap
        `noise` does not know the part of the background field that is lost if not `congruent`.

    Raises
    ------
    ValueError
        If the mask does not fit or is empty, or a bipolar readout cannot be told from the field.
    Cancelled
        If `progress` raised it.

    Notes
    -----
    The Laplacian of the true phase is the divergence of its steps from voxel to voxel, and these are the wrapped steps
    W(phi_next - phi) wherever neighbors differ by less than half a turn:

        u = argmin sum ((u_next - u - W(phi_next - phi)) / h)^2     (a Poisson equation, see `numerics.poisson`)

    The usual form cos(phi) lap sin(phi) - sin(phi) lap cos(phi) has sin(phi_next - phi) in place of the wrapped step,
    which is a third too small at 1.6 rad: it bends a ramp. It also loses the constant, which is found here as the mean
    phase of exp(i (phi - u)). Around noise, and the ends of open lines of jumps, no u has all the steps; the errors
    are harmonic elsewhere and die away with distance. `romeo_linear` has none: prefer it.

    References
    ----------
    Schofield MA, Zhu Y. Fast phase unwrapping algorithm for interferometric applications. Opt Lett 2003;28:1194-1196.
    doi: 10.1364/OL.28.001194
    Ghiglia DC, Romero LA. Robust two-dimensional weighted and unweighted phase unwrapping that uses fast transforms and
    iterative methods. J Opt Soc Am A 1994;11:107-117. doi: 10.1364/JOSAA.11.000107
    """
    mask = checked_mask(mask, acquisition.grid.shape)
    acquisition, notes = without_odd_even_phase(acquisition, mask, readout, part_of(progress, 0.0, 0.1))
    spacing = acquisition.grid.spacing
    differences = unwrapped_differences(
        acquisition, mask, part_of(progress, 0.1, 0.4), partial(_next_to_laplacian, spacing=spacing, boundary=boundary)
    )
    echoes = Echoes.of(acquisition, mask)
    if len(echoes.times) == 1:
        if not congruent:
            smooth = unwrapped_by_laplacian(
                acquisition.phase[0][bounding_box(mask)], differences.inside, spacing, boundary,
                part_of(progress, 0.4, 0.9),
            )  # fmt: skip
            differences = replace(differences, phase=smooth)
        found = slope_of_single_echo(differences, echoes)
    else:
        progress(0.4, "judging the echoes")
        spoiled = spoiled_echoes(echoes, differences.slope)
        notes += notes_on(spoiled, acquisition.echo_times)
        echoes = distrusting(echoes, spoiled)
        rest = part_of(progress, 0.4, 0.9)
        if congruent:
            smooth = phase_offset == "smooth"
            found = best_slopes(echoes, differences.slope, differences.inside, spacing, smooth, offset_scale, rest)
        else:
            found = _line_through_laplacians(acquisition, mask, echoes, boundary, rest)
    progress(0.9, "noise map")
    field_map = field_map_of(found, differences, acquisition, mask, notes)
    progress(1.0, "field map")
    return field_map


def unwrapped_by_laplacian(
    phase: np.ndarray,
    inside: np.ndarray,
    spacing: tuple[float, float, float],
    boundary: str,
    progress: Progress = no_progress,
) -> np.ndarray:
    """The smooth phase whose Laplacian is the divergence of the wrapped steps between neighbors.

    Parameters
    ----------
    phase : ndarray, float32, shape (k, j, i)
        Wrapped phase in rad; all voxels count, not only those of the mask.
    inside : ndarray, bool, shape (k, j, i)
        The mask, which decides about the constant. Not empty.
    spacing : (float, float, float)
        Voxel size along (k, j, i), in mm.
    boundary : str
        See `laplacian`.
    progress : callable
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    ndarray, float32, shape (k, j, i)
        0 outside the mask; its median inside lies within half a turn of 0.
    """

    def steps(axis: int) -> np.ndarray:
        found = wrapped(np.diff(phase, axis=axis))
        if boundary == "periodic":
            # The step back from the last voxel to the first is known from those on the way, not from a wrapped one.
            return np.concatenate([found, -found.sum(axis=axis, keepdims=True)], axis=axis)
        return found

    smooth = integrated(phase.shape, steps, spacing, boundary, progress)
    values = smooth[inside]
    left = phase[inside] - values
    constant = np.arctan2(np.sin(left).mean(dtype=np.float64), np.cos(left).mean(dtype=np.float64))
    constant -= 2 * np.pi * np.rint((np.median(values) + constant) / (2 * np.pi))
    smooth += np.float32(constant)
    smooth *= inside
    return smooth


def _next_to_laplacian(phase, inside, weights, progress, *, spacing, boundary) -> np.ndarray:
    """The phase plus the whole turns that bring it next to its Laplacian unwrapping, 0 outside the mask."""
    smooth = unwrapped_by_laplacian(phase, inside, spacing, boundary, progress)
    turns = np.rint((smooth - phase) / _TWO_PI)
    return np.where(inside, phase + _TWO_PI * turns, np.float32(0))


def _line_through_laplacians(
    acquisition: Acquisition, mask: np.ndarray, echoes: Echoes, boundary: str, progress: Progress
) -> SlopeEstimate:
    """Weighted line, with free intercept, through the smooth phases of two or more echoes."""
    box = bounding_box(mask)
    inside, times = mask[box], echoes.times
    count, size = len(times), np.count_nonzero(mask)
    phases, medians = np.empty((count, size), np.float32), []
    for echo in range(count):
        part = part_of(progress, 0.8 * echo / count, 0.8 * (echo + 1) / count)
        phases[echo] = unwrapped_by_laplacian(
            acquisition.phase[echo][box], inside, acquisition.grid.spacing, boundary, part
        )[inside]
        # Each echo's own whole turns: the field nearest zero for the first two, then straight on.
        median = float(np.median(phases[echo]))
        expected = median if echo == 0 else medians[-1]
        if echo > 1:
            rate = (medians[-1] - medians[-2]) / (times[echo - 1, 0] - times[echo - 2, 0])
            expected += float(rate * (times[echo, 0] - times[echo - 1, 0]))
        turns = 2 * np.pi * np.rint((expected - median) / (2 * np.pi))
        phases[echo] += np.float32(turns)
        medians.append(median + turns)
    progress(0.8, "fitting the echoes")
    weight, _ = echoes.at(slice(None))
    total = weight.sum(axis=0)
    mean_time, mean = (weight * times).sum(axis=0) / total, (weight * phases).sum(axis=0) / total
    spread = (weight * (times - mean_time) ** 2).sum(axis=0)
    slope = (weight * (times - mean_time) * phases).sum(axis=0) / spread
    misfit = (weight * (phases - mean - slope * (times - mean_time)) ** 2).sum(axis=0)
    freedom = count - 2
    if freedom:
        variance = np.float32(noise_variance(misfit, freedom, total))
    else:
        variance = np.float32(ripple_variance(volume_of(phases[0], inside), weight[0], inside))
    deviation = np.sqrt(variance / spread) * noise_floor_factor(total / variance, count)
    deviation *= disagreement_factor(misfit / variance, freedom)
    return SlopeEstimate(slope, deviation, np.sqrt(misfit / total))
