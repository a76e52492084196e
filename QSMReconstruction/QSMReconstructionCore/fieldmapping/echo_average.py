"""Field map from echoes that are unwrapped one by one and averaged with minimum variance."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np

from ..acquisition import Acquisition, checked_mask
from ..numerics.crop import bounding_box
from ..numerics.romeo_weights import edge_weights, wrapped
from ..parameter import Parameter
from ..progress import Progress, no_progress, part_of
from . import FieldMap
from .bipolar import Readout, without_odd_even_phase
from .echo_differences import UnwrappedDifferences, unwrapped_differences
from .echo_fit import Echoes, SlopeEstimate, fit_lines
from .echo_line import Offset, offset_of, slope_of_single_echo
from .echo_variance import distrusting, notes_on, spoiled_echoes
from .lost_turns import field_map_of
from .phase_noise import disagreement_factor, noise_floor_factor
from .phase_offset import volume_of
from .relative_residual import relative_residual
from .unwrapping import unwrap_spatially

#: An echo does not follow from the earlier ones if its median departure exceeds this, in rad: pi / 2 if it had nothing
#: to do with them, and 0.3 with a signal-to-noise ratio of 5.
_STRANGE = 1.0


def echo_average(
    acquisition: Acquisition,
    mask: np.ndarray,
    *,
    unwrapping: Annotated[
        str,
        Parameter(
            "Unwrapping of the echoes",
            choices={"template": "Once in space, then in time", "individual": "Each in space"},
        ),
    ] = "template",
    offset_scale: Annotated[float, Parameter("Distance over which the phase offset varies", "mm", (10, 200))] = 30.0,
    readout: Readout = "detect",
    largest_residual: Annotated[
        float, Parameter("Largest relative residual of known voxels", range=(0, 10), lowest="any")
    ] = 0.0,
    progress: Progress = no_progress,
) -> FieldMap:
    """Map the field by unwrapping every echo (ROMEO) and averaging phase over echo time with minimum variance.

    Parameters
    ----------
    acquisition : Acquisition
        One or more echoes, equally spaced or not.
    mask : ndarray, bool, shape (k, j, i)
        The voxels to map.
    unwrapping : str
        "template" unwraps in space once and every echo from the earlier ones in time; an echo that does not follow from
        them is unwrapped on its own instead, and the notes of the result say so. "individual" unwraps every echo on its
        own in space.
    offset_scale : float
        Distance of the knots of the smooth phase offset that is taken off all echoes, in mm.
    readout : str
        Whether odd and even echoes were read in opposite directions ("bipolar"), which takes a linear function of space
        off their phase (`bipolar`). By default the phase tells.
    largest_residual : float
        Voxels whose signal departs by more than this share of its energy from one decaying exponential with one
        frequency (`relative_residual`) are given no noise, so they have no weight from there on and the mask keeps
        them; the consensus example takes 0.3. 0 leaves all voxels, as the noise tells good from bad by degrees. A
        single echo has no residual.
    progress : callable
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    FieldMap
        `noise` holds thermal noise, the doubt about the phase offset and, where the echoes disagree, as much more as
        that takes.

    Raises
    ------
    ValueError
        If the mask does not fit or is empty, a bipolar readout cannot be told from the field, or the residual leaves
        no voxel.
    Cancelled
        If `progress` raised it.

    Notes
    -----
    After the offset phi0 of the coils is taken off (MCPC-3D-S), each echo alone gives the field omega = phi / TE with
    the variance sigma^2 / (M TE)^2. The average of least variance is

        omega = sum_e w_e phi_e / TE_e / sum_e w_e,   w_e = M_e^2 TE_e^2,

    with the variance sigma^2 / sum_e M_e^2 TE_e^2. The often used w = M TE has a larger one. The offset is the smooth
    function closest to the intercepts of lines through the echoes; what is left of it goes into the field by
    sum M^2 TE / sum M^2 TE^2 and is counted in `noise`. Prefer `romeo_linear` where the offset is not smooth.

    The template is the unwrapped phase of the echo-to-echo differences. In time, echo e is unwrapped next to TE_e times
    the average of the echoes before it. An echo unwrapped on its own is moved by the whole turns that bring its median
    next to that.

    References
    ----------
    Robinson SD et al. An illustrated comparison of processing methods for MR phase imaging and QSM: combining array
    coil signals and phase unwrapping. NMR Biomed 2017;30:e3601. doi: 10.1002/nbm.3601
    Dymerska B et al. Phase unwrapping with a rapid opensource minimum spanning tree algorithm (ROMEO). Magn Reson Med
    2021;85:2294-2308. doi: 10.1002/mrm.28563
    Eckstein K et al. Computationally efficient combination of multi-channel phase data from multi-echo acquisitions
    (ASPIRE). Magn Reson Med 2018;79:2996-3006. doi: 10.1002/mrm.26963
    QSM consensus organization committee. Recommended implementation of quantitative susceptibility mapping for clinical
    research in the brain. Magn Reson Med 2024;91:1834-1862. doi: 10.1002/mrm.30006
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
        echoes = distrusting(echoes, spoiled)
        fit = fit_lines(echoes, differences.slope, part_of(progress, 0.4, 0.5))
        offset = offset_of(
            fit, len(echoes.times), differences.inside, acquisition.grid.spacing, offset_scale,
            part_of(progress, 0.5, 0.6),
        )  # fmt: skip
        del fit
        unwrapped, own = _unwrapped(
            echoes, offset, acquisition, mask, differences, unwrapping == "individual", part_of(progress, 0.6, 0.85)
        )
        notes += (*notes_on(spoiled, acquisition.echo_times), *_notes_on_strange(own, acquisition.echo_times))
        progress(0.85, "averaging the echoes")
        found = unwrapped.estimate(offset, len(echoes.times))
    progress(0.9, "noise map")
    field_map = field_map_of(found, differences, acquisition, mask, notes)
    if largest_residual and len(echoes.times) > 1:
        field_map = _without_noise(field_map, acquisition, mask, found.slope, largest_residual)
    progress(1.0, "field map")
    return field_map


