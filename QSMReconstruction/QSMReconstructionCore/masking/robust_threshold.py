"""Signal mask: where the magnitude stands clear of the noise."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..acquisition import Acquisition
from ..parameter import Parameter
from ..progress import Progress, no_progress
from .shape import smoothed, without_small_parts

#: Intensities are ranked on at most about this many voxels.
_SAMPLES = 1_000_000


def robust_threshold(
    acquisition: Acquisition,
    *,
    level: Annotated[float, Parameter("Level, as a fraction of bright tissue", range=(0.02, 0.9))] = 0.2,
    smoothing: Annotated[float, Parameter("Smoothing of the outline", unit="mm", range=(0, 10))] = 2.0,
    smallest_detail: Annotated[float, Parameter("Diameter of the smallest island or hole", unit="mm", range=(0, 100))]
    = 20.0,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Mask everything that gives signal: the whole head, or whatever object was scanned.

    Parameters
    ----------
    acquisition : Acquisition
        The scan; its echoes are combined by root sum of squares.
    level : float
        Voxels brighter than this fraction of bright tissue are signal. Low enough to keep tissue that loses signal to
        dephasing near air, and the dark side of a surface coil.
    smoothing : float
        Width (standard deviation of a Gaussian) over which the outline is smoothed, in mm.
    smallest_detail : float
        Islands are removed and holes are filled if smaller than a ball of this diameter, in mm. Calcifications, bleeds
        and vessels inside the brain thus stay in the mask; air sinuses do not.
    progress : callable
        May raise `Cancelled`.

    Returns
    -------
    ndarray, bool, shape (k, j, i)

    Raises
    ------
    ValueError
        If nothing stands clear of the noise.

    Notes
    -----
    Bright tissue is the mean of the brighter of two classes, told apart by the threshold midway between their means
    (Ridler & Calvard); intensities above the 99th percentile, which flow or coil elements make very bright, count as
    that percentile. Noise is the mean of the lowest 15 % where these are dark enough to be air. The threshold is the
    larger of five times the noise and `level` times bright tissue.

    References
    ----------
    Ridler & Calvard, IEEE Trans Syst Man Cybern 1978, 10.1109/TSMC.1978.4310039
    """
    progress(0.0, "combining echoes")
    magnitude = root_sum_of_squares(acquisition)
    progress(0.3, "threshold")
    mask = magnitude > signal_threshold(magnitude, level)
    if smoothing > 0:
        progress(0.4, "smoothing")
        mask = smoothed(mask, acquisition.grid, smoothing)
    progress(0.7, "islands and holes")
    mask = without_small_parts(mask, acquisition.grid, smallest_detail)
    mask = ~without_small_parts(~mask, acquisition.grid, smallest_detail)
    if not mask.any():
        raise ValueError(
            f"No part of the scan is brighter than {level:g} of bright tissue and larger than {smallest_detail:g} mm. "
            "Lower level or smallest_detail, or draw a mask by hand."
        )
    progress(1.0, "mask done")
    return mask


def root_sum_of_squares(acquisition: Acquisition) -> np.ndarray:
    """Magnitude of all echoes combined, float32, shape (k, j, i), scaled to a maximum of 1."""
    magnitude = acquisition.magnitude
    scale = 1 / magnitude.max()  # squares of tiny or huge intensities would leave the range of float32
    total = np.square(magnitude[0] * scale)
    for echo in magnitude[1:]:
        total += np.square(echo * scale)
    np.sqrt(total, out=total)
    total /= total.max()
    return total


def signal_threshold(magnitude: np.ndarray, level: float) -> float:
    """Magnitude from which on there is signal: see the Notes of `robust_threshold`."""
    values = magnitude.ravel()
    values = values[:: max(1, values.size // _SAMPLES)]
    low, air, brightest = np.percentile(values, (5, 15, 99))
    tissue = _mean_of_brighter_class(np.minimum(values, brightest))
    noise = values[values <= air].mean()
    if noise > tissue / 10:  # less than 15 % of the volume is air
        noise = values[values <= low].mean()
    if noise > tissue / 10:  # no air at all
        noise = 0.0
    return max(5 * noise, level * tissue)


def _mean_of_brighter_class(values: np.ndarray) -> float:
    """Mean of the values above the threshold that lies midway between the means of the values below and above it."""
    threshold = values.mean(dtype=np.float64)
    for _ in range(50):
        above = values > threshold
        if not above.any():  # all values are equal
            return float(threshold)
        previous, threshold = threshold, (values[above].mean() + values[~above].mean()) / 2
        if abs(threshold - previous) <= 1e-4 * threshold:
            break
    return float(values[values > threshold].mean())
