"""All voxels reconstructed together."""

from __future__ import annotations

import numpy as np

from ..acquisition import checked_mask
from ..fieldmapping import FieldMap


def one_pass(field_map: FieldMap, mask: np.ndarray) -> None:
    """Reconstruct all voxels together, each weighted by its noise.

    Parameters
    ----------
    field_map : FieldMap
        The total field.
    mask : ndarray, bool, shape (k, j, i)
        The brain with its surroundings.

    Returns
    -------
    None
        No voxels are reconstructed first.

    Raises
    ------
    ValueError
        If the mask does not fit or is empty.
    """
    checked_mask(mask, field_map.field.shape)
