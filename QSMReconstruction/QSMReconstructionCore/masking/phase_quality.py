"""Phase-quality mask: where neighbouring voxels agree about the phase."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..acquisition import Acquisition
from ..numerics.romeo_weights import voxel_quality
from ..parameter import Parameter
from ..progress import Progress, no_progress
from .robust_threshold import smoothed, without_small_parts


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
    progress(0.0, "phase quality")
    mask = quality_of(acquisition) >= threshold
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


def quality_of(acquisition: Acquisition, box: tuple[slice, ...] = (...,)) -> np.ndarray:
    """Coherence of each voxel's phase with its neighbours' in the first echoes, float32 within [0, 1], inside `box`."""
    echoes = {}
    if len(acquisition.echo_times) > 1:
        first, second = acquisition.echo_times[:2]
        echoes = {"second_phase": acquisition.phase[1][box], "time_ratio": first / second}
    return voxel_quality(acquisition.phase[0][box], magnitude=acquisition.magnitude[0][box], **echoes)
