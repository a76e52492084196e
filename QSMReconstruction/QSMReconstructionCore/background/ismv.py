"""iSMV: background field removal by repeated spherical mean values."""

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


def ismv(
    field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    radius: Annotated[float, Parameter("Sphere radius", unit="mm", range=(0.3, 40))] = 5.0,
    tolerance: Annotated[float, Parameter("Relative residual at which to stop", range=(1e-6, 0.5))] = 0.01,
    max_iterations: Annotated[int, Parameter("Largest number of iterations", range=(1, 1000))] = 100,
    residual_degree: ResidualDegree = -1,
    residual_functions: ResidualFunctions = "harmonics",
    progress: Progress = no_progress,
) -> LocalField:
    """Remove the background field by repeated spherical mean values (iSMV).

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
        Of the sphere, in mm. The field in the shell of this thickness at the edge of the mask counts as background.
    tolerance : float
        Stop when the background field departs from its spherical mean by less than this share of what the field does.
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
    With rho the sphere and M its interior, the background field is the fixed point of b <- M (rho * b) + (1 - M) f:
    the field itself in the shell, and in the interior a field that equals its own spherical means. The published
    iteration needs many hundreds of steps to come near it. With f_L = f - b the fixed point reads
    M (delta - rho) * f_L = M (delta - rho) * f for an f_L that is 0 outside the interior, whose operator is symmetric
    and positive, so conjugate gradients reach it in a few dozen. One pair of Fourier transforms for each iteration and
    two more.

    References
    ----------
    Wen et al., Magn Reson Med 2014, 10.1002/mrm.24998
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

    right = mean.departure(np.where(trusted, field[box], np.float32(0)))
    local = np.zeros_like(right)
    for iteration, step in enumerate(conjugate_gradients(mean.departure, right), start=1):
        local = step.solution
        progress(iteration / max_iterations, f"iteration {iteration}, residual {100 * step.residual:.1f} %")
        if step.residual < tolerance or iteration == max_iterations:
            break
    local_field = LocalField.within(local, mean.interior, box, grid, weights)
    return remove_residual(local_field, grid, degree=residual_degree, functions=residual_functions)
