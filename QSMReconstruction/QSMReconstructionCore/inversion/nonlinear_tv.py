"""Nonlinear total-variation inversion (FANSI)."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..grid import Grid
from ..parameter import Parameter
from ..progress import Progress, no_progress
from .padded_field import PaddedField
from .splitting import SplitInversion, field_penalty, iterated


def nonlinear_tv(
    field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    phase_scale: Annotated[float, Parameter("Phase per field", unit="rad/ppm", range=(0.1, 1000))] = 16.0,
    regularization: Annotated[float, Parameter("Regularization", unit="mm/ppm", range=(0.01, 1e5))] = 100.0,
    model_error: Annotated[float, Parameter("Model error of the field", unit="ppm", range=(1e-5, 0.1))] = 0.001,
    margin: Annotated[float, Parameter("Margin around the mask", unit="mm", range=(2, 100))] = 16.0,
    tolerance: Annotated[float, Parameter("Relative change at which to stop", range=(0, 0.1))] = 0.002,
    max_iterations: Annotated[int, Parameter("Largest number of iterations", range=(1, 1000))] = 60,
    integrated_kernel: Annotated[bool, Parameter("Dipole kernel integrated over voxels")] = False,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Fit the complex signal with noise weights and total variation, so that phase jumps do no harm (FANSI).

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
        Phase that 1 ppm makes, in rad: 2 pi gamma B0 TE. The fit does not see whole turns, 2 pi / phase_scale in ppm,
        and is linear where it deviates by much less. 16 rad/ppm is 3 T at 20 ms, a turn of 0.4 ppm.
    regularization : float
        Weight of the total variation, in mm/ppm: the reciprocal of a typical gradient.
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
    Minimises 1/2 ||W (exp(i s D x) - exp(i s f))||^2 / s^2 + lambda sum_mask |grad x| with s the phase scale and W the
    reciprocal of the noise; for small misfits the data term is that of `weighted_tv`. Solved by the alternating
    direction method of multipliers with z1 = grad x and z2 = D x, the latter by Newton steps in each voxel; each
    iteration takes two pairs of Fourier transforms.

    References
    ----------
    Milovic et al., Magn Reson Med 2018, 10.1002/mrm.27073
    """
    padded = PaddedField.around(
        field, mask, grid, weights, model_error=model_error, margin=margin, integrated=integrated_kernel
    )
    misfit = ComplexMisfit(*padded.measured, phase_scale, field_penalty(padded))
    solver = SplitInversion(padded, regularization, misfit)
    return padded.whole(iterated(solver, tolerance, max_iterations, progress))


#: Newton steps in each voxel. From the solution of the linear problem one suffices unless the misfit is near a turn.
_NEWTON_STEPS = 3


class ComplexMisfit:
    """The multiplier of 1/2 ||W (exp(i s z) - exp(i s f))||^2 / s^2, voxel by voxel.

    z minimises w (1 - cos(s (z - f))) / s^2 + penalty/2 (z - v)^2. It lies at the bottom nearest to v, so whole turns
    are taken off first. Each Newton step divides the slope by the curvature, or by the penalty alone where the cosine
    is concave, so that it always goes down.
    """

    def __init__(self, data: np.ndarray, precision: np.ndarray, phase_scale: float, penalty: float) -> None:
        self.data = data
        self.trust = precision / np.float32(penalty)
        self.scale = np.float32(phase_scale)

    def __call__(self, v: np.ndarray) -> np.ndarray:
        v -= self.data
        turn = np.float32(2 * np.pi) / self.scale
        v -= turn * np.rint(v / turn)
        misfit = v / (1 + self.trust)
        for _ in range(_NEWTON_STEPS):
            angle = self.scale * misfit
            slope = self.trust / self.scale * np.sin(angle) + misfit - v
            misfit -= slope / (1 + self.trust * np.maximum(np.cos(angle), 0))
        v -= misfit
        return v
