"""Operations on masks: smoothing, islands and holes, the largest part, erosion. Lengths are in mm."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

from ..grid import Grid
from ..numerics.crop import bounding_box
from ..numerics.depth import depth_inside


def smoothed(mask: np.ndarray, grid: Grid, width: float, level: float = 0.5) -> np.ndarray:
    """Where the mask, blurred by a Gaussian of standard deviation `width` in mm, exceeds `level`."""
    sigma = [width / spacing for spacing in grid.spacing]
    return scipy.ndimage.gaussian_filter(mask.astype(np.float32), sigma, mode="nearest", truncate=3.0) > level


def without_small_parts(mask: np.ndarray, grid: Grid, diameter: float) -> np.ndarray:
    """The mask without connected parts that have a smaller volume than a ball of `diameter` in mm."""
    labels, count = scipy.ndimage.label(mask)
    if not count:
        return mask
    sizes = np.bincount(labels.ravel())
    large = sizes * grid.voxel_volume >= np.pi / 6 * diameter**3
    large[0] = False
    return large[labels]


def without_small_holes(mask: np.ndarray, grid: Grid, diameter: float) -> np.ndarray:
    """The mask with holes filled that have a smaller volume than a ball of `diameter` in mm.

    What is open to the border of the volume is no hole, however small.
    """
    labels, count = scipy.ndimage.label(~mask)
    if not count:
        return mask
    open_parts = np.bincount(labels.ravel()) * grid.voxel_volume >= np.pi / 6 * diameter**3
    for axis in range(3):
        for end in (0, -1):
            open_parts[labels.take(end, axis)] = True
    open_parts[0] = False
    return ~open_parts[labels]


def largest_part(mask: np.ndarray) -> np.ndarray:
    """The connected part with the most voxels."""
    labels, count = scipy.ndimage.label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels == sizes.argmax()


def eroded(mask: np.ndarray, grid: Grid, depth: float) -> np.ndarray:
    """The voxels of the mask that are farther than `depth` in mm from every voxel outside it.

    The border of the volume does not erode: a scan may end inside the brain.
    """
    if not depth > 0 or not mask.any() or mask.all():
        return mask
    box = bounding_box(mask, (1, 1, 1))
    result = np.zeros_like(mask)
    result[box] = depth_inside(mask[box], grid.spacing) > depth
    return result
