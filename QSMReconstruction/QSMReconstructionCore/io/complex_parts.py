"""Magnitude and phase from real and imaginary part."""

from __future__ import annotations

import numpy as np


def magnitude_and_phase(real: np.ndarray, imaginary: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Magnitude, and phase in rad with the sign of the parts.

    Parameters
    ----------
    real, imaginary : ndarray, same shape

    Returns
    -------
    magnitude, phase : ndarray, float32
        Phase within [-pi, pi].

    Raises
    ------
    ValueError
        If a part is never negative or never positive: then its zero is not where the header says.
    """
    for name, part in (("real", real), ("imaginary", imaginary)):
        if not part.min() < 0 < part.max():
            raise ValueError(
                f"The {name} part has values from {part.min():g} to {part.max():g}, so zero is not where the header "
                "says. Export magnitude and phase instead."
            )
    real, imaginary = (part.astype(np.float32, copy=False) for part in (real, imaginary))
    return np.hypot(real, imaginary), np.arctan2(imaginary, real)
