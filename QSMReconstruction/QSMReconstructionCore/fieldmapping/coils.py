"""Uncombined coils: one phase and magnitude from those of all receivers (MCPC-3D-S)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter

from ..acquisition import checked_echo_times
from ..grid import Grid
from ..numerics.blocks import block_mean, magnified
from ..numerics.romeo_weights import edge_weights
from ..progress import Progress, no_progress, part_of
from .unwrapping import unwrap_spatially

#: Offsets are smoothed on blocks of this fraction of the width of the Gaussian.
_BLOCKS_PER_WIDTH = 3

#: Voxels darker than this fraction of bright tissue say nothing about the coils.
_DARK = 0.1

#: Echo time ratios this near to a whole number need no unwrapping.
_WHOLE = 1e-3


def combine_coils(
    magnitude: Sequence[np.ndarray],
    phase: Sequence[np.ndarray],
    echo_times: Sequence[float],
    grid: Grid,
    *,
    smoothing: float = 10.0,
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Combine the images of single coils after taking off each coil's own phase offset (MCPC-3D-S).

    Parameters
    ----------
    magnitude, phase : sequence of ndarray, one of shape (echo, k, j, i) for each coil
        Arrays of shape (coil, echo, k, j, i) will do, also such that lie on disk (`numpy.memmap`), or any sequence that
        reads a coil when it is asked for: one coil is used at a time, twice in all. Phase in rad.
    echo_times : sequence of float
        At least two, in s, increasing.
    grid : Grid
        Geometry of one echo.
    smoothing : float
        Standard deviation, in mm, of the Gaussian that frees the offsets from noise. The default is small against the
        way on which a coil's phase turns.
    progress : callable
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    magnitude, phase : ndarray, float32, shape (echo, k, j, i)
        What an `Acquisition` takes.

    Raises
    ------
    ValueError
        If numbers of coils or echoes or shapes do not fit together, values are not finite, or there is no signal.
    Cancelled
        If `progress` raised it.

    Notes
    -----
    With S_ce of coil c and echo e, the phase offset of each coil follows from the first two echoes,

        Delta = angle sum_c S_c2 conj(S_c1)   (unwrapped in space),
        phi_c = angle of the smoothed M_c1 exp(i (arg S_c1 - Delta TE1 / (TE2 - TE1))),

    and the coils are summed with the weights of the matched filter,

        S_e = sum_c M_c1 exp(-i phi_c) S_ce / sqrt(sum_c M_c1^2).

    Noise of equal standard deviation in all coils keeps it. The weights do not change from echo to echo: what is wrong
    with an offset makes the sum weaker, but adds no phase that grows with echo time, so the field stays exact. That
    holds for everything that coils have in common, too, whole turns of Delta or odd-even phase of bipolar readouts. If
    TE1 is a multiple of TE2 - TE1, whole turns of Delta cancel and it is not unwrapped (ASPIRE).

    References
    ----------
    Eckstein K et al. Computationally efficient combination of multi-channel phase data from multi-echo acquisitions
    (ASPIRE). Magn Reson Med 2018;79:2996-3006. doi: 10.1002/mrm.26963
    Roemer PB et al. The NMR phased array. Magn Reson Med 1990;16:192-225. doi: 10.1002/mrm.1910160203
    """
    times = checked_echo_times(echo_times)
    if len(times) < 2:
        raise ValueError("echo_times must be at least two to tell the phase offset of each coil, but got one.")
    if len(magnitude) != len(phase) or not len(phase):
        raise ValueError(
            f"magnitude and phase must hold the same coils, but magnitude has {len(magnitude)} and phase {len(phase)}."
        )
    if not smoothing > 0:
        raise ValueError(f"smoothing must be a positive width in mm, but got {smoothing}.")
    coils = [_Coil(number, magnitude, phase, (len(times), *grid.shape)) for number in range(len(phase))]

    real, imaginary = np.zeros(grid.shape, np.float32), np.zeros(grid.shape, np.float32)
    for number, coil in enumerate(coils):
        progress(0.3 * number / len(coils), f"comparing echoes of coil {number + 1}")
        first, second = coil.echo(0), coil.echo(1)
        product = first[0] * second[0]
        difference = second[1] - first[1]
        real += product * np.cos(difference)
        imaginary += product * np.sin(difference)
    difference, strength = np.arctan2(imaginary, real), np.sqrt(np.hypot(real, imaginary))
    del real, imaginary
    bright = strength > _DARK * np.percentile(strength, 99)
    if not bright.any():
        raise ValueError("magnitude has no signal in its first two echoes: there is nothing to combine.")
    ratio = times[0] / (times[1] - times[0])
    if abs(ratio - round(ratio)) > _WHOLE:
        weights = edge_weights(difference, magnitude=strength)
        difference = unwrap_spatially(difference, bright, weights=weights, progress=part_of(progress, 0.3, 0.5))
    difference *= np.float32(ratio)

    real, imaginary = np.zeros((len(times), *grid.shape), np.float32), np.zeros((len(times), *grid.shape), np.float32)
    norm = np.zeros(grid.shape, np.float32)
    for number, coil in enumerate(coils):
        part = part_of(progress, 0.5 + 0.45 * number / len(coils), 0.5 + 0.45 * (number + 1) / len(coils))
        part(0.0, f"phase offset of coil {number + 1}")
        weight, angle = coil.echo(0)
        offset = _smooth_angle(np.where(bright, weight, np.float32(0)), angle - difference, grid.spacing, smoothing)
        norm += weight * weight
        for echo in range(len(times)):
            part(0.4 + 0.6 * echo / len(times), f"adding coil {number + 1}")
            amplitude, angle = coil.echo(echo)
            amplitude = amplitude * weight
            angle = angle - offset
            real[echo] += amplitude * np.cos(angle)
            imaginary[echo] += amplitude * np.sin(angle)
    progress(0.95, "coils combined")
    np.sqrt(norm, out=norm)
    combined = np.hypot(real, imaginary)
    np.divide(combined, norm, out=combined, where=norm > 0)
    angle = np.arctan2(imaginary, real, out=imaginary)
    progress(1.0, "coils combined")
    return combined, angle


