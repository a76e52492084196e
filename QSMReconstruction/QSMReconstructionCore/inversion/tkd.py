"""Thresholded k-space division."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..grid import Grid
from ..numerics.fourier import forward, inverse, mean_over_frequencies
from ..parameter import Parameter
from ..progress import Progress, no_progress
from .padded_field import PaddedField


def tkd(
    field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    threshold: Annotated[float, Parameter("Kernel threshold", range=(0.01, 0.66))] = 0.15,
    undo_underestimation: Annotated[bool, Parameter("Undo the loss of contrast")] = False,
    integrated_kernel: Annotated[bool, Parameter("Dipole kernel integrated over voxels")] = False,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Divide by the dipole kernel where it is not small (TKD): a preview in two Fourier transforms.

    Parameters
    ----------
    field : ndarray, float32, shape (k, j, i)
        Local field in ppm.
    mask : ndarray, bool, shape (k, j, i)
        Where susceptibility is sought.
    grid : Grid
        Geometry.
    weights : ndarray, optional
        Only tells which voxels are known (weight > 0); the division cannot weight them.
    threshold : float
        Where |D| is smaller, sign(D) times this value is divided by instead. 0.15 is a common choice: less gives
        streaks and noise, more loses contrast.
    undo_underestimation : bool
        Divide by the share of a point's susceptibility that is left in its voxel. Contrast is then right on average,
        and noise and streaks grow with it.
    integrated_kernel : bool
        Take voxels for uniformly magnetized boxes. Not the default on any voxels: see `PaddedField.dipole`.
    progress : callable
        See `progress`.

    Returns
    -------
    ndarray, float32, shape (k, j, i)
        Susceptibility in ppm, 0 outside the mask; streaked, and too small in contrast by about a tenth unless that is
        undone.

    Raises
    ------
    ValueError
        If arrays do not fit together or no voxel has a weight.

    Notes
    -----
    X(k) = F(k) / D(k) where |D(k)| > threshold, else F(k) sign(D(k)) / threshold. What is left of a point is the mean
    over all frequencies of D(k) times that factor.

    References
    ----------
    Shmueli et al., Magn Reson Med 2009, 10.1002/mrm.22135;
    Wharton et al., Magn Reson Med 2010, 10.1002/mrm.22334;
    Schweser et al., Magn Reson Med 2013, 10.1002/mrm.24405 (loss of contrast)
    """
    padded = PaddedField.around(field, mask, grid, weights, integrated=integrated_kernel)
    progress(0.1, "division by the dipole kernel")
    spectrum = forward(padded.data)
    dipole = padded.dipole
    division = np.where(np.abs(dipole) > threshold, 1, np.sign(dipole)) / np.where(
        np.abs(dipole) > threshold, dipole, np.float32(threshold)
    )
    if undo_underestimation:
        division /= np.float32(mean_over_frequencies(dipole * division, padded.shape))
    spectrum *= division
    susceptibility = padded.whole(inverse(spectrum, padded.shape))
    progress(1.0, "division by the dipole kernel")
    return susceptibility
