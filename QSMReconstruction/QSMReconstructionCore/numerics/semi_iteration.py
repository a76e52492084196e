"""Steps towards a least-squares solution whose lengths are fixed beforehand, so that rounding does not grow in them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import numpy as np

from .conjugate_gradients import Operator

#: The largest eigenvalue that is given may be too small by this share: beyond it, steps would diverge.
_SAFETY = 0.1


def semi_iteration(
    forward: Operator, backward: Operator, data: np.ndarray, largest: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Minimise ||A x - b|| step by step, starting from zero; the caller decides when to stop.

    Parameters
    ----------
    forward : callable
        Linear operator A. It must not change its argument.
    backward : callable
        M A^T, the preconditioned adjoint, with A M A^T symmetric; it returns a new array.
    data : ndarray
        The data b; it is overwritten.
    largest : float
        Largest eigenvalue of A M A^T, as `largest_eigenvalue` gives it for M A^T A.

    Yields
    ------
    residual : ndarray, shape of `data`
        b - A x after the step; the next step changes it in place.
    change : ndarray, shape of `data`
        What the step took off the residual.

    Notes
    -----
    The nu-method with nu = 1. With s the last step and L the eigenvalue, step k is

        s <- (k-1)(2k-3)(2k+1) / ((k+1)(2k+3)(2k-1)) s + 4 (2k+1) k / ((k+1)(2k+3)) M A^T (b - A x) / L,   k > 1,

    and 6/5 M A^T b / L at first. A part of b of eigenvalue e has decayed like that of a Tikhonov solution of weight L /
    k^2. Unlike in conjugate gradients nothing but b depends on b: the result is linear in it, and so is what rounding
    adds. Those solve the same equations in fewer steps, but turn rounding of 1e-7 into a tenth of the local field
    where b is thirty times what is left of it. Takes one call of A and of M A^T per step, and two arrays besides.

    References
    ----------
    Hanke, Numer Math 1991, 10.1007/BF01385727
    """
    residual = data
    step = np.float32(0)
    bound = (1 + _SAFETY) * largest
    for k in count(1):
        momentum = (k - 1) * (2 * k - 3) * (2 * k + 1) / ((k + 1) * (2 * k + 3) * (2 * k - 1))
        length = 4 * (2 * k + 1) * k / ((k + 1) * (2 * k + 3)) if k > 1 else 6 / 5
        ahead = backward(residual)
        ahead *= np.float32(length / bound)
        step *= np.float32(momentum)
        ahead += step
        step = ahead
        change = forward(step)
        residual -= change
        yield residual, change
