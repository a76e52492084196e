"""Whole-brain reference."""

from __future__ import annotations

import numpy as np

from ..grid import Grid
from . import ReferenceRegion


def whole_brain(mask: np.ndarray, grid: Grid) -> ReferenceRegion:
    """Refer susceptibility to the mean of the whole brain mask.

    Parameters
    ----------
    mask : ndarray, bool, shape (k, j, i)
        The brain.
    grid : Grid
        Geometry.

    Returns
    -------
    ReferenceRegion
        All voxels of the mask.

    Notes
    -----
    The common reference of the consensus recommendations. The mean depends on the mask: use one masking recipe for all
    subjects that are compared.

    References
    ----------
    QSM Consensus Organization Committee et al., Magn Reson Med 2024, 10.1002/mrm.30006
    """
    return ReferenceRegion("whole brain", mask)