class _Coil:
    """The echoes of one coil, read and checked when they are needed."""

    def __init__(self, number: int, magnitude, phase, shape: tuple[int, ...]) -> None:
        self.number, self.volumes, self.shape = number, {"magnitude": magnitude, "phase": phase}, shape

    def echo(self, echo: int) -> tuple[np.ndarray, np.ndarray]:
        """Magnitude and phase of one echo, float32."""
        found = []
        for name, volumes in self.volumes.items():
            volume = volumes[self.number]
            if np.shape(volume) != self.shape:
                raise ValueError(
                    f"{name} of coil {self.number + 1} must have the shape {self.shape} (echo, k, j, i), but has "
                    f"{np.shape(volume)}."
                )
            values = np.asarray(volume[echo], np.float32)
            if not np.isfinite(values).all():
                raise ValueError(f"{name} of coil {self.number + 1}, echo {echo + 1}, has values that are not finite.")
            found.append(values)
        return found[0], found[1]


def _smooth_angle(
    weight: np.ndarray, angle: np.ndarray, spacing: tuple[float, float, float], width: float
) -> np.ndarray:
    """Angle of the phasors weight * exp(i angle), smoothed by a Gaussian of the given width in mm."""
    factors = tuple(max(1, int(width / (_BLOCKS_PER_WIDTH * h))) for h in spacing)
    sigma = [width / (h * f) for h, f in zip(spacing, factors)]
    parts = []
    for part in (np.cos(angle), np.sin(angle)):
        part *= weight
        blocks = gaussian_filter(block_mean(part, factors), sigma, mode="constant", truncate=3.0)
        parts.append(magnified(blocks, factors, weight.shape))
    return np.arctan2(parts[1], parts[0])
