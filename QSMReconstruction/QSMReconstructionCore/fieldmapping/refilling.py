"""Voxels whose field is garbage, filled from their neighbours before it spreads."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

from ..numerics.crop import bounding_box

#: A voxel is doubtful if its noise exceeds this multiple of the median. Random phase in one voxel of ten then costs the
#: default recipe 17 points of error on the head phantom (2.5 mm, 3 T), at a multiple of 8 several hundred.
_DOUBTFUL = 3.0

#: It is garbage if its field also departs from the mean of its reliable neighbours by more than this multiple of their
#: spread: the field of a vein is noisy, but it is the vein's.
_DEPARTURE = 2.0

#: At least so many of the 26 neighbours must be reliable.
_LEAST_NEIGHBOURS = 9


def refilled(field: np.ndarray, noise: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fill voxels of garbage with the mean of their reliable neighbours.

    Spherical means, and all else that looks at neighbourhoods, spread what one voxel has wrong over thousands; leaving
    such voxels out of the mask would leave nothing of it if they are many. A background field is smooth, so its mean
    over the neighbours will do for its removal; what is done with the local field should still distrust the voxel.

    Parameters
    ----------
    field : ndarray, float32, shape (k, j, i)
        Total field in ppm.
    noise : ndarray, float32, shape (k, j, i)
        Its standard deviation in ppm; 0 where the field is not known.
    mask : ndarray, bool, shape (k, j, i)
        The voxels that count.

    Returns
    -------
    field, noise : ndarray, float32, shape (k, j, i)
        With the mean of the neighbours, weighted by their precision, and its standard deviation in the voxels filled.
    filled : ndarray, bool, shape (k, j, i)
        Which these are.
    """
    known = mask & (noise > 0)
    filled = np.zeros(mask.shape, dtype=bool)
    if not known.any():
        return field, noise, filled
    typical = float(np.median(noise[known]))
    box = bounding_box(mask)
    f, n = field[box], noise[box]
    reliable = known[box] & (n <= _DOUBTFUL * typical)
    neighbours = _sum_around(reliable.astype(np.float32))
    candidate = mask[box] & ~reliable & (neighbours > _LEAST_NEIGHBOURS - 0.5)
    # Offset and scale keep squares within single precision.
    offset = np.float32(np.median(f[reliable]))
    weight = np.where(reliable, (typical / np.maximum(n, typical)) ** 2, np.float32(0)).astype(np.float32)
    total = _sum_around(weight)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.divide(_sum_around(weight * values), total, out=np.zeros_like(f), where=candidate)

    around = mean(f - offset)
    variance = np.maximum(mean((f - offset) ** 2) - around**2, 0)
    around += offset
    departure = np.abs(f - around) > _DEPARTURE * np.sqrt(variance + typical**2)
    garbage = candidate & (departure | (n <= 0))
    filled[box] = garbage
    field, noise = field.copy(), noise.copy()
    field[filled] = around[garbage]
    noise[filled] = np.sqrt(variance[garbage] / neighbours[garbage] + typical**2)
    return field, noise, filled


def _sum_around(values: np.ndarray) -> np.ndarray:
    """Sum over 3 x 3 x 3 voxels, float32."""
    return 27 * scipy.ndimage.uniform_filter(values, 3, mode="constant")
