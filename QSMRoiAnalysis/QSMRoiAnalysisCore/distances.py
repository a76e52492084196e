"""Distances to the surface of a region, in mm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage


def signed_distance(inside: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """Distance of each voxel center from the surface of a region.

    Parameters
    ----------
    inside : ndarray, bool, shape (k, j, i)
        The region. Beyond the array, nothing is taken for inside.
    spacing : sequence of 3 floats
        Of the voxels along (k, j, i), in mm.

    Returns
    -------
    ndarray, float64, shape (k, j, i)
        In mm, positive inside.

    Raises
    ------
    ValueError
        If the array is not three-dimensional or marks no voxel.

    Notes
    -----
    The Euclidean distance transform measures from center to center of voxels, but the surface lies half a voxel nearer,
    between them. That half is taken along the line to the nearest voxel across the surface. Without it, a rim of two
    voxels leaves part of it in the core.
    """
    inside = np.asarray(inside, dtype=bool)
    if inside.ndim != 3 or not inside.any():
        raise ValueError(
            f"inside must be a volume (k, j, i) that marks at least one voxel, but got the shape {inside.shape} with "
            f"{np.count_nonzero(inside)} marked."
        )
    padded = np.pad(inside, 1)
    distance = _to_surface(padded, spacing) - _to_surface(~padded, spacing)
    return distance[1:-1, 1:-1, 1:-1]


def depth_inside(inside: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """Depth of each voxel center beneath the surface of the components of a mask, 0 outside.

    Parameters
    ----------
    inside : ndarray, bool, shape (k, j, i)
        Possibly many small components far apart, which are looked at one by one. It may mark nothing.
    spacing : sequence of 3 floats
        Of the voxels along (k, j, i), in mm.

    Returns
    -------
    ndarray, float64, shape (k, j, i)
        In mm; inside as from `signed_distance`.
    """
    depth = np.zeros(inside.shape)
    components, _ = ndimage.label(inside, np.ones((3, 3, 3)))
    for number, box in enumerate(ndimage.find_objects(components), 1):
        one = components[box] == number  # the nearest voxel across the surface touches the same component
        depth[box][one] = _to_surface(np.pad(one, 1), spacing)[1:-1, 1:-1, 1:-1][one]
    return depth


def _to_surface(inside: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """Distance inside; 0 outside."""
    distance, nearest = ndimage.distance_transform_edt(inside, sampling=spacing, return_indices=True)
    steps = np.sqrt(sum((found - here) ** 2.0 for found, here in zip(nearest, np.indices(inside.shape, sparse=True))))
    return distance * (1 - 0.5 / np.maximum(steps, 1))
