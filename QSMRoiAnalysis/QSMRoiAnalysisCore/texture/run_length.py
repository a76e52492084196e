"""Gray-level run-length matrix (GLRLM): how far the same level goes on in a straight line."""

from __future__ import annotations

import numpy as np

from .emphasis import emphases
from .gray_levels import DIRECTIONS, neighbor

_NAMES = (
    ("short run emphasis", "22OV"), ("long run emphasis", "W4KF"), ("low gray level run emphasis", "V3SW"),
    ("high gray level run emphasis", "G3QZ"), ("short run low gray level emphasis", "HTZT"),
    ("short run high gray level emphasis", "GD3A"), ("long run low gray level emphasis", "IVPO"),
    ("long run high gray level emphasis", "3KUM"), ("gray level nonuniformity", "R5YN"),
    ("normalized gray level nonuniformity", "OVBL"), ("run length nonuniformity", "W92Y"),
    ("normalized run length nonuniformity", "IC23"), ("run percentage", "9ZK5"), ("gray level variance", "8CE5"),
    ("run length variance", "SXLW"), ("run entropy", "HJ9O"),
)


def run_length_matrix(levels: np.ndarray) -> np.ndarray:
    """Count the runs of each level and length in the 13 directions together.

    Parameters
    ----------
    levels : ndarray, int, shape (k, j, i)
        Gray levels from 1; 0 outside the region.

    Returns
    -------
    ndarray, int, shape (n, m)
        Rows for levels 1 to n, columns for lengths of 1 to m voxels.
    """
    counts = np.zeros((int(levels.max()), max(levels.shape)), np.int64)
    for step in DIRECTIONS:
        back = tuple(-each for each in step)
        starts = (levels > 0) & (neighbor(levels, back) != levels)
        length = 0
        while starts.any():
            length += 1
            goes_on = starts & (neighbor(levels, step, length) == levels)
            counts[:, length - 1] += np.bincount(levels[starts & ~goes_on], minlength=len(counts) + 1)[1:]
            starts = goes_on
    return counts


def run_length_features(levels: np.ndarray) -> dict[tuple[str, str], float]:
    """Features of the run-length matrix of all directions together: (name, IBSI code) -> value."""
    voxels = int(np.count_nonzero(levels)) * len(DIRECTIONS)
    return dict(zip(_NAMES, emphases(run_length_matrix(levels), voxels)))
