"""Least squares for operators that are given as functions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse.linalg import LinearOperator, lsmr

from ..progress import Progress, no_progress


def least_squares(
    apply: Callable[[np.ndarray], np.ndarray],
    adjoint: Callable[[np.ndarray], np.ndarray],
    data: np.ndarray,
    shape: tuple[int, ...],
    *,
    steps: int,
    tolerance: float = 0.0,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Take LSMR steps from 0 on ||A x - data||.

    Parameters
    ----------
    apply, adjoint : callable
        A and its adjoint, from and to arrays of `shape` and of the shape of the data, float32.
    data : ndarray
    shape : tuple of int
        Shape of x.
    steps : int
        Largest number of steps.
    tolerance : float
        Stop when the residual, or its part that A can still explain, is this small relative to what it may be.
    progress : callable
        Called once per step.

    Returns
    -------
    ndarray, float32, of `shape`

    References
    ----------
    Fong and Saunders, SIAM J Sci Comput 2011, 10.1137/10079687X
    """
    taken = 0

    def forwards(x: np.ndarray) -> np.ndarray:
        return apply(x.reshape(shape).astype(np.float32)).ravel().astype(np.float64)

    def backwards(y: np.ndarray) -> np.ndarray:
        nonlocal taken
        taken += 1
        progress(min(taken / (steps + 1), 1.0), f"least-squares step {taken}")
        return adjoint(y.reshape(data.shape).astype(np.float32)).ravel().astype(np.float64)

    operator = LinearOperator((data.size, int(np.prod(shape))), forwards, rmatvec=backwards, dtype=np.float64)
    found = lsmr(operator, data.ravel().astype(np.float64), atol=tolerance, btol=tolerance, conlim=0, maxiter=steps)
    return found[0].reshape(shape).astype(np.float32)
