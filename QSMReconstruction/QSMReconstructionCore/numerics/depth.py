"""How deep voxels lie in a mask."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

#: Planes whose distances are computed at once: their temporaries in double precision stay small.
_PLANES = 4


def depth_inside(
    mask: np.ndarray, spacing: tuple[float, float, float], *, border_is_outside: bool = False
) -> np.ndarray:
    """Distance from each voxel of a mask to the nearest voxel outside it.

    Parameters
    ----------
    mask : ndarray, bool, shape (k, j, i)
    spacing : (float, float, float)
        Voxel size along (k, j, i), in mm.
    border_is_outside : bool
        Whether there are voxels outside the mask beyond the border of the volume.

    Returns
    -------
    ndarray, float32, shape (k, j, i)
        In mm, between voxel centres; 0 outside the mask.

    Notes
    -----
    The Euclidean distance transform of scipy, which holds ten volumes at its peak, mostly in double precision. Here the
    distances to the nearest voxels that it finds are computed plane by plane: four volumes.
    """
    if border_is_outside:
        return depth_inside(np.pad(mask, 1), spacing)[1:-1, 1:-1, 1:-1]
    nearest = scipy.ndimage.distance_transform_edt(
        mask, sampling=spacing, return_distances=False, return_indices=True
    )
    depth = np.empty(mask.shape, np.float32)
    for start in range(0, mask.shape[0], _PLANES):
        planes = slice(start, start + _PLANES)
        here = np.ogrid[start : min(start + _PLANES, mask.shape[0]), : mask.shape[1], : mask.shape[2]]
        squares = sum(((to[planes] - at) * h) ** 2 for to, at, h in zip(nearest, here, spacing))
        depth[planes] = np.sqrt(squares)
    return depth
