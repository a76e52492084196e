"""Total field inversion: background and susceptibility from the total field at once."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from ..grid import Grid
from ..parameter import Parameter
from ..progress import Progress, no_progress
from .edge_sparing import EdgeSparingFit
from .edges import penalized_differences
from .padded_field import PaddedField


def tfi(
    total_field: np.ndarray,
    mask: np.ndarray,
    grid: Grid,
    *,
    weights: np.ndarray | None = None,
    magnitude: np.ndarray | None = None,
    regularization: Annotated[float, Parameter("Regularization", unit="mm/ppm", range=(0.01, 1e5))] = 400.0,
    edge_share: Annotated[float, Parameter("Share of differences that are edges", range=(0, 0.9))] = 0.3,
    outside: Annotated[float, Parameter("Size of sources outside over those inside", range=(1, 1000))] = 30.0,
    model_error: Annotated[float, Parameter("Model error of the field", unit="ppm", range=(1e-5, 0.1))] = 0.001,
    outlier: Annotated[
        float, Parameter("Misfit of outliers in standard deviations", range=(0, 100), lowest="off")
    ] = 6.0,
    margin: Annotated[float, Parameter("Margin around the mask", unit="mm", range=(2, 200))] = 40.0,
    tolerance: Annotated[float, Parameter("Residual of the inner steps", range=(1e-4, 0.9))] = 0.003,
    max_iterations: Annotated[int, Parameter("Largest number of outer steps", range=(1, 100))] = 6,
    inner_iterations: Annotated[int, Parameter("Largest number of inner steps", range=(1, 1000))] = 150,
    integrated_kernel: Annotated[bool, Parameter("Dipole kernel integrated over voxels")] = False,
    progress: Progress = no_progress,
) -> np.ndarray:
    """Invert the total field for sources inside and outside the mask at once, without background removal (TFI).

    Parameters
    ----------
    total_field : ndarray, float32, shape (k, j, i)
        Total field in ppm, unwrapped, with the background in it.
    mask : ndarray, bool, shape (k, j, i)
        Where susceptibility is sought.
    grid : Grid
        Geometry.
    weights : ndarray, float32, shape (k, j, i), optional
        Reciprocal of the noise sd of `total_field`, in 1/ppm. Voxels of weight 0 take no part in the fit.
    magnitude : ndarray, float32, shape (k, j, i) or (echo, k, j, i), optional
        Magnitude; of several echoes the root of the sum of squares counts. Without it there are no edges to spare.
    regularization : float
        Weight of the total variation, in mm/ppm: the reciprocal of a typical gradient. Four times that of methods that
        are given the local field: what the sources outside leave of the background is more than noise. On the head
        phantom (3 mm, 3 T) the error falls from 52 to 48 % against half of it at SNR 30, from 57 to 51 % at SNR 150.
    edge_share : float
        This share of all differences between neighbours, where the magnitude changes most, is not penalised if the
        field is known on both sides.
    outside : float
        How much larger than in the mask susceptibility is expected outside, where there is air and bone. About 30 is
        the published choice for the head. Without it (1) the background is fitted too slowly and stays in the map.
    model_error : float
        What the field deviates from the dipole model besides noise, in ppm, added to the noise in quadrature.
    outlier : float
        Voxels whose misfit exceeds this many standard deviations lose weight after each outer step; 0 leaves all.
    margin : float
        Volume around the mask in which sources of the background may lie, in mm, half of it on each side.
    tolerance : float
        Stop the inner steps when their residual has fallen to this share. The background is thirty times the local
        field, so that it takes a smaller share than in `medi`: with 0.01 in 60 steps and a regularization of 100, part
        of it is left in that map, whose error is then 67 % at SNR 30 and 77 % at SNR 150.
    max_iterations : int
        Stop at the latest after so many outer steps.
    inner_iterations : int
        Stop the inner steps at the latest after so many.
    integrated_kernel : bool
        Take voxels for uniformly magnetized boxes. Not the default on any voxels: see `PaddedField.dipole`.
    progress : callable
        See `progress`.

    Returns
    -------
    ndarray, float32, shape (k, j, i)
        Susceptibility in ppm, 0 outside the mask and in the very noisy voxels at its edge that are left out.

    Raises
    ------
    ValueError
        If arrays do not fit together, or no voxel has a weight.

    Notes
    -----
    Minimises 1/2 ||W (D x - f)||^2 + lambda sum_mask |M grad x| with x = P y, W the reciprocal of the noise and M = 0
    at edges of the magnitude. P is 1 in the mask and `outside` around it. The minimum does not depend on P, but the way
    there does: conjugate gradients on y, which are those on x preconditioned by P^2, put strong sources outside first.
    They calculate in double precision: see `EdgeSparingFit`. Each inner step takes two pairs of Fourier transforms. The
    data term is linear: to a complex one, a background of several turns would be a thicket of local minima.

    References
    ----------
    Liu et al., Magn Reson Med 2017, 10.1002/mrm.26331
    """
    padded = PaddedField.around(
        total_field, mask, grid, weights, model_error=model_error, margin=margin, integrated=integrated_kernel,
        trusted_edge=True,
    )  # fmt: skip
    fit = EdgeSparingFit(
        padded, penalized_differences(padded, magnitude, edge_share), phase_scale=None,
        regularization=regularization, outlier=outlier,
        scale=np.where(padded.region, np.float32(1), np.float32(outside)),
    )
    return padded.whole(fit.solve(tolerance, max_iterations, inner_iterations, progress))
