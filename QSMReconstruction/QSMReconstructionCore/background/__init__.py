"""Background field removal: from the total field to the local field of the sources inside the brain."""

from __future__ import annotations

from collections.abc import Callable
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
    lost : callable, optional
        Takes a true local field of shape (k, j, i) in ppm and gives the part of it that the method takes away with the
        background. An inversion adds it for its current estimate, and so fits what the method really left.
    """

    field: np.ndarray
    mask: np.ndarray
    noise: np.ndarray
    lost: Callable[[np.ndarray], np.ndarray] | None = None
