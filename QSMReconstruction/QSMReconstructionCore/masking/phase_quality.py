"""Phase-quality mask: where neighbouring voxels agree about the phase."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..acquisition import Acquisition
from ..numerics.romeo_weights import voxel_quality
from ..parameter import Parameter
from ..progress import Progress, no_progress, part_of
from .shape import smoothed, without_small_parts

#: Voxels whose quality is found between two reports of progress.
_SLAB_VOXELS = 4_000_000

#: Planes beyond a slab that the quality of its voxels depends on: their edges, and the linearity of these.
_REACH = 3


def phase_quality(
    acquisition: Acquisition,
    *,
    threshold: Annotated[float, Parameter("Smallest phase quality", range=(0.05, 0.95))] = 0.3,
    smoothing: Annotated[float, Parameter("Smoothing of the outline", unit="mm", range=(0, 10))] = 2.0,
    smallest_detail: Annotated[float, Parameter("Diameter of the smallest island or hole", unit="mm", range=(0, 100))]
    = 20.0,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Mask where the phase is coherent between neighbours: tissue with a usable field, brain or not.

    Parameters
    ----------
    acquisition : Acquisition
        The scan; its first two echoes are used.
    threshold : float
        Voxels of at least this quality are kept. Quality is below 0.1 in noise, above 0.5 in good tissue.
    smoothing : float
        Width (standard deviation of a Gaussian) over which the outline is smoothed, in mm.
    smallest_detail : float
        Islands are removed and holes are filled if smaller than a ball of this diameter, in mm.
    progress : callable
        May raise `Cancelled`.

    Returns
    -------
    ndarray, bool, shape (k, j, i)

    Raises
    ------
    ValueError
        If no coherent part is left.

    Notes
    -----
    The quality of a voxel is the mean ROMEO weight of the edges to its neighbours (`numerics.romeo_weights`), made of
    phase, gradient and magnitude coherence. It is a mask of tissue, not of brain: scalp and neck are as coherent as
    brain. Choose it for objects other than a head, or combine it with a brain mask.

    References
    ----------
    Dymerska et al., Magn Reson Med 2021, 10.1002/mrm.28563
    Hagberg et al., Magn Reson Med 2022, 10.1002/mrm.29368
    """
    mask = quality_of(acquisition, progress=part_of(progress, 0.0, 0.5)) >= threshold
    progress(0.5, "smoothing")
    if smoothing > 0:
        mask = smoothed(mask, acquisition.grid, smoothing)
    progress(0.7, "islands and holes")
    mask = without_small_parts(mask, acquisition.grid, smallest_detail)
    mask = ~without_small_parts(~mask, acquisition.grid, smallest_detail)
    if not mask.any():
        raise ValueError(
            f"No part of the scan larger than {smallest_detail:g} mm has a phase quality of {threshold:g}. Check that "
            "the phase is in rad, lower threshold, or draw a mask by hand."
        )
    progress(1.0, "mask done")
    return mask


def quality_of(
    acquisition: Acquisition, box: tuple[slice, slice, slice] | None = None, progress: Progress = no_progress
) -> np.ndarray:
    """Coherence of each voxel's phase with its neighbours' in the first echoes.

    Parameters
    ----------
    acquisition : Acquisition
        The scan.
    box : three slices with start and stop, optional
        The part of the volume to look at.
    progress : callable
        May raise `Cancelled`.

    Returns
    -------
    ndarray, float32, shape of the box
        Within [0, 1].
    """
    planes, *inside = box or tuple(slice(0, n) for n in acquisition.grid.shape)
    ratio = acquisition.echo_times[0] / acquisition.echo_times[1] if len(acquisition.echo_times) > 1 else None
    thickness = max(1, _SLAB_VOXELS // acquisition.magnitude[0, 0].size)
    found = []
    for start in range(planes.start, planes.stop, thickness):
        progress((start - planes.start) / (planes.stop - planes.start), "phase quality")
        stop = min(start + thickness, planes.stop)
        low, high = max(start - _REACH, planes.start), min(stop + _REACH, planes.stop)
        slab = (slice(low, high), *inside)
        quality = voxel_quality(
            acquisition.phase[0][slab],
            magnitude=acquisition.magnitude[0][slab],
            second_phase=None if ratio is None else acquisition.phase[1][slab],
            time_ratio=ratio,
        )
        found.append(quality[start - low : stop - low])
    return np.concatenate(found)
