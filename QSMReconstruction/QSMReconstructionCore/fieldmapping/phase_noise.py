"""How noisy the phase is: sigma, the standard deviation of the noise in the real and in the imaginary part.

The phase of a voxel of magnitude M has the variance sigma^2 / M^2.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_erosion
from scipy.special import gammaincinv

#: No phase is trusted beyond this, in rad, however little the echoes disagree: a tenth of a 12-bit phase step.
_FINEST_PHASE = 1.5e-4


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
