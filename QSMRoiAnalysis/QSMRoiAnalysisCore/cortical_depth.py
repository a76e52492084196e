"""Layers of the cortex by their depth between white matter and the outer surface."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from QSMReconstructionCore.grid import Grid

from .distances import signed_distance
from .regions import Region, union_mask

#: How far around the cortex the tissues beside it are looked for, in mm: it is nowhere as thick.
_MARGIN = 10.0

#: Names of three layers, from white matter outward.
LAYERS = ("deep", "middle", "superficial")

#: Voxels of the smoothing of distances before their curvature is taken. On a sphere, more smooths its radius away.
_SMOOTHING = 2.0


def relative_depth(
    cortex: Region, inner: Sequence[Region], outer: Sequence[Region], grid: Grid, *, by_volume: bool = True
) -> np.ndarray:
    """Where each voxel of the cortex lies between the tissue under it and that above it.

    Parameters
    ----------
    cortex : Region
    inner, outer : sequence of Region
        White matter, and cerebrospinal fluid or what else lies outside.
    grid : Grid
    by_volume : bool
        Whether layers of the same depth have the same part of the volume (equivolume), as cell layers have in folds,
        rather than of the thickness (equidistant).

    Returns
    -------
    ndarray, float64, shape (voxels,)
        0 at the inner and 1 at the outer surface, in the order of `cortex.inside`.

    Raises
    ------
    ValueError
        If the cortex, or one of the tissues beside it, has no voxel.

    Notes
    -----
    With distances a and b from both surfaces, the equidistant depth is a / (a + b). For the equivolume one, surfaces
    are taken for parallel ones with the mean curvature of a sphere, 2 / r = div(grad a / |grad a|), whose inner radius
    is R = r - a: the depth is ((R + a)^3 - R^3) / ((R + a + b)^3 - R^3).

    References
    ----------
    Waehnert MD et al. NeuroImage 2014;93:210-220. https://doi.org/10.1016/j.neuroimage.2013.03.078
    """
    if not cortex.voxels:
        raise ValueError(f"{cortex.name} has no voxel, so it has no depth.")
    margins = [int(np.ceil(_MARGIN / size)) for size in grid.spacing]
    box = tuple(
        slice(max(part.start - margin, 0), min(part.stop + margin, size))
        for part, margin, size in zip(cortex.box, margins, grid.shape)
    )
    distances = []
    for tissue, where in ((inner, "under"), (outer, "above")):
        inside = union_mask(tissue, grid.shape)[box]
        if not inside.any():
            names = ", ".join(region.name for region in tissue)
            raise ValueError(f"{names} has no voxel within {_MARGIN:g} mm {where} {cortex.name}.")
        distances.append(-signed_distance(inside, grid.spacing))
    own = union_mask([cortex], grid.shape)[box]
    a, b = (np.maximum(distance[own], 0) for distance in distances)
    thickness = np.maximum(a + b, np.finfo(float).tiny)
    if not by_volume:
        return a / thickness
    curvature = _curvature(distances[0], grid.spacing)[own]
    # A flat sheet is a sphere of any large radius; a fold tighter than the cortex is thick has no parallel surfaces.
    bent = np.where(np.abs(curvature) < 1e-3, 1e-3, curvature)
    radius = 2 / bent - a
    radius = np.where(bent > 0, np.maximum(radius, 0), np.minimum(radius, -thickness))
    return ((radius + a) ** 3 - radius**3) / ((radius + thickness) ** 3 - radius**3)


def layers(
    cortex: Region, inner: Sequence[Region], outer: Sequence[Region], grid: Grid, *, by_volume: bool = True
) -> tuple[Region, ...]:
    """The cortex in three layers of equal volume (or thickness), from white matter outward; see `relative_depth`.

    Maps need voxels of 0.7 mm or less for layers to mean anything.

    Returns
    -------
    tuple of Region
        Named after `LAYERS`, such as "Precentral gyrus deep left"; a layer may be empty where voxels are coarse.
    """
    number = np.minimum((3 * relative_depth(cortex, inner, outer, grid, by_volume=by_volume)).astype(int), 2)
    found = []
    for i, name in enumerate(LAYERS):
        mask = np.zeros(grid.shape, bool)
        mask[cortex.box][cortex.inside] = number == i
        found.append(Region.from_mask(f"{cortex.structure} {name} {cortex.side}".strip(), cortex.label, mask))
    return tuple(found)


def _curvature(distance: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """Sum of the principal curvatures of the surfaces of equal distance, positive where they open outward."""
    smooth = ndimage.gaussian_filter(distance, _SMOOTHING)
    slopes = np.gradient(smooth, *spacing)
    length = np.sqrt(sum(slope**2 for slope in slopes)) + np.finfo(float).tiny
    return sum(np.gradient(slope / length, size, axis=axis) for axis, (slope, size) in enumerate(zip(slopes, spacing)))
