"""RESHARP: background field removal by spherical mean values, inverted by regularised least squares."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..acquisition import checked_mask, checked_volume
from ..grid import Grid
from ..numerics.conjugate_gradients import conjugate_gradients
from ..numerics.crop import bounding_box
from ..parameter import Parameter
from ..progress import Progress, no_progress
from . import LocalField
from .residual import ResidualDegree, ResidualFunctions, remove_residual
from .spherical_mean import SphericalMean
from .trusted_voxels import trusted_voxels


def resharp(
    field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    radius: Annotated[float, Parameter("Sphere radius", unit="mm", range=(0.3, 40))] = 6.0,
    regularization: Annotated[float, Parameter("Regularization", range=(1e-8, 1.0))] = 1e-4,
    tolerance: Annotated[float, Parameter("Relative residual at which to stop", range=(1e-6, 0.5))] = 1e-3,
    max_iterations: Annotated[int, Parameter("Largest number of iterations", range=(1, 1000))] = 50,
    residual_degree: ResidualDegree = -1,
    residual_functions: ResidualFunctions = "harmonics",
    progress: Progress = no_progress,
) -> LocalField:
    """Remove the background field by spherical mean values with Tikhonov regularization (RESHARP).

    Parameters
    ----------
    field : ndarray, float32, shape (k, j, i)
        Total field in ppm.
    mask : ndarray, bool, shape (k, j, i)
        The brain.
    grid : Grid
        Geometry.
    weights : ndarray, float32, shape (k, j, i), optional
        Reciprocal of the noise sd of `field`, in 1/ppm; it determines the noise of the result, and very noisy voxels
        at the edge of the mask are left out.
    radius : float
        Of the sphere, in mm. A larger one keeps more of the low spatial frequencies, in a smaller mask.
    regularization : float
        Weight of the size of the local field. The more, the less background is left and the more local field is lost.
    tolerance : float
        Stop when the residual of the normal equations has fallen to this share.
    max_iterations : int
        Stop at the latest after so many iterations.
    residual_degree : int
        Functions up to this degree are then taken off the local field, too (`remove_residual`); -1 for none, which
        is best on the head phantom.
    residual_functions : str
        Which these are: "harmonics", as backgrounds are, or all "polynomials".
    progress : callable
        See `progress`.

    Returns
    -------
    LocalField
        Its mask leaves out voxels around which the sphere does not fit.

    Raises
    ------
    ValueError
        If arrays do not fit together, or the sphere does not fit into the mask.

    Notes
    -----
    With rho the sphere and M its interior, the local field minimises ||M (delta - rho) * (f_L - f)||^2 +
    regularization ||f_L||^2. Solved by conjugate gradients on the normal equations, preconditioned by their inverse in
    an unbounded mask: three pairs of Fourier transforms for each iteration, some five to ten of them, and four more.

    References
    ----------
    Sun & Wilman, Magn Reson Med 2014, 10.1002/mrm.24765
    """
    mask = checked_mask(mask, grid.shape)
    field = checked_volume("field", field, grid.shape)
    if weights is not None:
        weights = checked_volume("weights", weights, grid.shape)
    progress(0.0, "spheres in the mask")
    box = bounding_box(mask)
    trusted = trusted_voxels(mask[box], None if weights is None else weights[box])
    mean = SphericalMean(trusted, grid.spacing, radius)
    progress(0.0, "spherical mean of the field")

    def normal(local: np.ndarray) -> np.ndarray:
        product = mean.adjoint_departure(mean.departure(local))
        product += np.float32(regularization) * local
        product *= trusted
        return product

    # The inverse of the operator if the sphere fitted everywhere. At the rim it does not, and a larger regularization
    # keeps conjugate gradients from starting too far off.
    transfer = 1 / (np.square(1 - mean.spectrum) + np.float32(10 * regularization))

    def precondition(residual: np.ndarray) -> np.ndarray:
        return trusted * mean.filtered(residual, transfer)

    right = mean.adjoint_departure(mean.departure(np.where(trusted, field[box], np.float32(0))))
    right *= trusted
    local = np.zeros_like(right)
    for iteration, step in enumerate(conjugate_gradients(normal, right, precondition), start=1):
        local = step.solution
        progress(iteration / max_iterations, f"iteration {iteration}, residual {100 * step.residual:.1f} %")
        if step.residual < tolerance or iteration == max_iterations:
            break
    local_field = LocalField.within(local, mean.interior, box, grid, weights)
    return remove_residual(local_field, grid, degree=residual_degree, functions=residual_functions)
