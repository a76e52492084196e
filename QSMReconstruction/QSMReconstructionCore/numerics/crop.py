"""Boxes around masks: most of a scan is air, and transforms of the brain's box cost half."""

from __future__ import annotations

import numpy as np


def bounding_box(mask: np.ndarray, margin: tuple[int, int, int] = (0, 0, 0)) -> tuple[slice, slice, slice]:
    """Smallest box of voxels that holds a mask, widened by `margin` voxels where the volume allows.

    Parameters
    ----------
    mask : ndarray, bool, shape (k, j, i)
        Not empty.
    margin : (int, int, int)
        Voxels along (k, j, i).

    Returns
    -------
    tuple of slice
    """
    box = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        found = np.flatnonzero(mask.any(axis=others))
        start, stop = found[0] - margin[axis], found[-1] + 1 + margin[axis]
        box.append(slice(max(int(start), 0), min(int(stop), mask.shape[axis])))
    return tuple(box)


def cropped(volume: np.ndarray, box: tuple[slice, slice, slice]) -> np.ndarray:
    """The box of a volume, which need not be kept for it; a volume that is no larger than the box as it is."""
    return np.ascontiguousarray(volume[box])


def uncropped(part: np.ndarray, box: tuple[slice, slice, slice], shape: tuple[int, int, int]) -> np.ndarray:
    """A volume of `shape` that holds `part` in the box and 0 elsewhere."""
    volume = np.zeros(shape, dtype=part.dtype)
    volume[box] = part
    return volume
