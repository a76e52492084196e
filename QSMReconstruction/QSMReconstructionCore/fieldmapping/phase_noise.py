"""How noisy the phase is: sigma, the standard deviation of the noise in the real and in the imaginary part.

The phase of a voxel of magnitude M has the variance sigma^2 / M^2.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_erosion
from scipy.special import chdtri, gammaincinv

#: No phase is trusted beyond this, in rad, however little the echoes disagree: a tenth of a 12-bit phase step.
_FINEST_PHASE = 1.5e-4

#: A misfit with a smaller chance than this under pure noise says that the phase is not as the model has it.
_SIGNIFICANCE = 1e-3


def noise_variance(misfit: np.ndarray, freedom: int, weight: np.ndarray) -> float:
    """sigma^2 from the misfits of many voxels, most of which obey the model.

    Parameters
    ----------
    misfit : ndarray, shape (n,)
        Weighted sums of squared residuals, sigma^2 times a chi-square variable.
    freedom : int
        Its degrees of freedom: data less fitted parameters.
    weight : ndarray, shape (n,)
        Sum of the squared magnitudes, for the least variance that is believed.

    Returns
    -------
    float
        From the median, which broken voxels do not move.
    """
    middle = 2 * gammaincinv(freedom / 2, 0.5)
    return max(float(np.median(misfit)) / middle, float(np.median(weight)) * _FINEST_PHASE**2)


def ripple_variance(unwrapped: np.ndarray, weight: np.ndarray, mask: np.ndarray) -> float:
    """sigma^2 from the finest ripples of a single unwrapped phase.

    Parameters
    ----------
    unwrapped : ndarray, shape (k, j, i)
        Unwrapped phase in rad.
    weight : ndarray, shape (n,)
        Squared magnitude of the voxels of the mask.
    mask : ndarray, bool, shape (k, j, i)

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If no voxel has all its neighbours inside the mask.

    Notes
    -----
    Second differences along all axes at once vanish on any sum of functions of two coordinates, so little of the field
    is left in them (and much less than of the anatomy in the magnitude); the median ignores most of that.
    """
    ripples = unwrapped
    gain = 1.0
    reach = [min(voxels, 3) if voxels > 2 else 1 for voxels in unwrapped.shape]
    for axis in range(3):
        if reach[axis] == 3:
            ripples = np.diff(ripples, 2, axis=axis)
            gain *= 6.0
    interior = binary_erosion(mask, np.ones(reach, bool))
    if gain == 1 or not interior.any():
        raise ValueError(
            f"mask must hold a voxel with all its neighbours to estimate the noise of a single echo, but its "
            f"{np.count_nonzero(mask)} voxel(s) are too scattered. Enlarge the mask."
        )
    centre = tuple(slice(1, -1) if r == 3 else slice(None) for r in reach)
    squares = ripples[interior[centre]] ** 2 * weight[interior[mask]]
    return noise_variance(squares / np.float32(gain), 1, weight)


def noise_floor_factor(squared_snr: np.ndarray, echoes: int) -> np.ndarray:
    """By how much standard deviations computed from the measured magnitude are too small.

    Squared magnitudes are too large by 2 sigma^2 on average. `squared_snr` is their sum over the echoes, over sigma^2.
    """
    return np.sqrt(squared_snr / np.maximum(squared_snr - 2 * echoes, 0.01 * squared_snr))


def largest_misfit(freedom: int) -> float:
    """Largest misfit, over sigma^2, that noise explains."""
    return float(chdtri(freedom, _SIGNIFICANCE)) if freedom else 0.0


def disagreement_factor(misfit: np.ndarray, freedom: int) -> np.ndarray:
    """By how much standard deviations are too small where the echoes disagree by more than noise (Birge ratio).

    Parameters
    ----------
    misfit : ndarray, float32, shape (n,)
        Weighted sum of squared residuals over sigma^2.
    freedom : int
        Its degrees of freedom. Without any, nothing is known and the factor is 1.

    Returns
    -------
    ndarray, float32, shape (n,)
        The factor that makes all residuals as large as their standard deviation; 1 where noise explains them.

    References
    ----------
    Birge RT. The calculation of errors by the method of least squares. Phys Rev 1932;40:207-227.
    doi: 10.1103/PhysRev.40.207
    """
    if not freedom:
        return np.ones_like(misfit)
    return np.sqrt(np.where(misfit > np.float32(largest_misfit(freedom)), misfit / freedom, np.float32(1)))
