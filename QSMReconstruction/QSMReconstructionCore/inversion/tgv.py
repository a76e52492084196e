"""Nonlinear total-generalized-variation inversion (FANSI)."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..grid import Grid
from ..numerics.split_curvature import SplitCurvature
from ..parameter import Parameter
from ..progress import Progress, no_progress
from .nonlinear_tv import ComplexMisfit
from .padded_field import PaddedField
from .splitting import SplitInversion, field_penalty, gradient_threshold, iterated


def tgv(
    field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    phase_scale: Annotated[float, Parameter("Phase per field", unit="rad/ppm", range=(0.1, 1000))] = 16.0,
    regularization: Annotated[float, Parameter("Regularization", unit="mm/ppm", range=(0.01, 1e5))] = 100.0,
    slope_length: Annotated[float, Parameter("Slope length", unit="mm", range=(0.1, 1000))] = 3.0,
    model_error: Annotated[float, Parameter("Model error of the field", unit="ppm", range=(1e-5, 0.1))] = 0.001,
    margin: Annotated[float, Parameter("Margin around the mask", unit="mm", range=(2, 100))] = 16.0,
    tolerance: Annotated[float, Parameter("Relative change at which to stop", range=(0, 0.1))] = 0.002,
    max_iterations: Annotated[int, Parameter("Largest number of iterations", range=(1, 1000))] = 100,
    integrated_kernel: Annotated[bool, Parameter("Dipole kernel integrated over voxels")] = False,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Fit the complex signal with noise weights and total generalized variation, which takes slopes as they are (TGV).

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
    phase_scale : float
        Phase that 1 ppm makes, in rad (see `nonlinear_tv`): the data term works on the phase in rad.
    regularization : float
        Weight of what gradients are left beside the slope, in mm/ppm: the reciprocal of a typical one. In units of the
        noise, as for `weighted_tv`.
    slope_length : float
        Weight of the bends of the slope over that of the gradients, in mm. Three voxels of 1 mm are the usual ratio; a
        very long one leaves total variation alone, with its flat steps. Slopes that cost little let noise and shading
        through: where tissue is even, as in the head phantom, total variation is better by 2 to 5 points at any length.
    model_error : float
        What the field deviates from the dipole model besides noise, in ppm, added to the noise in quadrature.
    margin : float
        Volume around the mask in which sources may absorb what is left of the background field, in mm.
    tolerance : float
        Stop when one iteration changes susceptibility by less than this share.
    max_iterations : int
        Stop at the latest after so many iterations; slopes take more of them than the steps of total variation.
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
    Minimises 1/2 ||W (exp(i s D x) - exp(i s f))||^2 / s^2 + lambda min_v sum_mask (|grad x - v| + c |sym grad v|)
    with s the phase scale, W the reciprocal of the noise and c the slope length. Solved by the alternating direction
    method of multipliers with z1 = grad x - v, z0 = sym grad v and z2 = D x, the last by Newton steps in each voxel;
    v takes one step down its gradient per iteration, so that no Fourier transforms are spent on it. Each iteration
    takes two pairs.

    References
    ----------
    Milovic et al., Magn Reson Med 2018, 10.1002/mrm.27073;
    Bredies et al., SIAM J Imaging Sci 2010, 10.1137/090769521 (total generalized variation)
    """
    padded = PaddedField.around(
        field, mask, grid, weights, model_error=model_error, margin=margin, integrated=integrated_kernel
    )
    misfit = ComplexMisfit(*padded.measured, phase_scale, field_penalty(padded))
    gradients = SplitCurvature(padded.region[padded.corner], grid.spacing, gradient_threshold(padded), slope_length)
    solver = SplitInversion(padded, regularization, misfit, gradients)
    return padded.whole(iterated(solver, tolerance, max_iterations, progress))
