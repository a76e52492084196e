"""Conjugate gradients for symmetric positive definite operators that are given as functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from ..progress import Progress, no_progress

Operator = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Step:
    """Where conjugate gradients stand after a step.

    Attributes
    ----------
    solution : ndarray
        The current estimate; the next step changes it in place.
    residual : float
        Norm of b - A x over that of b, measured by the preconditioner: sqrt(r M r / b M b).
    decrease : float
        What the step took off x A x - 2 x b. For normal equations this is the decrease of the sum of squares.
    """

    solution: np.ndarray
    residual: float
    decrease: float


def conjugate_gradients(apply: Operator, right: np.ndarray, precondition: Operator | None = None) -> Iterator[Step]:
    """Solve A x = b step by step, starting from zero; the caller decides when to stop.

    Parameters
    ----------
    apply : callable
        Symmetric positive definite operator A. It must not change its argument.
    right : ndarray
        The right-hand side b; it is overwritten.
    precondition : callable, optional
        Symmetric positive definite operator M near the inverse of A. It must not change its argument.

    Yields
    ------
    Step
        Ends by itself when the residual can no longer be told from zero, and yields nothing if b = 0.

    Notes
    -----
    Takes one call of A and one of M per step, and three arrays besides `right` (four with M). Sums are in double
    precision.

    References
    ----------
    Hestenes & Stiefel, J Res Natl Bur Stand 1952, 10.6028/jres.049.044
    """
    residual = right
    solution = np.zeros_like(right)
    preconditioned = residual if precondition is None else precondition(residual)
    direction = preconditioned.copy()
    size = start = inner(residual, preconditioned)
    while size > 1e-14 * start:
        product = apply(direction)
        length = size / inner(direction, product)
        solution += np.asarray(length, dtype=right.dtype) * direction
        product *= np.asarray(length, dtype=right.dtype)
        residual -= product
        del product
        preconditioned = residual if precondition is None else precondition(residual)
        previous, size = size, inner(residual, preconditioned)
        yield Step(solution, float(np.sqrt(max(size, 0.0) / start)), length * previous)
        direction *= np.asarray(size / previous, dtype=right.dtype)
        direction += preconditioned


def largest_eigenvalue(
    apply: Operator, precondition: Operator, start: np.ndarray, progress: Progress = no_progress
) -> float:
    """About the largest eigenvalue of M A, by the Lanczos iteration.

    Parameters
    ----------
    apply, precondition : callable
        A and M as for `conjugate_gradients`.
    start : ndarray
        M start is where the iteration starts; it should have a part of every eigenvector, as noise has.
    progress : callable
        Called before each call of A.

    Returns
    -------
    float
        The largest Ritz value of twelve steps, plus how far from it the eigenvalue may be by its residual. Power
        iteration takes far more steps where the largest eigenvalues are close to each other.
    """
    dual, before = start, np.zeros_like(start)
    diagonal, beside = [], []
    for _ in range(_LANCZOS_STEPS):
        progress(0.0, "size of the operator")
        vector = precondition(dual)
        length = max(inner(dual, vector), 0.0) ** 0.5
        if length == 0:  # nothing is left: the Ritz values are eigenvalues
            break
        beside.append(length)
        shorter = np.asarray(1 / length, dtype=vector.dtype)
        dual = dual * shorter
        vector *= shorter
        product = apply(vector)
        diagonal.append(inner(vector, product))
        product -= np.asarray(diagonal[-1], dtype=vector.dtype) * dual
        if len(diagonal) > 1:
            product -= np.asarray(length, dtype=vector.dtype) * before
        before, dual = dual, product
    if not diagonal:
        return 0.0
    values, vectors = scipy.linalg.eigh_tridiagonal(diagonal, beside[1 : len(diagonal)])
    left = max(inner(dual, precondition(dual)), 0.0) ** 0.5
    return float(values[-1] + left * abs(vectors[-1, -1]))


_LANCZOS_STEPS = 12


def inner(a: np.ndarray, b: np.ndarray) -> float:
    """Inner product of two arrays, summed in double precision over the first axis."""
    return sum(float(np.vdot(x, y)) for x, y in zip(a, b))
