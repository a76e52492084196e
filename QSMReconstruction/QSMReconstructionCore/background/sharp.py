"""SHARP: background field removal by spherical mean values of one radius."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..grid import Grid
from ..parameter import Parameter
from ..progress import Progress, no_progress
from . import LocalField
from .residual import ResidualDegree, ResidualFunctions
from .vsharp import vsharp


def sharp(
    field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    radius: Annotated[float, Parameter("Sphere radius", unit="mm", range=(0.3, 40))] = 6.0,
    threshold: Annotated[float, Parameter("Deconvolution threshold", range=(0.0, 0.5))] = 0.05,
    residual_degree: ResidualDegree = -1,
    residual_functions: ResidualFunctions = "harmonics",
    progress: Progress = no_progress,
) -> LocalField:
    """Remove the background field by spherical mean values of one radius (SHARP).

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
    threshold : float
        Frequencies at which the filter passes less than this share are set to zero.
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
    With rho the sphere and M its interior, f_L = M F^-1[F[M (delta - rho) * f] / (1 - F rho)], where the quotient is
    set to zero if |1 - F rho| is at most `threshold`. V-SHARP with a single radius. Three Fourier transforms of a field
    and two for the sphere.

    References
    ----------
    Schweser et al., NeuroImage 2011, 10.1016/j.neuroimage.2010.10.070
    """
    return vsharp(
        field, mask, grid, weights=weights, largest_radius=radius, smallest_radius=radius, threshold=threshold,
        residual_degree=residual_degree, residual_functions=residual_functions, progress=progress,
    )
