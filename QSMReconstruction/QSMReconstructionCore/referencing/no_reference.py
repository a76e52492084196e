"""No reference."""

from __future__ import annotations

import numpy as np

from . import Reference, apply_reference


def no_reference(susceptibility: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, Reference]:
    """Leave susceptibility as the inversion gave it; its zero is then arbitrary.

    Parameters
    ----------
    susceptibility : ndarray, float32, shape (k, j, i)
        In ppm.
    mask : ndarray, bool, shape (k, j, i)
        The brain.

    Returns
    -------
    susceptibility : ndarray, float32
        In ppm, unchanged inside the mask, 0 outside.
    reference : Reference
        With `subtracted` 0 and the mean and sd of the whole brain.
    """
    return apply_reference(susceptibility, mask, None, "none")
