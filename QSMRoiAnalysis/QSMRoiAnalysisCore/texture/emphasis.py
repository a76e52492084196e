"""What run-length and size-zone matrices have in common: counts by gray level and by size."""

from __future__ import annotations

import numpy as np


def emphases(counts: np.ndarray, voxels: int) -> tuple[float, ...]:
    """The 16 features of a matrix of counts.

    Parameters
    ----------
    counts : ndarray, int, shape (n, m)
        Runs or zones of level 1 to n and size 1 to m; at least one.
    voxels : int
        Voxels that they are made of, in all directions together.

    Returns
    -------
    tuple of 16 floats
        Emphasis of small sizes, large sizes, low levels, high levels, small and low, small and high, large and low,
        large and high; nonuniformity of the levels, the same normalized, nonuniformity of the sizes, the same
        normalized; percentage, variance of the levels, variance of the sizes, entropy.
    """
    total = counts.sum()
    p = counts / total
    level, size = np.arange(1, p.shape[0] + 1.0)[:, None], np.arange(1, p.shape[1] + 1.0)[None]
    by_level, by_size = counts.sum(axis=1), counts.sum(axis=0)
    present = p[p > 0]
    found = (
        np.sum(p / size**2), np.sum(p * size**2), np.sum(p / level**2), np.sum(p * level**2),
        np.sum(p / (size**2 * level**2)), np.sum(p * level**2 / size**2), np.sum(p * size**2 / level**2),
        np.sum(p * size**2 * level**2),
        np.sum(by_level**2) / total, np.sum(by_level**2) / total**2,
        np.sum(by_size**2) / total, np.sum(by_size**2) / total**2,
        total / voxels,
        np.sum((level - np.sum(level * p)) ** 2 * p), np.sum((size - np.sum(size * p)) ** 2 * p),
        -np.sum(present * np.log2(present)),
    )
    return tuple(float(value) for value in found)
