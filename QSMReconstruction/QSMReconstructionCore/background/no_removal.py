"""No background removal, for inversions that find the background themselves."""

from __future__ import annotations

import numpy as np

from ..acquisition import checked_mask, checked_volume
from ..grid import Grid
from ..numerics.crop import bounding_box
from ..progress import Progress, no_progress
from . import TotalField
from .trusted_voxels import trusted_voxels


def no_removal(
    field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    progress: Progress = no_progress,
) -> TotalField:
    """Hand the total field on as it is, to a single-step inversion.

    Parameters
    ----------
    field : ndarray, float32, shape (k, j, i)
        Total field in ppm.
    mask : ndarray, bool, shape (k, j, i)
        The brain.
    grid : Grid
        Geometry.
    weights : ndarray, float32, shape (k, j, i), optional
        Reciprocal of the noise sd of `field`, in 1/ppm. Very noisy voxels at the edge of the mask and hopeless ones
        inside are left out, as by the methods that remove the background.
    progress : callable
        See `progress`.

    Returns
    -------
    TotalField
        The field where it can be relied on.

    Raises
    ------
    ValueError
        If arrays do not fit together, or no voxel has a weight.
    """
    mask = checked_mask(mask, grid.shape)
    field = checked_volume("field", field, grid.shape)
    if weights is not None:
        weights = checked_volume("weights", weights, grid.shape)
    box = bounding_box(mask)
    trusted = trusted_voxels(mask[box], None if weights is None else weights[box])
    progress(1.0, "total field")
    return TotalField.within(field[box], trusted, box, grid, weights)
