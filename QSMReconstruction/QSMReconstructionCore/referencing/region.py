"""Reference to a region that is given with the scan."""

from __future__ import annotations

import numpy as np

from ..acquisition import checked_mask
from ..grid import Grid
from . import ReferenceRegion


def region(mask: np.ndarray, grid: Grid, *, region: ReferenceRegion | np.ndarray | None = None) -> ReferenceRegion:
    """Refer susceptibility to the mean of a region that is given with the scan.

    Parameters
    ----------
    mask : ndarray, bool, shape (k, j, i)
        The brain.
    grid : Grid
        Geometry.
    region : ReferenceRegion or ndarray, bool, shape (k, j, i)
        The region, with its name or without.

    Returns
    -------
    ReferenceRegion
        The voxels of the region inside the mask.

    Raises
    ------
    ValueError
        If no region is given, it does not fit, or no voxel of it lies inside the mask.
    """
    if region is None or (isinstance(region, ReferenceRegion) and region.voxels is None):
        raise ValueError(
            "reference.method=region needs the voxels of the reference region. Give them as a mask or label map on "
            "the grid of the scan, or choose whole_brain or csf."
        )
    given = region if isinstance(region, ReferenceRegion) else ReferenceRegion("given region", region)
    voxels = checked_mask(given.voxels, grid.shape, f"the reference region ({given.name})") & mask
    if not voxels.any():
        raise ValueError(
            f"The reference region ({given.name}) has no voxel inside the brain mask. Choose another region."
        )
    return ReferenceRegion(given.name, voxels)
