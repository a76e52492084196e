"""Background field removal: from the total field to the local field of the sources inside the brain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class LocalField:
    """Field of the sources inside the mask. All arrays have shape (k, j, i) and are 0 outside the mask.

    Attributes
    ----------
    field : ndarray, float32
        Local field relative to B0, in ppm.
    mask : ndarray, bool
        Where the method could determine the local field.
    noise : ndarray, float32
        Standard deviation of `field`, in ppm.
    """

    field: np.ndarray
    mask: np.ndarray
    noise: np.ndarray
