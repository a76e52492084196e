"""Gray-level size-zone matrix (GLSZM): how large the patches of the same level are."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .emphasis import emphases

_NAMES = (
    ("small zone emphasis", "P001"), ("large zone emphasis", "48P8"), ("low gray level zone emphasis", "XMSY"),
    ("high gray level zone emphasis", "5GN9"), ("small zone low gray level emphasis", "5RAI"),
    ("small zone high gray level emphasis", "HW1V"), ("large zone low gray level emphasis", "YH51"),
    ("large zone high gray level emphasis", "J17V"), ("gray level nonuniformity", "JNSA"),
    ("normalized gray level nonuniformity", "Y1RO"), ("zone size nonuniformity", "4JP3"),
    ("normalized zone size nonuniformity", "VB3A"), ("zone percentage", "P30P"), ("gray level variance", "BYLV"),
    ("zone size variance", "3NSA"), ("zone size entropy", "GU8N"),
)


def size_zone_matrix(levels: np.ndarray) -> np.ndarray:
    """Count the zones of each level and size, voxels that share a corner being of one zone.

    Parameters
    ----------
    levels : ndarray, int, shape (k, j, i)
        Gray levels from 1; 0 outside the region.

    Returns
    -------
    ndarray, int, shape (n, m)
        Rows for levels 1 to n, columns for sizes of 1 to m voxels, m being the largest zone.
    """
    corners = np.ones((3, 3, 3), bool)
    zones = []
    for level in np.unique(levels[levels > 0]):
        sizes = np.bincount(ndimage.label(levels == level, corners)[0].ravel())[1:]
        zones += [(level, size) for size in sizes]
    counts = np.zeros(np.max(zones, axis=0), np.int64)
    for level, size in zones:
        counts[level - 1, size - 1] += 1
    return counts


def size_zone_features(levels: np.ndarray) -> dict[tuple[str, str], float]:
    """Features of the size-zone matrix: (name, IBSI code) -> value."""
    return dict(zip(_NAMES, emphases(size_zone_matrix(levels), int(np.count_nonzero(levels)))))
