"""Nonlinear inversion with an absolute data term (L1-QSM)."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..grid import Grid
from ..parameter import Parameter
from ..progress import Progress, no_progress
from .padded_field import PaddedField
from .splitting import SplitInversion, field_penalty, iterated

#: Newton steps in each voxel; the slope is nearly linear there.
_NEWTON_STEPS = 2


def l1_qsm(
    field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    phase_scale: Annotated[float, Parameter("Phase per field", unit="rad/ppm", range=(0.1, 1000))] = 16.0,
    regularization: Annotated[float, Parameter("Regularization", unit="mm/ppm", range=(0.01, 1e5))] = 60.0,
    model_error: Annotated[float, Parameter("Model error of the field", unit="ppm", range=(1e-5, 0.1))] = 0.001,
    margin: Annotated[float, Parameter("Margin around the mask", unit="mm", range=(2, 100))] = 16.0,
    tolerance: Annotated[float, Parameter("Relative change at which to stop", range=(0, 0.1))] = 0.002,
    max_iterations: Annotated[int, Parameter("Largest number of iterations", range=(1, 1000))] = 60,
    integrated_kernel: Annotated[bool, Parameter("Dipole kernel integrated over voxels")] = False,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Fit the complex signal by its absolute misfit, which rejects voxels whose phase is wrong (L1-QSM).

    Parameters
    ----------
    field : ndarray, float32, shape (k, j, i)
        Local field in ppm.
    mask : ndarray, bool, shape (k, j, i)
        Where susceptibility is sought.
    grid : Grid
        Geometry.
    weights : ndarray, float32, shape (k, j, i), optional
        Reciprocal of the noise sd of `field`, in 1/ppm. Voxels of weight 0 take no part in the fit.
    phase_scale : float
        Phase that 1 ppm makes, in rad (see `nonlinear_tv`).
    regularization : float
        Weight of the total variation, in mm/ppm. An absolute misfit asks for less than a squared one.
    model_error : float
        What the field deviates from the dipole model besides noise, in ppm, added to the noise in quadrature.
    margin : float
        Volume around the mask in which sources may absorb what is left of the background field, in mm.
    tolerance : float
        Stop when one iteration changes susceptibility by less than this share.
    max_iterations : int
        Stop at the latest after so many iterations.
    integrated_kernel : bool
        Take voxels for uniformly magnetized boxes. Not the default on any voxels: see `PaddedField.dipole`.
    progress : callable
        See `progress`.

    Returns
    -------
    ndarray, float32, shape (k, j, i)
        Susceptibility in ppm, 0 outside the mask.

    Raises
    ------
    ValueError
        If arrays do not fit together or no voxel has a weight.

    Notes
    -----
    Minimises ||W (exp(i s D x) - exp(i s f))||_1 / s + lambda sum_mask |grad x| with s the phase scale and W the
    reciprocal of the noise. Solved by the alternating direction method of multipliers with z1 = grad x and z2 = D x.
    Because |exp(i a) - exp(i b)| = 2 |sin((a - b) / 2)|, the second is a problem of one real variable in each voxel,
    and a third split is not needed. Each iteration takes two pairs of Fourier transforms.

    References
    ----------
    Milovic et al., Magn Reson Med 2022, 10.1002/mrm.28957
    """
    padded = PaddedField.around(
        field, mask, grid, weights, model_error=model_error, margin=margin, integrated=integrated_kernel
    )
    misfit = AbsoluteComplexMisfit(*padded.measured, phase_scale, field_penalty(padded))
    solver = SplitInversion(padded, regularization, misfit)
    return padded.whole(iterated(solver, tolerance, max_iterations, progress))


class AbsoluteComplexMisfit:
    """The multiplier of ||W (exp(i s z) - exp(i s f))||_1 / s, voxel by voxel.

    With r = z - f and q = v - f, both less whole turns, r minimises 2 w |sin(s r / 2)| / s + penalty/2 (r - q)^2. It is
    0 where |q| <= w / penalty; elsewhere Newton steps solve |r| = |q| - w / penalty cos(s r / 2).
    """

    def __init__(self, data: np.ndarray, precision: np.ndarray, phase_scale: float, penalty: float) -> None:
        self.data = data
        self.longest = np.sqrt(precision) / np.float32(penalty)
        self.scale = np.float32(phase_scale)

    def __call__(self, v: np.ndarray) -> np.ndarray:
        v -= self.data
        turn = np.float32(2 * np.pi) / self.scale
        v -= turn * np.rint(v / turn)
        size = np.abs(v)
        misfit = np.maximum(size - self.longest, 0)
        for _ in range(_NEWTON_STEPS):
            half = self.scale / 2 * misfit
            slope = misfit - size + self.longest * np.cos(half)
            misfit -= slope / np.maximum(1 - self.longest * self.scale / 2 * np.sin(half), np.float32(0.5))
        misfit[size <= self.longest] = 0
        v -= np.copysign(misfit, v)
        return v
