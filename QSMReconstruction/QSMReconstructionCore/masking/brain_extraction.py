"""Brain mask from the magnitude of a head scan, skull and scalp present."""

from __future__ import annotations

import logging
from typing import Annotated

import numpy as np
import scipy.ndimage
import scipy.special

from ..acquisition import Acquisition
from ..grid import Grid
from ..numerics.blocks import block_mean, magnified
from ..parameter import Parameter
from ..progress import Progress, no_progress, part_of
from .brain_surface import brain_surface
from .phase_quality import quality_of
from .robust_threshold import root_sum_of_squares
from .shape import largest_part, without_small_holes

_LOG = logging.getLogger(__name__)

#: Size of the blocks on which the surface is sought, in mm: fine enough for the skull, few enough to be fast.
_BLOCK = 2.0

#: How far outside and inside the smooth surface single voxels are decided by their own intensity, in mm.
_OUTER_BAND, _INNER_BAND = 2.5, 5.0

#: Standard deviation in mm of the Gaussian that smooths the outline, and its least value in voxels.
_OUTLINE, _OUTLINE_VOXELS = 1.2, 0.6

#: A voxel whose phase agrees with its neighbours' to this degree has signal even where dephasing has dimmed it to this
#: fraction of the threshold.
_COHERENT, _DIMMED = 0.5, 0.4

#: A mask in which a smaller share of voxels is bright, or has a phase better than noise, holds no brain.
_LEAST_BRIGHT, _LEAST_COHERENT, _INCOHERENT = 0.6, 0.2, 0.15

#: Where more than this share of the surface lies on the border of the volume, the user should know.
_CUT_SHARE = 0.5


