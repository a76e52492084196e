"""Single-step inversion of the total field with total generalized variation."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
import scipy.ndimage

from ..grid import Grid
from ..numerics.conjugate_gradients import conjugate_gradients
from ..numerics.multigrid import LaplaceMultigrid
from ..numerics.split_curvature import SplitCurvature
from ..parameter import Parameter
from ..progress import Progress, no_progress, part_of
from .padded_field import PaddedField
from .splitting import gradient_threshold, iterated
from .weak_harmonic_tv import WeakHarmonicSolver

#: The first harmonic field is good when the Laplacian that is left has fallen to this share. What is left of the
#: background is fitted with susceptibility afterwards.
_LAPLACE_TOLERANCE = 1e-4
_LAPLACE_ITERATIONS = 30


def single_step_tgv(
    total_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    phase_scale: Annotated[float, Parameter("Phase per field", unit="rad/ppm", range=(0.1, 1000))] = 16.0,
    regularization: Annotated[float, Parameter("Regularization", unit="mm/ppm", range=(0.01, 1e5))] = 100.0,
    slope_length: Annotated[float, Parameter("Slope length", unit="mm", range=(0.1, 1000))] = 3.0,
    harmonicity: Annotated[float, Parameter("Weight of harmonicity", unit="mm^2/ppm", range=(1, 1e7))] = 10000.0,
    model_error: Annotated[float, Parameter("Model error of the field", unit="ppm", range=(1e-5, 0.1))] = 0.001,
    margin: Annotated[float, Parameter("Margin around the mask", unit="mm", range=(2, 100))] = 16.0,
    tolerance: Annotated[float, Parameter("Relative change at which to stop", range=(0, 0.1))] = 0.002,
    max_iterations: Annotated[int, Parameter("Largest number of iterations", range=(1, 1000))] = 100,
    integrated_kernel: Annotated[bool, Parameter("Dipole kernel integrated over voxels")] = False,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Find susceptibility and the harmonic background of the total field at once, without removing it (TGV-QSM).

    Parameters
    ----------
    total_field : ndarray, float32, shape (k, j, i)
        Total field in ppm, unwrapped, with the background in it.
    mask : ndarray, bool, shape (k, j, i)
        Where susceptibility is sought.
    grid : Grid
        Geometry.
    weights : ndarray, float32, shape (k, j, i), optional
        Reciprocal of the noise sd of `total_field`, in 1/ppm. Voxels of weight 0 take no part in the fit.
    phase_scale : float
        Phase that 1 ppm makes, in rad (see `nonlinear_tv`).
    regularization : float
        Weight of what gradients are left beside the slope, in mm/ppm: the reciprocal of a typical one.
    slope_length : float
        Weight of the bends of the slope over that of the gradients, in mm (see `tgv`). The published weights have the
        ratio 3, too.
    harmonicity : float
        How strictly the background is harmonic inside the mask: the reciprocal of the Laplacian it may have, in
        mm^2/ppm.
    model_error : float
        What the field deviates from the model besides noise, in ppm, added to the noise in quadrature.
    margin : float
        Padding around the mask, in mm.
    tolerance : float
        Stop when one iteration changes susceptibility by less than this share.
    max_iterations : int
        Stop at the latest after so many iterations.
    integrated_kernel : bool
        Take voxels for uniformly magnetized boxes. Not the default on any voxels: see `PaddedField.dipole`.
    progress : callable
        See `progress`.

    Returns
    -------
    ndarray, float32, shape (k, j, i)
        Susceptibility in ppm, 0 outside the mask and in the very noisy voxels at its edge that are left out.

    Raises
    ------
    ValueError
        If arrays do not fit together, or voxels with a weight nowhere have neighbours with a weight all round.

    Notes
    -----
    The published method minimises 1/2 ||psi||^2 + TGV(x) under laplacian psi = laplacian (D x - f) inside the mask. As
    psi = D x - f + h with h harmonic, this is 1/2 ||W (D x + h - f)||^2 + TGV(x) over x and the harmonic h, here with
    the noise as weight, the complex misfit of `nonlinear_tv`, and beta^2 / 2 sum (laplacian h)^2 in place of the
    constraint. TGV(x) = lambda min_v sum_mask (|grad x - v| + c |sym grad v|), c being the slope length.

    The harmonic field that equals f at the edge of the mask is found first, by multigrid, and taken off the data: h is
    then only what it has to change, and 100 iterations of the alternating direction method of multipliers, of three
    pairs of Fourier transforms each, suffice where the published primal-dual method takes a thousand.

    References
    ----------
    Langkammer et al., NeuroImage 2015, 10.1016/j.neuroimage.2015.02.041;
    Milovic et al., Magn Reson Med 2019, 10.1002/mrm.27483 (harmonic field)
    """
    padded = PaddedField.around(
        total_field, mask, grid, weights, model_error=model_error, margin=margin, integrated=integrated_kernel,
        trusted_edge=True,
    )  # fmt: skip
    interior = scipy.ndimage.binary_erosion(padded.precision > 0)
    if not interior.any():
        raise ValueError(
            "weights must be positive in some voxel of the mask and all its neighbours, but they are so in none. Check "
            "the mask and the noise map."
        )
    data = _zero_at_the_edge(padded.data, interior, grid.spacing, part_of(progress, 0.0, 0.1, "harmonic field"))
    progress(0.1, "weights")
    data = replace(padded, data=data)
    gradients = SplitCurvature(padded.region, grid.spacing, gradient_threshold(padded), slope_length)
    solver = WeakHarmonicSolver(data, phase_scale, regularization, harmonicity, gradients, interior)
    return padded.whole(iterated(solver, tolerance, max_iterations, part_of(progress, 0.1, 1.0)))


def _zero_at_the_edge(
    field: np.ndarray, interior: np.ndarray, spacing: tuple[float, float, float], progress: Progress
) -> np.ndarray:
    """The field less the harmonic field that equals it around the interior: 0 outside the interior."""
    laplace = LaplaceMultigrid(interior, spacing)
    local = np.zeros_like(field)
    for iteration, step in enumerate(conjugate_gradients(laplace.apply, laplace.apply(field), laplace.cycle), start=1):
        local = step.solution
        progress(iteration / _LAPLACE_ITERATIONS, f"iteration {iteration}")
        if step.residual < _LAPLACE_TOLERANCE or iteration == _LAPLACE_ITERATIONS:
            break
    return local
