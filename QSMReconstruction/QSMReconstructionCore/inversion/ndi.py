"""Nonlinear dipole inversion by gradient descent that stops early."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..grid import Grid
from ..parameter import Parameter
from ..progress import Progress, no_progress
from .padded_field import PaddedField
from .splitting import relative_change

#: Step of the descent. The curvature of the misfit is at most max|D|^2 max w = 4/9 for weights up to 1, so that any
#: step below 4.5 descends.
_STEP = np.float32(2.0)


def ndi(
    field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    phase_scale: Annotated[float, Parameter("Phase per field", unit="rad/ppm", range=(0.1, 1000))] = 16.0,
    model_error: Annotated[float, Parameter("Model error of the field", unit="ppm", range=(1e-5, 0.1))] = 0.001,
    discrepancy: Annotated[float, Parameter("Misfit in units of the noise at which to stop", range=(0, 100))] = 0.5,
    tolerance: Annotated[float, Parameter("Relative change at which to stop", range=(0, 0.1))] = 0.002,
    max_iterations: Annotated[int, Parameter("Largest number of iterations", range=(1, 1000))] = 200,
    integrated_kernel: Annotated[bool, Parameter("Dipole kernel integrated over voxels")] = False,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Fit the complex signal by gradient descent, without a penalty: stopping early is the regularization (NDI).

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
        Phase that 1 ppm makes, in rad: 2 pi gamma B0 TE. What deviates by half a turn or more no longer pulls the fit.
        16 rad/ppm is 3 T at 20 ms, where half a turn is 0.2 ppm.
    model_error : float
        What the field deviates from the dipole model besides noise, in ppm, added to the noise in quadrature.
    discrepancy : float
        Stop when the root mean square of the weighted misfit reaches this many noise standard deviations. At 1 the
        fit is as good as the noise allows on the whole, but fine structures are still too weak.
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
        Susceptibility in ppm, 0 outside the mask.

    Raises
    ------
    ValueError
        If arrays do not fit together or no voxel has a weight.

    Notes
    -----
    Descends by x <- x - tau D (w / s) sin(s (D x - f)), the gradient of 1/2 sum w |exp(i s D x) - exp(i s f)|^2 / s^2,
    where w is the reciprocal variance relative to its largest value and s the phase scale. Each iteration takes two
    pairs of Fourier transforms.

    References
    ----------
    Polak et al., NMR Biomed 2020, 10.1002/nbm.4271
    """
    padded = PaddedField.around(field, mask, grid, weights, model_error=model_error, integrated=integrated_kernel)
    largest = padded.precision.max()
    weight = padded.precision / largest
    scale = np.float32(phase_scale)
    known = np.count_nonzero(weight)
    x = np.zeros(padded.shape, dtype=np.float32)
    for iteration in range(max_iterations):
        misfit = np.sin(scale * (padded.convolved(x) - padded.data)) / scale
        size = float(np.sqrt(largest * np.vdot(misfit, weight * misfit) / known))
        if size < discrepancy:
            break
        step = padded.convolved(_STEP * weight * misfit)
        previous, x = x, x - step
        change = relative_change(previous, x, padded.region)
        progress((iteration + 1) / max_iterations, f"iteration {iteration + 1}, misfit {size:.1f} x noise")
        if change < tolerance:
            break
    return padded.whole(x)
