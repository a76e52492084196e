"""Reference to the cerebrospinal fluid of the ventricles, found by its slow decay."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import scipy.ndimage

from ..acquisition import checked_mask, checked_volume
from ..grid import Grid
from ..numerics.crop import bounding_box, uncropped
from ..numerics.depth import depth_inside
from ..parameter import Parameter
from ..progress import Progress, no_progress
from . import ReferenceRegion

#: Width in mm of the Gaussian that smooths R2*: noise must not tear the fluid apart, and a ventricle must survive.
_SMOOTHING = 1.0

#: The ventricles are the largest so many parts of fluid in the middle of the brain, each of at least so many ml there.
_PARTS, _LEAST_PART = 3, 0.1

#: A region smaller than this, in ml, is not taken for the ventricles: those of healthy young adults hold ten times it.
_LEAST_VOLUME = 0.5


def csf(
    mask: np.ndarray,
    grid: Grid,
    *,
    r2star: np.ndarray | None = None,
    slowness: Annotated[float, Parameter("Largest R2* of fluid over that of the brain", range=(0.05, 0.9))] = 0.3,
    middle: Annotated[float, Parameter("Radius of the middle of the brain", unit="mm", range=(5, 100))] = 30.0,
    depth: Annotated[float, Parameter("Depth below the surface", unit="mm", range=(0, 50))] = 10.0,
    erosion: Annotated[float, Parameter("Erosion", unit="mm", range=(0, 10))] = 1.0,
    progress: Progress = no_progress,
) -> ReferenceRegion:
    """Refer susceptibility to the cerebrospinal fluid of the ventricles, where R2* is low in the middle of the brain.

    Parameters
    ----------
    mask : ndarray, bool, shape (k, j, i)
        The brain.
    grid : Grid
        Geometry.
    r2star : ndarray, float32, shape (k, j, i)
        Effective transverse relaxation rate in 1/s. A single echo has none, and then there is no such reference.
    slowness : float
        Fluid decays more slowly than the median of the brain times this. The default is 5 to 6 1/s at 3 T, the
        threshold of MEDI+0, and follows the field strength as tissue does.
    middle : float
        The ventricles reach into a sphere of this radius around the centroid of the mask, in mm.
    depth : float
        Voxels closer to the surface of the mask are left out, in mm: fluid between brain and skull.
    erosion : float
        How much is taken off the fluid all round, in mm, against partial volume with its walls.
    progress : callable
        See `progress`.

    Returns
    -------
    ReferenceRegion
        The ventricles, or what of them the scan covers.

    Raises
    ------
    ValueError
        If there is no R2*, arrays do not fit together, or no ventricle is found. Nothing else is taken in its place.

    Notes
    -----
    The connected parts of low R2* of which a piece lies in the middle of the brain, as for the zero reference of
    MEDI+0. Its mean is often preferred in disease because fluid holds neither iron nor myelin; the ventricles are small
    in young brains, and flow and the choroid plexus make their susceptibility less even than that of pure water.

    References
    ----------
    Liu et al., Magn Reson Med 2018, 10.1002/mrm.26946
    """
    mask = checked_mask(mask, grid.shape)
    if r2star is None:
        raise ValueError(
            "reference.method=csf finds the ventricles by R2*, and there is none: a single echo does not tell it. "
            "Choose whole_brain, or give the region."
        )
    rate = checked_volume("r2star", r2star, grid.shape)
    progress(0.0, "smoothing R2*")
    box = bounding_box(mask, (1, 1, 1))
    inside, spacing = mask[box], np.asarray(grid.spacing)
    smooth = scipy.ndimage.gaussian_filter(rate[box], _SMOOTHING / spacing)
    highest_rate = slowness * float(np.median(smooth[inside]))
    fluid = inside & (smooth < highest_rate)
    progress(0.4, "depth in the brain")
    fluid &= depth_inside(inside, grid.spacing) > depth

    progress(0.7, "ventricles")
    centroid = scipy.ndimage.center_of_mass(inside)
    axes = np.ogrid[tuple(slice(0, n) for n in inside.shape)]
    central = sum(((a - c) * h) ** 2 for a, c, h in zip(axes, centroid, spacing)) < middle**2
    parts, count = scipy.ndimage.label(fluid)
    volumes = np.bincount(parts[central], minlength=count + 1)[1:] * grid.voxel_volume / 1000
    largest = [n for n in np.argsort(volumes)[::-1][:_PARTS] if volumes[n] >= _LEAST_PART]
    ventricles = np.isin(parts, np.asarray(largest, dtype=int) + 1)
    if erosion > 0:
        ventricles = depth_inside(ventricles, grid.spacing) > erosion
    volume = ventricles.sum() * grid.voxel_volume / 1000
    if volume < _LEAST_VOLUME:
        raise ValueError(
            f"No ventricle was found for the CSF reference: {volume:.2f} ml in the middle of the brain decay more "
            f"slowly than {highest_rate:.1f} 1/s, and {_LEAST_VOLUME:g} ml are needed. Choose whole_brain, give the "
            "region, or raise reference.slowness if R2* is noisy."
        )
    return ReferenceRegion("CSF of the ventricles", uncropped(ventricles, box, grid.shape))
