"""The function whose differences between neighboring voxels are closest to given ones: a Poisson equation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.fft

from ..cores import available_cores
from ..progress import Progress, no_progress

#: What a volume meets at its border: itself mirrored (cosine transform), or its other side (Fourier transform).
BOUNDARIES = {"reflecting": "Reflecting", "periodic": "Periodic"}


def integrated(
    shape: tuple[int, int, int],
    steps: Callable[[int], np.ndarray],
    spacing: tuple[float, float, float],
    boundary: str,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Least-squares integral of differences between neighboring voxels.

    Parameters
    ----------
    shape : (int, int, int)
        Voxels along (k, j, i).
    steps : callable
        Gives, for axis 0, 1 or 2, the differences wanted between each voxel and its next one along that axis, float32.
        Their number along the axis is one less than the voxels if the boundary reflects, and the same if it is
        periodic, the last one leading back to the first voxel.
    spacing : (float, float, float)
        Voxel size along (k, j, i), in mm.
    boundary : str
        One of `BOUNDARIES`.
    progress : callable
        Called with the fraction done; may raise `Cancelled`.

    Returns
    -------
    ndarray, float32, shape (k, j, i)
        With mean 0.

    Notes
    -----
    Minimizes sum ((u_next - u - step) / h)^2 over all pairs of neighbors, by solving

        sum_axes (u_next - 2 u + u_previous) / h^2 = sum_axes (step - step_previous) / h^2

    with the eigenvalues 2 (cos k - 1) / h^2 of the very same second difference, k = pi n / N or 2 pi n / N: steps that
    are differences of a function give back that function exactly, but for a constant.

    References
    ----------
    Ghiglia DC, Romero LA. Robust two-dimensional weighted and unweighted phase unwrapping that uses fast transforms and
    iterative methods. J Opt Soc Am A 1994;11:107-117. doi: 10.1364/JOSAA.11.000107
    """
    periodic = boundary == "periodic"
    divergence = np.zeros(shape, np.float32)
    eigenvalues = []
    for axis, (size, h) in enumerate(zip(shape, spacing)):
        progress(0.1 * axis, "differences between neighbors")
        flow = np.moveaxis(steps(axis), axis, 0) / np.float32(h * h)
        along = np.moveaxis(divergence, axis, 0)
        along[: len(flow)] += flow
        if periodic:
            along[0] -= flow[-1]
            along[1:] -= flow[:-1]
        else:
            along[1:] -= flow
        count = size // 2 + 1 if periodic and axis == 2 else size
        angle = np.arange(count) * ((2 if periodic else 1) * np.pi / size)
        eigenvalues.append(((2 * np.cos(angle) - 2) / h**2).astype(np.float32).reshape(
            [-1 if a == axis else 1 for a in range(3)]))  # fmt: skip
    cores = available_cores()
    progress(0.3, "solving the Poisson equation")
    if periodic:
        spectrum = scipy.fft.rfftn(divergence, workers=cores)
    else:
        spectrum = scipy.fft.dctn(divergence, type=2, workers=cores, overwrite_x=True)
    del divergence
    progress(0.6, "solving the Poisson equation")
    k, j, i = eigenvalues
    for plane, value in zip(spectrum, k.ravel()):
        divisor = value + j[0] + i[0]
        if value == 0:
            divisor[0, 0] = 1
        plane /= divisor
    spectrum[0, 0, 0] = 0
    progress(0.7, "solving the Poisson equation")
    if periodic:
        return scipy.fft.irfftn(spectrum, s=shape, workers=cores, overwrite_x=True)
    return scipy.fft.idctn(spectrum, type=2, workers=cores, overwrite_x=True)