def brain_extraction(
    acquisition: Acquisition,
    *,
    fractional_intensity: Annotated[float, Parameter("Edge, as a fraction of brain intensity", range=(0.2, 0.8))] = 0.5,
    stiffness: Annotated[float, Parameter("Stiffness of the surface", range=(0.2, 5))] = 1.0,
    erosion: Annotated[float, Parameter("Erosion", unit="mm", range=(0, 20))] = 1.0,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Mask the brain: cerebrum, cerebellum and brain stem without skull, scalp, eyes and neck.

    Parameters
    ----------
    acquisition : Acquisition
        A scan of the head, or of a part of it.
    fractional_intensity : float
        The outline lies where the magnitude has fallen to this fraction of the way from brain to skull. Larger values
        give a smaller mask.
    stiffness : float
        Resistance of the surface to bending, relative to the default. Lower it if the mask cuts off parts of the brain,
        raise it if it bulges into the orbits or the neck.
    erosion : float
        How much is taken off the mask all round, in mm. The default takes off the partial volume of the rim and most
        of the fluid outside the cortex, where field maps are least reliable; the borders of the volume are spared.
    progress : callable
        May raise `Cancelled`.

    Returns
    -------
    ndarray, bool, shape (k, j, i)
        One connected part without holes.

    Raises
    ------
    ValueError
        If no brain is found.

    Notes
    -----
    1. Echoes are combined by root sum of squares and averaged to 2 mm.
    2. A surface, a radius in each direction around the centre of the brain, is placed where bright brain ends at the
       dark shell of the skull, as a global optimum (`brain_surface`). Intensities are relative to their surroundings,
       so that the sensitivity of the coils does not matter.
    3. Near that surface each voxel of the scan is decided by its own magnitude, or, where dephasing next to a sinus has
       dimmed it, by the coherence of its phase. Dark places inside (vessels, calcifications, bleeds) stay in the mask:
       methods that follow weight voxels by their noise.

    Where no skull comes before the border of the volume, the mask goes to the border. If that is so for more than half
    of the surface, the scan is a part of a brain; a warning is logged and reported to `progress`.

    References
    ----------
    Smith, Hum Brain Mapp 2002, 10.1002/hbm.10062 (edge relative to the local maximum and minimum along rays)
    Li et al., IEEE Trans Pattern Anal Mach Intell 2006, 10.1109/TPAMI.2006.19 (optimal surfaces as labels of columns)
    """
    progress(0.0, "combining echoes")
    magnitude = root_sum_of_squares(acquisition)
    spacing = np.asarray(acquisition.grid.spacing)
    factors = tuple(int(f) for f in np.maximum(1, np.round(_BLOCK / spacing)))
    blocks = block_mean(magnitude, factors)
    block_spacing = spacing * factors

    surface, level, cut = brain_surface(
        blocks, block_spacing, fractional_intensity, stiffness, part_of(progress, 0.1, 0.6, "surface")
    )
    depth = surface.depth(blocks.shape, block_spacing)
    box = _box_around(depth > -_OUTER_BAND - _BLOCK, factors, magnitude.shape)

    progress(0.65, "outline")
    depth = magnified(depth, factors, magnitude.shape, box)
    threshold = magnified(level, factors, magnitude.shape, box)
    threshold *= np.float32(fractional_intensity)
    progress(0.7, "outline")
    magnitude = magnitude[box]
    mask = (depth > -_OUTER_BAND) & (magnitude > threshold)
    quality = quality_of(acquisition, box, part_of(progress, 0.75, 0.85))
    mask |= (depth > 0) & (quality > _COHERENT) & (magnitude > np.float32(_DIMMED) * threshold)
    mask |= depth > _INNER_BAND

    progress(0.85, "holes")
    mask = _one_part(mask, acquisition.grid)
    progress(0.9, "smoothing")
    mask = _one_part(_shrunk(mask, acquisition.grid.spacing, erosion), acquisition.grid)
    _check_brain(mask, magnitude > threshold, quality)
    if cut > _CUT_SHARE:
        message = (
            f"The scan shows a part of a brain: {cut:.0%} of the mask's surface is the border of the volume. Elsewhere "
            "the mask ends where signal ends; check it."
        )
        _LOG.warning(message)
        progress(0.95, message)
    whole = np.zeros(acquisition.grid.shape, bool)
    whole[box] = mask
    progress(1.0, "mask done")
    return whole


def _check_brain(mask: np.ndarray, bright: np.ndarray, quality: np.ndarray) -> None:
    if not mask.any() or bright[mask].mean() < _LEAST_BRIGHT:
        raise ValueError(
            "No brain was found in the magnitude: nothing bright in it has the size of a brain. For another object use "
            "robust_threshold; otherwise draw a mask by hand."
        )
    if np.mean(quality[mask] > _INCOHERENT) < _LEAST_COHERENT:
        raise ValueError(
            "No brain was found: what looks like it in the magnitude has no coherent phase. Check that magnitude and "
            "phase belong together, or draw a mask by hand."
        )


def _box_around(inside: np.ndarray, factors: tuple[int, int, int], shape: tuple[int, int, int]) -> tuple[slice, ...]:
    """Voxels of the blocks that hold the marked ones."""
    box = []
    for axis, (factor, size) in enumerate(zip(factors, shape)):
        found = np.flatnonzero(inside.any(axis=tuple(a for a in range(3) if a != axis)))
        box.append(slice(int(found[0]) * factor, min((int(found[-1]) + 1) * factor, size)))
    return tuple(box)


def _one_part(mask: np.ndarray, grid: Grid) -> np.ndarray:
    """The largest part, without holes."""
    return without_small_holes(largest_part(mask), grid, np.inf)


def _shrunk(mask: np.ndarray, spacing: tuple[float, float, float], by: float) -> np.ndarray:
    """The mask with a smoothed outline moved inwards, to fractions of a voxel."""
    sigma = max(_OUTLINE, _OUTLINE_VOXELS * max(spacing))
    passes = max(1, int(np.ceil(by / sigma)))
    # A blurred straight edge has the value of the normal distribution function of its distance.
    level = scipy.special.ndtr(by / passes / sigma)
    for _ in range(passes):
        blurred = scipy.ndimage.gaussian_filter(
            mask.astype(np.float32), [sigma / h for h in spacing], mode="nearest", truncate=3.0
        )
        mask = blurred > level
    return mask
