"""Intensity of brain as it varies smoothly over the volume with the sensitivity of the coils."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

from ..numerics.blocks import block_mean, magnified

#: Weight of the mean of the whole volume where no voxel is near enough to say what the level is.
_FAR = 1e-3


def local_level(magnitude: np.ndarray, spacing: np.ndarray, inside: np.ndarray, width: float) -> np.ndarray:
    """Geometric mean of the magnitude of the marked voxels near each voxel.

    Parameters
    ----------
    magnitude : ndarray, float32, shape (k, j, i)
        Positive where `inside`.
    spacing : ndarray, shape (3,)
        In mm.
    inside : ndarray, bool
        Voxels to average.
    width : float
        Standard deviation of the Gaussian neighbourhood in mm. Far from all marked voxels the level is their mean.

    Returns
    -------
    ndarray, float32, shape (k, j, i)
    """
    factors = tuple(int(f) for f in np.maximum(1, np.round(width / 3 / spacing)))
    logarithm = np.log(magnitude, out=np.zeros_like(magnitude), where=inside)
    weight = block_mean(inside, factors)
    logarithm = block_mean(logarithm, factors)
    mean = logarithm.sum() / weight.sum()
    sigma = width / (spacing * factors)
    logarithm = scipy.ndimage.gaussian_filter(logarithm, sigma, mode="constant")
    weight = scipy.ndimage.gaussian_filter(weight, sigma, mode="constant")
    level = np.exp((logarithm + _FAR * mean) / (weight + _FAR))
    return magnified(level, factors, magnitude.shape)
