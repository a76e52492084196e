"""Rapid two-step inversion."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..grid import Grid
from ..numerics.fourier import forward, inverse
from ..numerics.least_squares import least_squares
from ..numerics.split_gradient import SplitGradient
from ..parameter import Parameter
from ..progress import Progress, no_progress, part_of
from .padded_field import PaddedField
from .splitting import gradient_threshold, laplacian_spectrum, relative_size


def rts(
    field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    threshold: Annotated[float, Parameter("Kernel threshold", range=(0.01, 0.66))] = 0.1,
    regularization: Annotated[float, Parameter("Regularization", unit="mm/ppm", range=(0.01, 1e5))] = 100.0,
    model_error: Annotated[float, Parameter("Model error of the field", unit="ppm", range=(0, 0.1))] = 0.001,
    least_squares_steps: Annotated[int, Parameter("Least-squares steps", range=(1, 100))] = 8,
    tolerance: Annotated[float, Parameter("Relative change at which to stop", range=(0, 0.1))] = 0.01,
    max_iterations: Annotated[int, Parameter("Largest number of iterations", range=(1, 1000))] = 40,
    integrated_kernel: Annotated[bool, Parameter("Dipole kernel integrated over voxels")] = False,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Invert by a few least-squares steps, then fill the ill-conditioned frequencies by total variation (RTS).

    Parameters
    ----------
    field : ndarray, float32, shape (k, j, i)
        Local field in ppm.
    mask : ndarray, bool, shape (k, j, i)
        Where susceptibility is sought.
    grid : Grid
        Geometry.
    weights : ndarray, float32, shape (k, j, i), optional
        Reciprocal of the noise sd of `field`, in 1/ppm.
    threshold : float
        Frequencies with |D| above it keep the values of the first step; the second finds the others.
    regularization : float
        Weight of the total variation, in mm/ppm: the reciprocal of a typical gradient.
    model_error : float
        What the field deviates from the dipole model besides noise, in ppm, added to the noise in quadrature.
    least_squares_steps : int
        Steps of the first stage. Few: well-conditioned frequencies converge first, the others gather noise. After
        four, as published, a tenth of the contrast is still missing.
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
    The first stage takes LSMR steps from 0 on ||W (D x - f)||, which gives x1. The second minimises
    1/2 ||P (x - x1)||^2 / sigma^2 + lambda sum |grad x|, where P passes frequencies with |D| > threshold and sigma is
    the median noise, with one split, z = grad x. A least-squares step takes two pairs of Fourier transforms, an
    iteration of the second stage one.

    References
    ----------
    Kames et al., NeuroImage 2018, 10.1016/j.neuroimage.2017.11.018;
    Fong and Saunders, SIAM J Sci Comput 2011, 10.1137/10079687X (LSMR)
    """
    padded = PaddedField.around(field, mask, grid, weights, model_error=model_error, integrated=integrated_kernel)
    weight = np.sqrt(padded.precision / np.float32(padded.typical_precision))
    first = least_squares(
        lambda x: weight * padded.convolved(x), lambda y: padded.convolved(weight * y), weight * padded.data,
        padded.shape, steps=least_squares_steps, progress=part_of(progress, 0.0, 0.3),
    )

    penalty = np.float32(regularization / gradient_threshold(padded))
    kept = np.float32(padded.typical_precision) * (np.abs(padded.dipole) > threshold)
    normal = kept + penalty * laplacian_spectrum(padded)
    normal[0, 0, 0] = np.inf
    # What the spectrum of x still lacks of that of x1; x starts from 0.
    lacking = forward(first)
    lacking *= kept
    gradients = SplitGradient(padded.region, padded.grid.spacing, gradient_threshold(padded))
    pull, susceptibility = np.zeros_like(first), np.zeros_like(first)
    for iteration in range(max_iterations):
        spectrum = forward(pull)
        spectrum *= penalty
        spectrum += lacking
        spectrum /= normal
        lacking -= kept * spectrum
        step = inverse(spectrum, padded.shape)
        susceptibility += step
        gradients.update(susceptibility, pull)
        change = relative_size(step, susceptibility, padded.region)
        done = 0.3 + 0.7 * (iteration + 1) / max_iterations
        progress(done, f"iteration {iteration + 1}, change {100 * change:.1f} %")
        if change < tolerance:
            break
    return padded.whole(susceptibility)
