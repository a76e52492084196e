"""Hybrid data fidelity: absolute misfit first, squared misfit after (HD-QSM)."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..grid import Grid
from ..parameter import Parameter
from ..progress import Progress, no_progress, part_of
from .padded_field import PaddedField
from .splitting import SplitInversion, SquaredMisfit, field_penalty, iterated


def hd_qsm(
    field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    regularization: Annotated[float, Parameter("Regularization", unit="mm/ppm", range=(0.01, 1e5))] = 100.0,
    model_error: Annotated[float, Parameter("Model error of the field", unit="ppm", range=(1e-5, 0.1))] = 0.001,
    margin: Annotated[float, Parameter("Margin around the mask", unit="mm", range=(2, 100))] = 16.0,
    absolute_iterations: Annotated[int, Parameter("Iterations with absolute misfit", range=(1, 1000))] = 20,
    tolerance: Annotated[float, Parameter("Relative change at which to stop", range=(0, 0.1))] = 0.002,
    max_iterations: Annotated[int, Parameter("Largest number of further iterations", range=(1, 1000))] = 60,
    integrated_kernel: Annotated[bool, Parameter("Dipole kernel integrated over voxels")] = False,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Find where the field contradicts the model by absolute misfit, then invert with less weight there (HD-QSM).

    Parameters
    ----------
    field : ndarray, float32, shape (k, j, i)
        Local field in ppm.
    mask : ndarray, bool, shape (k, j, i)
        Where susceptibility is sought.
    grid : Grid
        Geometry.
    weights : ndarray, float32, shape (k, j, i), optional
        Reciprocal of the noise sd of `field`, in 1/ppm. Voxels of weight 0 take no part in the fit.
    regularization : float
        Weight of the total variation, in mm/ppm: the reciprocal of a typical gradient.
    model_error : float
        What the field deviates from the dipole model besides noise, in ppm, added to the noise in quadrature.
    margin : float
        Volume around the mask in which sources may absorb what is left of the background field, in mm.
    absolute_iterations : int
        Iterations of the first stage.
    tolerance : float
        Stop the second stage when one iteration changes susceptibility by less than this share.
    max_iterations : int
        Stop the second stage at the latest after so many iterations.
    integrated_kernel : bool
        Take voxels for uniformly magnetized boxes. Not the default on any voxels: see `PaddedField.dipole`.
    progress : callable
        See `progress`.

    Returns
    -------
    ndarray, float32, shape (k, j, i)
        Susceptibility in ppm, 0 outside the mask.

    Raises
    ------
    ValueError
        If arrays do not fit together or no voxel has a weight.

    Notes
    -----
    First minimises ||W (D x - f)||_1 + sqrt(lambda) sum_mask |grad x|, W the reciprocal of the noise: outliers pull no
    harder than any other voxel. With d = |D x - f| over its largest value, W (1 - d) is then the weight in
    1/2 ||W (D x - f)||^2 + lambda sum_mask |grad x|, which starts from the x at hand. The square root of the published
    method belongs to fields in rad and W near 1; it gives the same ratio here, where W is in units of the noise, if
    noise is near 1 ppb. Each iteration takes two pairs of Fourier transforms.

    References
    ----------
    Lambert et al., Magn Reson Med 2022, 10.1002/mrm.29218
    """
    padded = PaddedField.around(
        field, mask, grid, weights, model_error=model_error, margin=margin, integrated=integrated_kernel
    )
    penalty = field_penalty(padded)
    data, precision = padded.measured
    start = absolute_iterations / (absolute_iterations + max_iterations)
    solver = SplitInversion(padded, regularization**0.5, AbsoluteMisfit(data, precision, penalty))
    iterated(solver, 0.0, absolute_iterations, part_of(progress, 0.0, start, "absolute misfit"))

    discrepancy = np.where(precision > 0, np.abs(solver.model - data), np.float32(0))
    trusted = precision * (1 - discrepancy / max(float(discrepancy.max()), 1e-12)) ** 2
    solver.exchange(regularization, SquaredMisfit(data, trusted, penalty))
    return padded.whole(iterated(solver, tolerance, max_iterations, part_of(progress, start, 1.0, "squared misfit")))


class AbsoluteMisfit:
    """The multiplier of ||W (z - f)||_1: v - f, but no longer than w / penalty, w = |W|."""

    def __init__(self, data: np.ndarray, precision: np.ndarray, penalty: float) -> None:
        self.data = data
        self.longest = np.sqrt(precision) / np.float32(penalty)

    def __call__(self, v: np.ndarray) -> np.ndarray:
        v -= self.data
        return np.clip(v, -self.longest, self.longest, out=v)
