"""No reference."""

from __future__ import annotations

import numpy as np

from ..grid import Grid
from . import ReferenceRegion


def no_reference(mask: np.ndarray, grid: Grid) -> ReferenceRegion:
    """Leave susceptibility as the inversion gave it; its zero is then arbitrary.

    Parameters
    ----------
    mask : ndarray, bool, shape (k, j, i)
        The brain.
    grid : Grid
        Geometry.

    Returns
    -------
    ReferenceRegion
        Without voxels. What is reported as mean and sd of the reference is that of the whole brain.
    """
    return ReferenceRegion("none", None)
