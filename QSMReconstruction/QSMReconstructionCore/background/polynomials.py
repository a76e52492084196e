"""Polynomials in space: smooth functions that need not be the field of anything."""

from __future__ import annotations

import numpy as np
from numpy.polynomial.legendre import legvander


def polynomials(z: float | np.ndarray, y: np.ndarray, x: np.ndarray, degree: int) -> np.ndarray:
    """A basis of all polynomials up to a total degree.

    Parameters
    ----------
    z, y, x : float or ndarray, shape (n,)
        Coordinates, best from -1 to 1.
    degree : int
        Highest degree.

    Returns
    -------
    ndarray, float64, shape ((degree + 1) (degree + 2) (degree + 3) / 6, n)

    Notes
    -----
    Products P_a(z) P_b(y) P_c(x) of Legendre polynomials with a + b + c <= degree, which a least-squares fit tells
    apart better than powers.
    """
    along_z, along_y, along_x = (legvander(np.broadcast_to(axis, x.shape), degree).T for axis in (z, y, x))
    return np.array([
        along_z[a] * along_y[b] * along_x[c]
        for a in range(degree + 1)
        for b in range(degree + 1 - a)
        for c in range(degree + 1 - a - b)
    ])