def _without_noise(
    field_map: FieldMap, acquisition: Acquisition, mask: np.ndarray, slope: np.ndarray, largest_residual: float
) -> FieldMap:
    """The field map with the noise 0, which is unknown, where the signal does not follow its model."""
    excluded = np.zeros(mask.shape, dtype=bool)
    excluded[mask] = relative_residual(acquisition, slope, mask) >= largest_residual
    if excluded[mask].all():
        raise ValueError(
            f"largest_residual of {largest_residual:g} leaves no voxel of the mask. Raise it, or set it to 0 for none."
        )
    note = (
        f"{np.mean(excluded[mask]):.1%} of the voxels depart by {largest_residual:g} or more of their signal from one "
        "decay with one frequency: they were given no weight."
    )
    noise = np.where(excluded, np.float32(0), field_map.noise)
    return replace(field_map, noise=noise, notes=(*field_map.notes, note))


def _unwrapped(
    echoes: Echoes, offset: Offset, acquisition: Acquisition, mask: np.ndarray, differences: UnwrappedDifferences,
    individual: bool, progress: Progress,
) -> tuple[_RunningAverage, list[tuple[int, float]]]:  # fmt: skip
    """Average of the unwrapped echoes, and the echoes that did not follow from those before with their departures."""
    average, own, count = _RunningAverage(differences.slope), [], len(echoes.times)
    turn = np.float32(2 * np.pi)
    for echo in range(count):
        part = part_of(progress, echo / count, (echo + 1) / count)
        part(0.0, f"unwrapping echo {echo + 1}")
        weight, phase = echoes.echo(echo)
        phase = phase - offset.values
        expected = average.slope * echoes.times[echo]
        step = wrapped(phase - expected)
        strange = float(np.median(np.abs(step)))
        if individual or strange > _STRANGE:
            step = _on_its_own(phase, acquisition, mask, differences, echo, part) - expected
            step -= turn * np.rint(np.median(step) / turn)
            if not individual:
                own.append((echo, strange))
        average.add(weight, echoes.times[echo, 0], expected + step)
    return average, own


class _RunningAverage:
    """The average of least variance of the slopes of the echoes so far, and its misfit; the first estimate before."""

    def __init__(self, slope: np.ndarray) -> None:
        self.slope = slope.copy()
        self.weight = np.zeros_like(slope)
        self.first_moment = np.zeros_like(slope)
        self.second_moment = np.zeros_like(slope)
        self.misfit = np.zeros_like(slope)

    def add(self, weight: np.ndarray, time: np.float32, phase: np.ndarray) -> None:
        """Take in the unwrapped phase of an echo: one step of recursive least squares."""
        departure = phase - self.slope * time
        before = self.second_moment
        self.second_moment = before + weight * time**2
        # The first echo overrides the first estimate: with nothing before, the gain is 1 / time and nothing misfits.
        self.misfit += weight * departure**2 * (before / self.second_moment)
        self.slope += weight * time / self.second_moment * departure
        self.weight += weight
        self.first_moment += weight * time

    def estimate(self, offset: Offset, echoes: int) -> SlopeEstimate:
        """Slopes with what noise, disagreement and the offset make of their deviation."""
        variance = np.float32(offset.noise)
        thermal = np.sqrt(variance / self.second_moment) * noise_floor_factor(self.weight / variance, echoes)
        thermal *= disagreement_factor(self.misfit / variance, echoes - 1)
        systematic = self.first_moment / self.second_moment * np.sqrt(offset.variance)
        return SlopeEstimate(self.slope, np.hypot(thermal, systematic), np.sqrt(self.misfit / self.weight))


def _on_its_own(
    phase: np.ndarray, acquisition: Acquisition, mask: np.ndarray, differences: UnwrappedDifferences, echo: int,
    progress: Progress,
) -> np.ndarray:  # fmt: skip
    """Phase of an echo, less the offset, unwrapped in space; shape (n,)."""
    volume = volume_of(wrapped(phase), differences.inside)
    weights = edge_weights(volume, magnitude=acquisition.magnitude[echo][bounding_box(mask)])
    return unwrap_spatially(volume, differences.inside, weights=weights, progress=progress)[differences.inside]


def _notes_on_strange(own: list[tuple[int, float]], echo_times: tuple[float, ...]) -> tuple[str, ...]:
    return tuple(
        f"Echo {echo + 1} ({1000 * echo_times[echo]:g} ms) does not follow from the echoes before it (median departure "
        f"{strange:.2g} rad): it was unwrapped on its own in space instead of in time."
        for echo, strange in own
    )
