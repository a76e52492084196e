"""LBV: background field removal by solving the Laplace equation from the values at the edge of the mask."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
import scipy.ndimage

from ..acquisition import checked_mask, checked_volume
from ..grid import Grid
from ..numerics.conjugate_gradients import conjugate_gradients
from ..numerics.crop import bounding_box, uncropped
from ..numerics.multigrid import LaplaceMultigrid
from ..parameter import Parameter
from ..progress import Progress, no_progress
from . import LocalField
from .residual import ResidualDegree, ResidualFunctions, remove_residual
from .trusted_voxels import trusted_voxels


def lbv(
    field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    peel: Annotated[int, Parameter("Layers of voxels peeled off the mask", range=(0, 20))] = 0,
    tolerance: Annotated[float, Parameter("Relative residual at which to stop", range=(1e-6, 0.5))] = 1e-4,
    max_iterations: Annotated[int, Parameter("Largest number of iterations", range=(1, 1000))] = 30,
    residual_degree: ResidualDegree = -1,
    residual_functions: ResidualFunctions = "harmonics",
    progress: Progress = no_progress,
) -> LocalField:
    """Remove the background field by solving the Laplace equation inside the mask (LBV).

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
    peel : int
        Layers left out at the edge of the mask, where the field is least certain. All of the result rests on the
        values in the layer that follows.
    tolerance : float
        Stop when the residual of the Laplace equation has fallen to this share.
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
        Its mask leaves out the peeled layers and the one that holds the boundary values.

    Raises
    ------
    ValueError
        If arrays do not fit together, or peeling leaves nothing of the mask.

    Notes
    -----
    The background field b has Laplacian 0 inside and equals the field in the outermost layer, so f_L = f - b is 0 there
    and has the Laplacian of f inside. Solved by conjugate gradients that one cycle of multigrid preconditions: the
    residual falls about sixfold for each iteration, whatever the size of the volume. An iteration costs about as much
    as two pairs of Fourier transforms; none is taken.

    References
    ----------
    Zhou et al., NMR Biomed 2014, 10.1002/nbm.3064
    """
    mask = checked_mask(mask, grid.shape)
    field = checked_volume("field", field, grid.shape)
    if weights is not None:
        weights = checked_volume("weights", weights, grid.shape)
    progress(0.0, "edge of the mask")
    box = bounding_box(mask)
    trusted = trusted_voxels(mask[box], None if weights is None else weights[box], holes=False)
    interior = scipy.ndimage.binary_erosion(trusted, iterations=peel + 1)
    if not interior.any():
        raise ValueError(
            f"peel must leave some of the mask inside its boundary layer, but {peel} layer(s) leave nothing. Choose "
            "fewer or a larger mask."
        )
    progress(0.0, "Laplacian of the field")
    laplace = LaplaceMultigrid(interior, grid.spacing)

    def zero_at_the_edge(total: np.ndarray, progress: Progress = no_progress) -> np.ndarray:
        """The field with the same Laplacian inside that is 0 at the edge."""
        right = laplace.apply(total)
        local = np.zeros_like(right)
        for iteration, step in enumerate(conjugate_gradients(laplace.apply, right, laplace.cycle), start=1):
            local = step.solution
            progress(iteration / max_iterations, f"iteration {iteration}, residual {100 * step.residual:.2g} %")
            if step.residual < tolerance or iteration == max_iterations:
                break
        return local

    def lost(true_local_field: np.ndarray) -> np.ndarray:
        inside = np.where(trusted, true_local_field[box], np.float32(0))
        return uncropped(np.where(interior, inside - zero_at_the_edge(inside), np.float32(0)), box, grid.shape)

    local = zero_at_the_edge(np.where(trusted, field[box], np.float32(0)), progress)
    local_field = replace(LocalField.within(local, interior, box, grid, weights), lost=lost)
    return remove_residual(local_field, grid, degree=residual_degree, functions=residual_functions)
