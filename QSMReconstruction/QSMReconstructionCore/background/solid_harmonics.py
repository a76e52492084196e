"""Solid harmonics: the smooth functions that any background may be made of."""

from __future__ import annotations

import numpy as np


def solid_harmonics(z: float | np.ndarray, y: np.ndarray, x: np.ndarray, degree: int) -> np.ndarray:
    """Real regular solid harmonics up to a degree.

    Parameters
    ----------
    z, y, x : float or ndarray, shape (n,)
        Coordinates.
    degree : int
        Highest degree.

    Returns
    -------
    ndarray, float64, shape ((degree + 1)^2, n)

    Notes
    -----
    From R_mm = (x + iy)^m, (l + 1 - m) R_l+1,m = (2l + 1) z R_lm - (l + m) r^2 R_l-1,m; real and imaginary parts.
    """
    square = x * x + y * y + z * z
    found = []
    highest_order = np.ones(x.shape, dtype=complex)
    for m in range(degree + 1):
        previous, current = np.zeros_like(highest_order), highest_order
        for n in range(m, degree + 1):
            found.append(current.real)
            if m:
                found.append(current.imag)
            previous, current = current, ((2 * n + 1) * z * current - (n + m) * square * previous) / (n + 1 - m)
        highest_order = highest_order * (x + 1j * y)
    return np.array(found)
